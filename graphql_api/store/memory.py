"""Documents in this process's memory, least recently used out first; never more of them or of their bytes than agreed."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from graphql_api.store.freshness import CacheEntry
from graphql_api.store.interning import Interner
from graphql_api.store.steps import Steps, at_once

MOST_ENTRIES = 100_000
"""Documents, however small."""
ENTRY = 500
"""Bytes of a document's place in a memory that shares: its path, its time, its validators."""


class Memory:
    """A map from path to document, bounded. Documents stay parsed: reading one costs no more than the look-up.

    With `sharing` equal parts of documents are one object, and the bytes counted are those that all of it takes, parsed, each
    part once; without, they are those of the documents' JSON texts.
    """

    def __init__(self, most_bytes: int, most_entries: int = MOST_ENTRIES, sharing: Interner | None = None) -> None:
        self._most = most_bytes
        self._most_entries = most_entries
        self._sharing = sharing
        self._kept: OrderedDict[str, CacheEntry] = OrderedDict()
        self.bytes = 0
        self._is_evicting = False
        self.gone: Callable[[str], None] = lambda path: None
        """Told of the path of each document that is forgotten, or has another in its place."""

    def peek(self, path: str) -> CacheEntry | None:
        """The document at a path, without counting it as a use."""
        return self._kept.get(path)

    def get(self, path: str) -> CacheEntry | None:
        """The document at a path, which counts as a use of it."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
        return kept

    def put(self, path: str, kept: CacheEntry) -> CacheEntry:
        """Keep a document, and let go of the least recently used that no longer fit; gives it as it is kept.

        One larger than all the room stays out.
        """
        return at_once(self.putting(path, kept))

    def putting(self, path: str, kept: CacheEntry) -> Steps[CacheEntry]:
        """`put` in steps. If a newer document comes in between, that one stays."""
        if kept.size > self._most:
            yield from self._dropping(path)
            return kept
        before = self._kept.get(path)
        if before is not None and before.size == kept.size and before.document == kept.document:
            kept = kept._replace(document=before.document)  # what was made of it stays good
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
        if self._is_evicting:  # in steps: what has been dropped there is still counted
            return
        self._is_evicting = True
        try:
            while self._kept and (self.bytes > self._most or len(self._kept) > self._most_entries):
                yield from self._dropping(next(iter(self._kept)))
                yield
        finally:
            self._is_evicting = False

    def put_if_room(self, path: str, kept: CacheEntry) -> CacheEntry:
        """Keep a document that nobody has read yet, if that evicts no other; it is the first to be evicted."""
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
        """Forget a document."""
        at_once(self._dropping(path))

    def _dropping(self, path: str) -> Steps[None]:
        old = self._kept.pop(path, None)
        if old is not None:
            self.gone(path)
            yield from self._releasing(old)

    def _taking(self, kept: CacheEntry) -> Steps[tuple[CacheEntry, int]]:
        """The document with the parts that are known, and its bytes, which are counted from now on."""
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
