"""The circuit breaker of one route: opens when nearly all of the last calls failed; no clock of its own.

It counts what this process saw. What it decides becomes a block in the ledger, which is where replicas learn of it, and where
half-open is: probes at intervals, until one of them is answered.
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
SHORTEST_OPEN, LONGEST_OPEN = 0.5, 2.0
"""Seconds without any call, before probes."""
OUTAGE_SHARE = 0.125
"""Open for this share of the time that the route has been failing: a short outage is noticed to be over at once, and a long one
costs few probes."""
PROBES = 3
"""Failed probes in a row after which it opens for longer than SHORTEST_OPEN: a single one proves little."""
RECENT = 4.0
"""Seconds for which a failing route is expected to come back any moment."""
PATIENCE, RECENT_PATIENCE = 0.2, 1.5
"""Seconds for which a question waits for a route to come back, and for one that began to fail recently."""


class Breaker:
    """What came of the last calls to one route."""

    __slots__ = ("_calls", "_failed_probes", "_failing_since")

    def __init__(self) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=LAST)
        self._failing_since: float | None = None
        self._failed_probes = 0

    def succeeded(self, now: float, probe: bool = False) -> None:
        """Count a call that was answered; with a probe the count begins anew."""
        self._failing_since, self._failed_probes = None, 0
        if probe:
            self._calls.clear()
        self._calls.append((now, False))

    def failed(self, now: float, probe: bool = False) -> float:
        """Count a call that failed; the seconds for which the breaker opens by it, 0.0 if it does not."""
        if self._failing_since is None:
            self._failing_since = now
        if probe:
            self._failed_probes += 1
            return SHORTEST_OPEN if self._failed_probes % PROBES else self._open_for(now)
        self._calls.append((now, True))
        if not self._opens(now):
            return 0.0
        self._calls.clear()
        return self._open_for(now)

    def _opens(self, now: float) -> bool:
        while self._calls[0][0] <= now - REMEMBERED:
            self._calls.popleft()
        failures = sum(failed for _, failed in self._calls)
        return len(self._calls) >= LEAST and failures >= SHARE * len(self._calls)

    def _open_for(self, now: float) -> float:
        assert self._failing_since is not None
        return min(max((now - self._failing_since) * OUTAGE_SHARE, SHORTEST_OPEN), LONGEST_OPEN)

    def patience(self, now: float) -> float:
        """Seconds for which a question waits for this route to come back, rather than failing."""
        recent = self._failing_since is not None and now - self._failing_since < RECENT
        return RECENT_PATIENCE if recent else PATIENCE
