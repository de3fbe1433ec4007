"""Exact sliding window over the calls of one account to one route. The caller passes the time.

Unlike the one of the `limits` library, it also returns when the next call is free, reserves calls for higher priorities, and uses
the remaining count reported by upstream, all in one step.
"""

from bisect import bisect_right
from collections import deque

from graphql_api.upstream.rate_limit_config import RateLimit


class Window:
    """Times of the calls in the current period."""

    __slots__ = ("_at", "_heard_at", "_left", "_left_as_of", "_plan")

    def __init__(self, plan: RateLimit) -> None:
        self._plan = plan
        self._at: deque[float] = deque()
        self._left: int | None = None
        self._left_as_of = self._heard_at = 0.0

    def take(self, now: float, kept: int = 0, ahead: int = 0, share_of_left: float = 1.0) -> float:
        """Take a call and return 0.0 if one is free; otherwise return the seconds until one will be, after those `ahead`.

        `kept` calls are left to others, but at most the share `share_of_left` of what upstream says is left. If upstream reported
        fewer calls left than were counted here (another client uses the same key), its count applies for `RateLimit.heard`
        seconds; then one call is let through to get a new count.
        """
        self._forget(now)
        of_left = min(kept + ahead, int((self._left or 0) * share_of_left))
        wait = max(self._wait_for_plan(now, kept + ahead), self._wait_for_word(now, of_left))
        if wait == 0.0:
            self._at.append(now)
        return wait

    def _forget(self, now: float) -> None:
        while self._at and self._at[0] <= now - self._plan.period:
            self._at.popleft()

    def _wait_for_plan(self, now: float, kept: int) -> float:
        over = len(self._at) + kept - self._plan.most
        if over < 0:
            return 0.0
        # This call must leave the window first; if the window holds fewer, those ahead have yet to make theirs.
        leaving = self._at[over] if over < len(self._at) else now
        return max(leaving + self._plan.period - now, 0.001)

    def _wait_for_word(self, now: float, kept: int) -> float:
        if self._left is None or self._left - self._since(self._left_as_of) > kept:
            return 0.0
        wait = self._heard_at + self._plan.heard - now
        if wait <= 0.0:
            self._heard_at = now  # this call gets a new count; the others wait for it
            return 0.0
        return wait

    def _since(self, at: float) -> int:
        return len(self._at) - bisect_right(self._at, at)

    def told_left(self, now: float, left: int, as_of: float) -> None:
        """Record that upstream reported `left` remaining calls after the call taken at `as_of`."""
        if self._left is None or as_of >= self._left_as_of:
            self._left, self._left_as_of, self._heard_at = left, as_of, now

    def left(self, now: float) -> int:
        """Returns the number of calls free for the highest priority."""
        self._forget(now)
        counted = self._plan.most - len(self._at)
        told = counted if self._left is None else self._left - self._since(self._left_as_of)
        return max(min(counted, told), 0)
