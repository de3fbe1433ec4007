"""Reserves a share of calls for revalidations, so that stored documents are refreshed however many new ones are requested.

No I/O; the caller passes the time.
"""

from collections import deque

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.rate_limit_config import RateLimit

ONE_IN = 10
"""At least one in ONE_IN calls is a revalidation while any are waiting."""


class RevalidationShare:
    """Calls of one account and route that priorities reserve for each other, beyond `RateLimit.reserved`."""

    __slots__ = ("_calls", "_limit", "_rejected_at", "_revalidations")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._calls: deque[float] = deque()
        self._revalidations: deque[float] = deque()
        self._rejected_at: float | None = None

    def reserved(self, now: float, urgency: Priority, ahead: int) -> int:
        """Returns the number of calls to leave to others, including the `ahead` calls that already wait.

        A revalidation that is due leaves none, and an interactive call then leaves one to it.
        """
        if not self._is_due(now):
            return self._limit.reserved(urgency) + ahead
        if urgency is Priority.REVALIDATION:
            return 0
        return self._limit.reserved(urgency) + ahead + (urgency is Priority.INTERACTIVE and self._is_wanted(now))

    def record(self, now: float, urgency: Priority, granted: bool) -> None:
        """Record whether a call was granted."""
        if granted:
            self._calls.append(now)
        if urgency is Priority.REVALIDATION:
            self._rejected_at = None if granted else now
            if granted:
                self._revalidations.append(now)

    def _is_due(self, now: float) -> bool:
        for calls in (self._calls, self._revalidations):
            while calls and calls[0] <= now - self._limit.period:
                calls.popleft()
        return ONE_IN * len(self._revalidations) <= len(self._calls)

    def _is_wanted(self, now: float) -> bool:
        return self._rejected_at is not None and now - self._rejected_at <= self._limit.server_hint_ttl
