"""Bounded maps: an LRU cache bounded in bytes and in number, and a TTL cache whose entries expire."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")

MOST = 10_000


def keep(known: dict[K, V], most: int, key: K, value: V) -> V:
    """Keep a value in a plain map, which begins anew where it is full: for what is rarely so many, and soon made again."""
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value


class LRUCache(Generic[K, V]):
    """Values by key, each with the bytes that it takes; one that takes more than `largest` stays out.

    `gone` is told of each that leaves, also for another in its place.
    """

    def __init__(
        self,
        most_bytes: float,
        most: float = math.inf,
        largest: float = math.inf,
        gone: Callable[[K, V], None] = lambda key, value: None,
    ) -> None:
        self._most_bytes = most_bytes
        self._most = most
        self._largest = largest
        self._gone = gone
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def get(self, key: K, otherwise: D = None) -> V | D:  # type: ignore[assignment]
        """The value of a key, which counts as a use of it; `otherwise` where there is none."""
        found = self._kept.get(key)
        if found is None:
            return otherwise
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value, and let go of those that no longer fit."""
        self.drop(key)
        if size > self._largest:
            return
        self._kept[key] = value, size
        self.bytes += size
        while self.bytes > self._most_bytes or len(self._kept) > self._most:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Forget a value."""
        found = self._kept.pop(key, None)
        if found is not None:
            self.bytes -= found[1]
            self._gone(key, found[0])


class TTLCache(Generic[V]):
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
