"""How soon places come free, learnt from those that did; no clock of its own."""

import math
from collections.abc import Callable

PACE_OF = 40
"""Places that came free which the pace is taken from, the latest counting most."""
RECENT = 10
"""The same for a second mean, so that operations that were slow because they were the first are soon forgotten."""
PACE_HOLDS = 5.0
"""Seconds after which it is learnt anew."""


class ServiceTimeEstimator:
    """How soon one place after the other comes free while somebody waits for one."""

    __slots__ = ("_clock", "_last", "_learnt", "_least", "_mean", "_recent", "_steps")

    def __init__(self, clock: Callable[[], float], least: int) -> None:
        self._clock = clock
        self._least = least
        self._steps = 0
        self._last: float | None = None
        self._learnt = -math.inf
        self._mean = self._recent = 0.0

    @property
    def seconds(self) -> float:
        """From one to the next; 0 as long as too few came free to tell: those worked on together end together."""
        return min(self._mean, self._recent) if self._steps >= self._least else 0.0

    def begin(self) -> None:
        """Somebody waits now. What was learnt some time ago was about other operations."""
        self._last = self._clock()
        if self._last - self._learnt > PACE_HOLDS:
            self._steps, self._mean, self._recent = 0, 0.0, 0.0

    def step(self) -> None:
        """A place is free now."""
        if self._last is None:
            return
        now = self._clock()
        self._steps = min(self._steps + 1, PACE_OF)
        step = now - self._last
        self._mean += (step - self._mean) / self._steps
        self._recent += (step - self._recent) / min(self._steps, RECENT)
        self._last = self._learnt = now

    def end(self) -> None:
        """Nobody waits: the time until the next place comes free tells nothing."""
        self._last = None
