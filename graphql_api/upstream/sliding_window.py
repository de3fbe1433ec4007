"""The plan's moving window over the calls of one account to one route, exact to the call; no clock of its own.

`limits` has an exact moving window too; this one also answers when the next call is free, keeps a share for those who are more
urgent, and takes upstream's own word on what is left, in one step.
"""

from bisect import bisect_right
from collections import deque

from graphql_api.upstream.rate_limit_config import RateLimit


class Window:
    """When calls were made, as far back as the plan looks."""

    __slots__ = ("_at", "_heard_at", "_left", "_left_as_of", "_plan")

    def __init__(self, plan: RateLimit) -> None:
        self._plan = plan
        self._at: deque[float] = deque()
        self._left: int | None = None
        self._left_as_of = self._heard_at = 0.0

    def take(self, now: float, kept: int = 0, ahead: int = 0, share_of_left: float = 1.0) -> float:
        """0.0 where a call is free, which is then taken; else seconds until one will be, past those `ahead`.

        `kept` calls are left for others, but no larger share than `share_of_left` of those that upstream says are left. Where it
        said that fewer are left than were counted here (somebody else uses the same key), its word goes, for `RateLimit.heard`
        seconds; then one call is let through to hear its next word.
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
        # The calls that must leave the window first; where it holds fewer, they are still to be made by those ahead.
        leaving = self._at[over] if over < len(self._at) else now
        return max(leaving + self._plan.period - now, 0.001)

    def _wait_for_word(self, now: float, kept: int) -> float:
        if self._left is None or self._left - self._since(self._left_as_of) > kept:
            return 0.0
        wait = self._heard_at + self._plan.heard - now
        if wait <= 0.0:
            self._heard_at = now  # this call finds out; the others wait for what it hears
            return 0.0
        return wait

    def _since(self, at: float) -> int:
        return len(self._at) - bisect_right(self._at, at)

    def told_left(self, now: float, left: int, as_of: float) -> None:
        """Upstream said that so many calls were left after the one that was taken at `as_of`."""
        if self._left is None or as_of >= self._left_as_of:
            self._left, self._left_as_of, self._heard_at = left, as_of, now

    def left(self, now: float) -> int:
        """Calls that are free for those who are most urgent."""
        self._forget(now)
        counted = self._plan.most - len(self._at)
        told = counted if self._left is None else self._left - self._since(self._left_as_of)
        return max(min(counted, told), 0)
