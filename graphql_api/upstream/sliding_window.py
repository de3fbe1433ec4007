"""Exact sliding window over the calls of one account to one route. The caller passes the time.

Unlike the one of the `limits` library, it also returns when the next call is free, reserves calls for higher priorities, and uses
the remaining count reported by upstream, all in one step.
"""

from bisect import bisect_right
from collections import deque

from graphql_api.upstream.rate_limit_config import RateLimit


class Window:
    """Times of the calls in the current period."""

    __slots__ = ("_call_times", "_limit", "_remaining", "_remaining_as_of", "_synced_at")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._call_times: deque[float] = deque()
        self._remaining: int | None = None
        self._remaining_as_of = self._synced_at = 0.0

    def take(self, now: float, reserved: int = 0, ahead: int = 0, share_of_remaining: float = 1.0) -> float:
        """Take a call and return 0.0 if one is free; otherwise return the seconds until one will be, after those `ahead`.

        `reserved` calls are left to others, but at most the share `share_of_remaining` of what upstream says remains. If upstream
        reported fewer calls left than were counted here (another client uses the same key), its count applies for
        `RateLimit.server_hint_ttl` seconds; then one call is let through to get a new count.
        """
        self._drop_expired(now)
        of_remaining = min(reserved + ahead, int((self._remaining or 0) * share_of_remaining))
        wait = max(self._wait_for_limit(now, reserved + ahead), self._wait_for_remaining(now, of_remaining))
        if wait == 0.0:
            self._call_times.append(now)
        return wait

    def _drop_expired(self, now: float) -> None:
        while self._call_times and self._call_times[0] <= now - self._limit.period:
            self._call_times.popleft()

    def _wait_for_limit(self, now: float, reserved: int) -> float:
        over = len(self._call_times) + reserved - self._limit.max_calls
        if over < 0:
            return 0.0
        # This call must leave the window first; if the window holds fewer, those ahead have yet to make theirs.
        leaving = self._call_times[over] if over < len(self._call_times) else now
        return max(leaving + self._limit.period - now, 0.001)

    def _wait_for_remaining(self, now: float, reserved: int) -> float:
        if self._remaining is None or self._remaining - self._since(self._remaining_as_of) > reserved:
            return 0.0
        wait = self._synced_at + self._limit.server_hint_ttl - now
        if wait <= 0.0:
            self._synced_at = now  # this call gets a new count; the others wait for it
            return 0.0
        return wait

    def _since(self, at: float) -> int:
        return len(self._call_times) - bisect_right(self._call_times, at)

    def sync_remaining(self, now: float, remaining: int, as_of: float) -> None:
        """Record that upstream reported `remaining` calls after the call taken at `as_of`."""
        if self._remaining is None or as_of >= self._remaining_as_of:
            self._remaining, self._remaining_as_of, self._synced_at = remaining, as_of, now

    def remaining(self, now: float) -> int:
        """Returns the number of calls free for the highest priority."""
        self._drop_expired(now)
        counted = self._limit.max_calls - len(self._call_times)
        reported = counted if self._remaining is None else self._remaining - self._since(self._remaining_as_of)
        return max(min(counted, reported), 0)
