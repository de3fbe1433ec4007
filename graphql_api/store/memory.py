"""The in-memory document cache: LRU, bounded in bytes and in number of documents."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from graphql_api.store.freshness import CacheEntry
from graphql_api.store.interning import Interner
from graphql_api.store.steps import Steps, at_once

MOST_ENTRIES = 100_000
"""Maximum number of documents."""
ENTRY = 500
"""Overhead of an entry in bytes, counted with `sharing`: its path, time and validators."""


class Memory:
    """A bounded LRU cache of entries by path. Documents stay parsed, so a hit is one dictionary lookup.

    With `sharing`, equal parts of documents are one object, and `bytes` is the memory of the parsed documents with each part
    counted once. Without it, `bytes` is the size of their JSON texts.
    """

    def __init__(self, most_bytes: int, most_entries: int = MOST_ENTRIES, sharing: Interner | None = None) -> None:
        self._most = most_bytes
        self._most_entries = most_entries
        self._sharing = sharing
        self._kept: OrderedDict[str, CacheEntry] = OrderedDict()
        self.bytes = 0
        self._is_evicting = False
        self.gone: Callable[[str], None] = lambda path: None
        """Called with the path of each document that is removed, or replaced by another."""

    def peek(self, path: str) -> CacheEntry | None:
        """Return the entry at a path without changing its LRU position."""
        return self._kept.get(path)

    def get(self, path: str) -> CacheEntry | None:
        """Return the entry at a path and mark it as most recently used."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
        return kept

    def put(self, path: str, kept: CacheEntry) -> CacheEntry:
        """Store an entry, and evict the least recently used ones beyond the bounds; returns the entry as stored.

        An entry larger than the whole cache is not stored.
        """
        return at_once(self.putting(path, kept))

    def putting(self, path: str, kept: CacheEntry) -> Steps[CacheEntry]:
        """`put` in steps. If a newer entry is put between two steps, that one stays."""
        if kept.size > self._most:
            yield from self._dropping(path)
            return kept
        before = self._kept.get(path)
        if before is not None and before.size == kept.size and before.document == kept.document:
            kept = kept._replace(document=before.document)  # results derived from it stay valid
        taken, more = yield from self._taking(kept)
        known = self._kept.get(path)
        if known is not None and known is not before and known.at > kept.at:
            yield from self._releasing(taken)
            return kept
        self._kept.pop(path, None)
        self._kept[path] = taken
        if known is not None:
            if known.document is not taken.document:
                self.gone(path)
            yield from self._releasing(known)
        if more > self._most:
            yield from self._dropping(path)
        yield from self._evicting()
        return taken

    def _evicting(self) -> Steps[None]:
        if self._is_evicting:  # another call evicts in steps: bytes of entries it has removed may still be counted
            return
        self._is_evicting = True
        try:
            while self._kept and (self.bytes > self._most or len(self._kept) > self._most_entries):
                yield from self._dropping(next(iter(self._kept)))
                yield
        finally:
            self._is_evicting = False

    def put_if_room(self, path: str, kept: CacheEntry) -> CacheEntry:
        """Store an entry only if that evicts no other, as the first to be evicted; returns it as stored."""
        return at_once(self.putting_if_room(path, kept))

    def putting_if_room(self, path: str, kept: CacheEntry) -> Steps[CacheEntry]:
        """`put_if_room` in steps."""
        if not self._has_room(path, kept.size):
            return kept
        taken, _ = yield from self._taking(kept)
        if not self._has_room(path, 0):
            yield from self._releasing(taken)
            return kept
        self._kept[path] = taken
        self._kept.move_to_end(path, last=False)
        return taken

    def _has_room(self, path: str, size: int) -> bool:
        fits = self.bytes + size <= self._most and len(self._kept) < self._most_entries
        return fits and path not in self._kept

    def drop(self, path: str) -> None:
        """Remove an entry."""
        at_once(self._dropping(path))

    def _dropping(self, path: str) -> Steps[None]:
        old = self._kept.pop(path, None)
        if old is not None:
            self.gone(path)
            yield from self._releasing(old)

    def _taking(self, kept: CacheEntry) -> Steps[tuple[CacheEntry, int]]:
        """Intern the document and add its size to `bytes`; returns the entry and that size."""
        more = kept.size
        if self._sharing is not None:
            document, more = yield from self._sharing.taking(kept.document)
            kept, more = kept._replace(document=document), more + ENTRY
        self.bytes += more
        return kept, more

    def _releasing(self, old: CacheEntry) -> Steps[None]:
        freed = old.size
        if self._sharing is not None:
            freed = (yield from self._sharing.giving_back(old.document)) + ENTRY
        self.bytes -= freed

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
