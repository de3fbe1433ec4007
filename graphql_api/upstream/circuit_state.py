"""A block on calls to a route: open until it ends, then half-open until a probe closes it.

Used both for waits that upstream asked for and for open circuit breakers. The caller passes the time.
"""

from collections import deque

from graphql_api.upstream.limiter import Reason, Rejection
from graphql_api.upstream.rate_limit_config import RateLimit


class CircuitState:
    """One block, from when it is set until a successful probe lifts it."""

    __slots__ = ("_blocked_at", "_limit", "_probes", "_reason", "_until")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._probes: deque[float] = deque()
        self._until = self._blocked_at = 0.0
        self._reason = Reason.UNAVAILABLE

    def extend(self, now: float, seconds: float, reason: Reason) -> None:
        """Block calls for `seconds`; a block that ends later keeps its end."""
        self._blocked_at = now
        if now + seconds >= self._until:
            self._until, self._reason = now + seconds, reason

    def open_rejection(self, now: float) -> Rejection | None:
        """Returns the rejection while the block is open, otherwise None."""
        return Rejection(self._reason, self._until - now) if now < self._until else None

    def rejection(self, now: float) -> Rejection | None:
        """Returns the rejection while the block is open, or half-open with all probes in use; otherwise None."""
        if open_rejection := self.open_rejection(now):
            return open_rejection
        while self._probes and self._probes[0] <= now - self._limit.probe_span:
            self._probes.popleft()
        next_probe = now
        if len(self._probes) >= self._limit.probes:
            next_probe = self._probes[0] + self._limit.probe_span
        # Probes come at equal intervals, so that each can use the result of the one before.
        if self._probes and self._reason is Reason.FAILING:
            next_probe = max(next_probe, self._probes[-1] + self._limit.probe_span / self._limit.probes)
        return Rejection(self._reason, next_probe - now, probing=True) if next_probe > now else None

    def probe(self, now: float) -> None:
        """Record that a probe was let through."""
        self._probes.append(now)

    def may_close(self, as_of: float) -> bool:
        """Whether a successful probe sent at `as_of` may lift this block: False if the block was set again since."""
        return self._blocked_at <= as_of
