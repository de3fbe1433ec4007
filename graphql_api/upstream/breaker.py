"""The breaker of one route: opens where nearly all of the last calls failed; no clock of its own.

It counts what this process saw. What it decides becomes a block in the ledger, which is where replicas learn of it, and where
half-open is: a few probes, until one of them is answered.
"""

from collections import deque

LAST = 40
"""Calls that are looked at."""
LEAST = 30
"""Calls without which nothing is decided."""
SHARE = 0.85
"""Of failures. In front of one origin there is nowhere else to go, so a brownout is left to the retries."""
REMEMBERED = 30.0
"""Seconds for which a call counts."""
OPEN_FOR = 2.0
"""Seconds without any call, before probes."""


class Breaker:
    """What came of the last calls to one route."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=LAST)

    def record(self, now: float, failed: bool) -> bool:
        """Count a call; True where the breaker opens by it, which begins the count anew."""
        self._calls.append((now, failed))
        if not failed or len(self._calls) < LEAST:
            return False
        while self._calls[0][0] <= now - REMEMBERED:
            self._calls.popleft()
        failures = sum(failed for _, failed in self._calls)
        opens = len(self._calls) >= LEAST and failures >= SHARE * len(self._calls)
        if opens:
            self.reset()
        return opens

    def reset(self) -> None:
        """Forget what came before: the route answers again."""
        self._calls.clear()
