"""Things known for a while: what is not there, what is to be left alone.

Bounded in number, and nothing is told after its time.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

MOST = 10_000


class Remembered(Generic[V]):
    """A map whose entries run out; of more than `most` the longest known are forgotten first."""

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def put(self, key: Hashable, value: V, seconds: float) -> None:
        """Know this from now on, for so many seconds; for none, forget it."""
        self._known.pop(key, None)
        if seconds > 0:
            self._known[key] = (self._clock() + seconds, value)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def get(self, key: Hashable) -> V | None:
        """What is known now, None where nothing is."""
        known = self._known.get(key)
        if known is None:
            return None
        until, value = known
        if self._clock() < until:
            return value
        del self._known[key]
        return None

    def forget(self, key: Hashable) -> None:
        """Know nothing about this any more."""
        self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)
