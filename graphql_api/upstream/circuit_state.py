"""A block on calls to a route: none until it ends, then a few probes until one of them lifts it; no clock of its own.

Both a wait that upstream asked for and an open breaker are such blocks. In the words of breakers: open, then half-open.
"""

from collections import deque

from graphql_api.upstream.limiter import Reason, Rejection
from graphql_api.upstream.rate_limit_config import RateLimit


class CircuitState:
    """One block, from the time that somebody asked for it to the time that it is lifted."""

    __slots__ = ("_at", "_plan", "_probes", "_reason", "_until")

    def __init__(self, plan: RateLimit) -> None:
        self._plan = plan
        self._probes: deque[float] = deque()
        self._until = self._at = 0.0
        self._reason = Reason.UNAVAILABLE

    def extend(self, now: float, seconds: float, reason: Reason) -> None:
        """Let nothing through for so many seconds; a block that ends later than that stays as it is."""
        self._at = now
        if now + seconds >= self._until:
            self._until, self._reason = now + seconds, reason

    def holds(self, now: float) -> Rejection | None:
        """The refusal, as long as the block has not ended."""
        return Rejection(self._reason, self._until - now) if now < self._until else None

    def refuses(self, now: float) -> Rejection | None:
        """The refusal, also where the block has ended and all probes are out."""
        if refused := self.holds(now):
            return refused
        while self._probes and self._probes[0] <= now - self._plan.probe_span:
            self._probes.popleft()
        next_probe = now
        if len(self._probes) >= self._plan.probes:
            next_probe = self._probes[0] + self._plan.probe_span
        if (
            self._probes and self._reason is Reason.FAILING
        ):  # one after the other: the next one sees what became of this one
            next_probe = max(next_probe, self._probes[-1] + self._plan.probe_span / self._plan.probes)
        return Rejection(self._reason, next_probe - now, probing=True) if next_probe > now else None

    def probe(self, now: float) -> None:
        """One probe is let through."""
        self._probes.append(now)

    def lifted(self, as_of: float) -> bool:
        """Whether a probe let through at `as_of` may lift this block: not where somebody has asked for it anew since."""
        return self._at <= as_of
