"""Extra queueing time for bursts: a server that was idle can catch up, one under sustained overload cannot."""

from collections.abc import Callable

REFILL = 2.0
"""Seconds of allowance regained per second without a queue."""


class BurstAllowance:
    """Queueing time allowed beyond the limit for sustained overload, in seconds: a token bucket over time.

    It starts full with `most` seconds, drains one second per second while operations queue, and refills twice as fast. A
    burst on an idle server finds it full; after `most` seconds with a queue that never empties it is used up.
    """

    __slots__ = ("_at", "_clock", "_left", "_most", "_queueing")

    def __init__(self, clock: Callable[[], float], most: float) -> None:
        self._clock = clock
        self._most = self._left = most
        self._at = clock()
        self._queueing = False

    @property
    def seconds(self) -> float:
        """The allowance left now, in seconds."""
        passed = self._clock() - self._at
        return max(self._left - passed, 0.0) if self._queueing else min(self._left + passed * REFILL, self._most)

    def queueing(self, is_so: bool) -> None:
        """Record that the queue became non-empty (True) or empty (False)."""
        self._left, self._at, self._queueing = self.seconds, self._clock(), is_so
