"""Estimates how often slots come free, from those that did. Time comes from the clock that is passed in."""

import math
from collections.abc import Callable

PACE_OF = 40
"""Number of released slots that the mean covers; the latest weigh most."""
RECENT = 10
"""The same for a second, shorter mean, so that the first, slow operations soon stop counting."""
PACE_HOLDS = 5.0
"""Seconds after which an estimate expires."""


class ServiceTimeEstimator:
    """Estimates the time between released slots while operations queue."""

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
        """Seconds between released slots; 0 until enough were seen, because operations that start together end together."""
        return min(self._mean, self._recent) if self._steps >= self._least else 0.0

    def begin(self) -> None:
        """Start measuring, as the queue became non-empty. An expired estimate is dropped."""
        self._last = self._clock()
        if self._last - self._learnt > PACE_HOLDS:
            self._steps, self._mean, self._recent = 0, 0.0, 0.0

    def step(self) -> None:
        """Record a released slot."""
        if self._last is None:
            return
        now = self._clock()
        self._steps += 1
        step = now - self._last
        self._mean += (step - self._mean) / min(self._steps, PACE_OF)
        self._recent += (step - self._recent) / min(self._steps, RECENT)
        self._last = self._learnt = now

    def end(self) -> None:
        """Stop measuring, as the queue is empty: idle time says nothing about service time."""
        self._last = None
