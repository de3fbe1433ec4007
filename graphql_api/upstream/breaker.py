"""The circuit breaker of one route: opens when nearly all recent calls failed. The caller passes the time.

It counts the calls of this process. Opening is written to the call limiter, which shares it with other replicas and implements
the half-open state: probes at intervals until one succeeds.
"""

from collections import deque

LAST = 40
"""Number of most recent calls considered."""
LEAST = 30
"""Minimum number of calls before the breaker can open."""
SHARE = 0.85
"""Share of failures that opens the breaker. High, because there is only one origin to call: partial failures are left to
retries."""
REMEMBERED = 30.0
"""Seconds for which a call counts."""
SHORTEST_OPEN, LONGEST_OPEN = 0.5, 2.0
"""Shortest and longest time in seconds without any call before probes start."""
OUTAGE_SHARE = 0.125
"""Share of the time the route has been failing for which it stays open: the end of a short outage is noticed early, and a long
outage costs few probes."""
PROBES = 3
"""Number of failed probes in a row after which the breaker opens for longer than SHORTEST_OPEN; a single failure proves
little."""
RECENT = 4.0
"""Seconds after the first failure during which a route is expected to recover any moment."""
PATIENCE, RECENT_PATIENCE = 0.2, 1.5
"""Seconds for which an interactive call waits for a route to recover, and the same for a route that started to fail recently."""


class Breaker:
    """Results of the most recent calls to one route."""

    __slots__ = ("_calls", "_failed_probes", "_failing_since")

    def __init__(self) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=LAST)
        self._failing_since: float | None = None
        self._failed_probes = 0

    def succeeded(self, now: float, probe: bool = False) -> None:
        """Record a successful call; a successful probe resets the count."""
        self._failing_since, self._failed_probes = None, 0
        if probe:
            self._calls.clear()
        self._calls.append((now, False))

    def failed(self, now: float, probe: bool = False) -> float:
        """Record a failed call; returns the seconds for which the breaker opens, 0.0 if it stays closed."""
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
        """Returns the seconds for which an interactive call waits for this route to recover before it fails."""
        recent = self._failing_since is not None and now - self._failing_since < RECENT
        return RECENT_PATIENCE if recent else PATIENCE
