"""How long a burst may wait: a server that was idle has time to catch up, one under sustained overload has none."""

from collections.abc import Callable

REFILL = 2.0
"""Seconds regained in a second without a queue."""


class BurstAllowance:
    """Seconds of waiting that are allowed beyond the limit for sustained overload: a token bucket over time.

    It is full after a start, empties while operations queue, a second each second, and fills again twice as fast. So a burst
    on an idle server finds it full, and after `most` seconds with a queue that never empties nothing is left of it.
    """

    __slots__ = ("_at", "_clock", "_left", "_most", "_queueing")

    def __init__(self, clock: Callable[[], float], most: float) -> None:
        self._clock = clock
        self._most = self._left = most
        self._at = clock()
        self._queueing = False

    @property
    def seconds(self) -> float:
        """What is left now."""
        passed = self._clock() - self._at
        return max(self._left - passed, 0.0) if self._queueing else min(self._left + passed * REFILL, self._most)

    def queueing(self, is_so: bool) -> None:
        """Note that operations queue from now on, or that none does any more."""
        self._left, self._at, self._queueing = self.seconds, self._clock(), is_so
