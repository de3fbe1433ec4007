"""A token bucket rate limiter."""

from collections.abc import Callable
from time import monotonic


class TokenBucket:
    """Holds up to `burst` tokens, and gains `rate` of them per second; it starts full."""

    __slots__ = ("_burst", "_clock", "_left", "_rate", "_seen")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._seen = clock()

    def take(self, count: int = 1) -> bool:
        """Take tokens; returns False, and takes none, if there are fewer."""
        self._refill()
        if self._left < count:
            return False
        self._left -= count
        return True

    def wait(self) -> float:
        """Returns the seconds until there is a token; 0 if there is one."""
        self._refill()
        return max(0.0, (1 - self._left) / self._rate)

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
