"""A map that is bounded in bytes and in number: what was used least recently goes first."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")


def keep(known: dict[K, V], most: int, key: K, value: V) -> V:
    """Keep a value in a plain map, which begins anew where it is full: for what is rarely so many, and soon made again."""
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value


class Recent(Generic[K, V]):
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
