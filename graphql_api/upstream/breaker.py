"""The circuit breaker of one route: opens when nearly all recent calls failed. The caller passes the time.

It counts the calls of this process. Opening is written to the call limiter, which shares it with other replicas and implements
the half-open state: probes at intervals until one succeeds.
"""

from collections import deque

WINDOW_SIZE = 40
"""Number of most recent calls considered."""
MIN_CALLS = 30
"""Minimum number of calls before the breaker can open."""
SHARE = 0.85
"""Share of failures that opens the breaker. High, because there is only one origin to call: partial failures are left to
retries."""
CALL_TTL = 30.0
"""Seconds for which a call counts."""
MIN_OPEN, MAX_OPEN = 0.5, 2.0
"""Shortest and longest time in seconds without any call before probes start."""
OUTAGE_SHARE = 0.125
"""Share of the time the route has been failing for which it stays open: the end of a short outage is noticed early, and a long
outage costs few probes."""
PROBES = 3
"""Number of failed probes in a row after which the breaker opens for longer than SHORTEST_OPEN; a single failure proves
little."""
RECENT_OUTAGE = 4.0
"""Seconds after the first failure during which a route is expected to recover any moment."""
MAX_RECOVERY_WAIT, MAX_RECENT_RECOVERY_WAIT = 0.2, 1.5
"""Seconds for which an interactive call waits for a route to recover, and the same for a route that started to fail recently."""


class CircuitBreaker:
    """Results of the most recent calls to one route."""

    __slots__ = ("_calls", "_failed_probes", "_failing_since")

    def __init__(self) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=WINDOW_SIZE)
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
            return MIN_OPEN if self._failed_probes % PROBES else self._open_for(now)
        self._calls.append((now, True))
        if not self._should_open(now):
            return 0.0
        self._calls.clear()
        return self._open_for(now)

    def _should_open(self, now: float) -> bool:
        while self._calls[0][0] <= now - CALL_TTL:
            self._calls.popleft()
        failures = sum(failed for _, failed in self._calls)
        return len(self._calls) >= MIN_CALLS and failures >= SHARE * len(self._calls)

    def _open_for(self, now: float) -> float:
        assert self._failing_since is not None
        return min(max((now - self._failing_since) * OUTAGE_SHARE, MIN_OPEN), MAX_OPEN)

    def max_recovery_wait(self, now: float) -> float:
        """Returns the seconds for which an interactive call waits for this route to recover before it fails."""
        is_recent = self._failing_since is not None and now - self._failing_since < RECENT_OUTAGE
        return MAX_RECENT_RECOVERY_WAIT if is_recent else MAX_RECOVERY_WAIT
