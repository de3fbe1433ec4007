"""Bounded maps: an LRU cache bounded in bytes and in number, and a TTL cache whose entries expire.

They serve all bounded maps of the server. docs/decisions/0029-one-lru-cache-of-our-own.md says why not those of `cachetools`.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar, overload

import orjson

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")

MAX_REFUSED = 20_000
"""Default maximum number of refused keys that an Admission remembers: as many as a large release has documents."""
MAX_TTL_ITEMS = 10_000
"""Default maximum number of entries of a TTL cache."""


def compact_json(value: object, option: int | None = None) -> bytes:
    """JSON to be cached: a copy, since orjson's own bytes hold up to eight times their length. Raises JSONEncodeError."""
    return bytes(memoryview(orjson.dumps(value, option=option)))


def keep(memo: dict[K, V], max_items: int, key: K, value: V) -> V:
    """Bounded memo: store a value in a dict, which is cleared first if it has `max_items` entries. Returns the value.

    For values that rarely fill the dict and are cheap to make again.
    """
    if len(memo) >= max_items:
        memo.clear()
    memo[key] = value
    return value


class LRUCache(Generic[K, V]):
    """An LRU cache bounded in bytes and in number of entries; a value of more than `max_item_bytes` is not stored.

    `on_evict` is called with the key and value of each entry that is evicted, dropped or replaced.
    """

    def __init__(
        self,
        max_bytes: float,
        max_items: float = math.inf,
        max_item_bytes: float = math.inf,
        on_evict: Callable[[K, V], None] = lambda key, value: None,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._max_item_bytes = max_item_bytes
        self._on_evict = on_evict
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """Iterate over the keys, the least recently used one first."""
        return iter(self._entries)

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: D | None = None) -> V | D | None:
        """Return the value of a key and mark it as most recently used; `default` on a miss."""
        entry = self._entries.get(key)
        if entry is None:
            return default
        self._entries.move_to_end(key)
        return entry[0]

    def peek(self, key: K) -> V | None:
        """Return the value of a key without marking it as used; None on a miss."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Store a value of `size` bytes, and evict the least recently used entries beyond the bounds."""
        self.drop(key)
        if size > self._max_item_bytes:
            return
        self._entries[key] = value, size
        self.bytes += size
        while self.bytes > self._max_bytes or len(self._entries) > self._max_items:
            self.drop(next(iter(self._entries)))

    def expose(self, key: K) -> None:
        """Mark an entry as least recently used: it is evicted first."""
        self._entries.move_to_end(key, last=False)

    def drop(self, key: K) -> V | None:
        """Remove an entry; returns its value, None if there is none."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        self.bytes -= entry[1]
        self._on_evict(key, entry[0])
        return entry[0]


class Admission:
    """Decides what may evict entries of a full cache: only what is missed twice, so that one scan evicts nothing.

    The keys that were refused are remembered by their hashes, as in the ghost queue of 2Q.
    """

    def __init__(self, max_items: int = MAX_REFUSED) -> None:
        self._max_items = max_items
        self._refused: dict[int, None] = {}

    def admits(self, key: Hashable) -> bool:
        """Whether a key that is not in the full cache may be stored: if it was refused before."""
        digest = hash(key)
        if digest in self._refused:
            del self._refused[digest]
            return True
        keep(self._refused, self._max_items, digest, None)
        return False


class TTLCache(Generic[V]):
    """A map whose entries expire; beyond `max_items` entries, the oldest are evicted first."""

    def __init__(self, clock: Callable[[], float], max_items: int = MAX_TTL_ITEMS) -> None:
        self._clock = clock
        self._entries: LRUCache[Hashable, tuple[float, V]] = LRUCache(math.inf, max_items)

    def put(self, key: Hashable, value: V, seconds: float) -> None:
        """Store a value with a TTL in seconds; a TTL of 0 removes the entry."""
        if seconds > 0:
            self._entries.put(key, (self._clock() + seconds, value), 0)
        else:
            self._entries.drop(key)

    def get(self, key: Hashable) -> V | None:
        """Return the value of a key; None if it is missing or expired."""
        entry = self._entries.peek(key)
        if entry is None:
            return None
        expires_at, value = entry
        if self._clock() < expires_at:
            return value
        self._entries.drop(key)
        return None

    def drop(self, key: Hashable) -> None:
        """Remove an entry, if there is one."""
        self._entries.drop(key)

    def __len__(self) -> int:
        return len(self._entries)
