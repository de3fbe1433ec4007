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
    """Bounded memo: store a value in a dict, which is cleared first if it has `most` entries. Returns the value.

    For values that rarely fill the dict and are cheap to make again.
    """
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value


class LRUCache(Generic[K, V]):
    """An LRU cache bounded in bytes and in number of entries; a value of more than `largest` bytes is not stored.

    `gone` is called with the key and value of each entry that is evicted, dropped or replaced.
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
        """Return the value of a key and mark it as most recently used; `otherwise` on a miss."""
        found = self._kept.get(key)
        if found is None:
            return otherwise
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Store a value of `size` bytes, and evict the least recently used entries beyond the bounds."""
        self.drop(key)
        if size > self._largest:
            return
        self._kept[key] = value, size
        self.bytes += size
        while self.bytes > self._most_bytes or len(self._kept) > self._most:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Remove an entry, if there is one."""
        found = self._kept.pop(key, None)
        if found is not None:
            self.bytes -= found[1]
            self._gone(key, found[0])


class TTLCache(Generic[V]):
    """A map whose entries expire; beyond `most` entries, the oldest are evicted first."""

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def put(self, key: Hashable, value: V, seconds: float) -> None:
        """Store a value with a TTL in seconds; a TTL of 0 removes the entry."""
        self._known.pop(key, None)
        if seconds > 0:
            self._known[key] = (self._clock() + seconds, value)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def get(self, key: Hashable) -> V | None:
        """Return the value of a key; None if it is missing or expired."""
        known = self._known.get(key)
        if known is None:
            return None
        until, value = known
        if self._clock() < until:
            return value
        del self._known[key]
        return None

    def forget(self, key: Hashable) -> None:
        """Remove an entry, if there is one."""
        self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)
