"""The in-memory document cache: LRU, bounded in bytes and in number of documents."""

import math
from collections.abc import Callable, Iterator

from graphql_api.caching import Admission, LRUCache
from graphql_api.observability.metrics import STORE_MEMORY_EVICTED, STORE_MEMORY_REFUSED
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.interning import Interner
from graphql_api.store.steps import Steps, run_steps

MAX_ENTRIES = 100_000
"""Maximum number of documents."""
FULL = 0.98
"""The share of its bytes from which a memory with an `admission` counts as full: how much a document adds is known only later."""
ENTRY_OVERHEAD = 500
"""Memory of an entry in bytes beside its document, counted with an `interner`: its path, time and validators."""


class Memory:
    """A bounded LRU cache of entries by path. Documents stay parsed, so a hit is one dictionary lookup.

    With an `admission`, a scan of more documents than fit evicts none of those in use.

    With an `interner`, equal parts of documents are one object, and `bytes` is the memory of the parsed documents with each part
    counted once. Without it, `bytes` is the size of their JSON texts. Entries are evicted in steps, so this class checks the
    bounds.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int = MAX_ENTRIES,
        interner: Interner | None = None,
        admission: Admission | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._interner = interner
        self._admission = admission
        self._entries: LRUCache[str, CacheEntry] = LRUCache(math.inf)
        self.bytes = 0
        self._is_evicting = False
        self._listeners: list[Callable[[str], None]] = []
        self.peek: Callable[[str], CacheEntry | None] = self._entries.peek
        """Return the entry at a path without changing its LRU position."""
        self.get: Callable[[str], CacheEntry | None] = self._entries.get
        """Return the entry at a path and mark it as most recently used."""

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with the path of each document that is removed, or replaced by another."""
        self._listeners.append(listener)

    def _notify(self, path: str) -> None:
        for listener in self._listeners:
            listener(path)

    def put(self, path: str, entry: CacheEntry) -> CacheEntry:
        """Store an entry, and evict the least recently used ones beyond the bounds; returns the entry as stored.

        An entry larger than the whole cache is not stored, nor one that `admission` refuses.
        """
        return run_steps(self.put_steps(path, entry))

    def put_steps(self, path: str, entry: CacheEntry) -> Steps[CacheEntry]:
        """`put` in steps. If a newer entry is put between two steps, that one stays."""
        if entry.size > self._max_bytes:
            yield from self._drop_steps(path)
            return entry
        if self._is_refused(path, entry.size):
            STORE_MEMORY_REFUSED.inc()
            return entry
        before = self.peek(path)
        if before is not None and before.document == entry.document:
            entry = entry._replace(document=before.document)  # results derived from it stay valid
        stored, size = yield from self._intern_steps(entry)
        replaced = self.peek(path)
        if replaced is not None and replaced is not before and replaced.at > entry.at:
            yield from self._release_steps(stored)
            return entry
        self._entries.put(path, stored, 0)
        if replaced is not None:
            if replaced.document is not stored.document:
                self._notify(path)
            yield from self._release_steps(replaced)
        if size > self._max_bytes:
            yield from self._drop_steps(path)
        yield from self._evict_steps()
        return stored

    def _is_refused(self, path: str, size: int) -> bool:
        if self._admission is None or path in self._entries:
            return False
        has_room = self.bytes + size <= FULL * self._max_bytes and len(self._entries) < self._max_entries
        return not has_room and not self._admission.admits(path)

    def _evict_steps(self) -> Steps[None]:
        if self._is_evicting:  # another call evicts in steps: bytes of entries it has removed may still be counted
            return
        self._is_evicting = True
        try:
            while self._entries and (self.bytes > self._max_bytes or len(self._entries) > self._max_entries):
                STORE_MEMORY_EVICTED.inc()
                yield from self._drop_steps(next(iter(self._entries)))
                yield
        finally:
            self._is_evicting = False

    def put_if_room(self, path: str, entry: CacheEntry) -> CacheEntry:
        """Store an entry only if that evicts no other, as the first to be evicted; returns it as stored."""
        return run_steps(self.put_if_room_steps(path, entry))

    def put_if_room_steps(self, path: str, entry: CacheEntry) -> Steps[CacheEntry]:
        """`put_if_room` in steps."""
        if not self._has_room(path, entry.size):
            return entry
        stored, _ = yield from self._intern_steps(entry)
        if not self._has_room(path, 0):
            yield from self._release_steps(stored)
            return entry
        self._entries.put(path, stored, 0)
        self._entries.expose(path)
        return stored

    def _has_room(self, path: str, size: int) -> bool:
        fits = self.bytes + size <= self._max_bytes and len(self._entries) < self._max_entries
        return fits and path not in self._entries

    def drop(self, path: str) -> None:
        """Remove an entry."""
        run_steps(self._drop_steps(path))

    def _drop_steps(self, path: str) -> Steps[None]:
        entry = self._entries.drop(path)
        if entry is not None:
            self._notify(path)
            yield from self._release_steps(entry)

    def _intern_steps(self, entry: CacheEntry) -> Steps[tuple[CacheEntry, int]]:
        """Intern the document and add its size to `bytes`; returns the entry and that size."""
        size = entry.size
        if self._interner is not None:
            document, size = yield from self._interner.intern_steps(entry.document)
            entry = entry if document is entry.document else entry._replace(document=document)
            size += ENTRY_OVERHEAD
        self.bytes += size
        return entry, size

    def _release_steps(self, entry: CacheEntry) -> Steps[None]:
        freed = entry.size
        if self._interner is not None:
            freed = (yield from self._interner.release_steps(entry.document)) + ENTRY_OVERHEAD
        self.bytes -= freed

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
