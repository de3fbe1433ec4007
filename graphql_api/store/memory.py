"""Documents in this process's memory, least recently used out first; never more of them or of their bytes than agreed."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from graphql_api.store.sharing import Sharing
from graphql_api.store.shelf import Kept

MOST_ENTRIES = 100_000
"""Documents, however small."""
ENTRY = 500
"""Bytes of a document's place in a memory that shares: its path, its time, its validators."""


class Memory:
    """A map from path to document, bounded. Documents stay parsed: reading one costs no more than the look-up.

    With `sharing` equal parts of documents are one object, and the bytes counted are those that all of it takes, parsed, each
    part once; without, they are those of the documents' JSON texts.
    """

    def __init__(self, most_bytes: int, most_entries: int = MOST_ENTRIES, sharing: Sharing | None = None) -> None:
        self._most = most_bytes
        self._most_entries = most_entries
        self._sharing = sharing
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self.bytes = 0
        self.gone: Callable[[str], None] = lambda path: None
        """Told of the path of each document that is forgotten, or has another in its place."""

    def peek(self, path: str) -> Kept | None:
        """The document at a path, without counting it as a use."""
        return self._kept.get(path)

    def get(self, path: str) -> Kept | None:
        """The document at a path, which counts as a use of it."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
        return kept

    def put(self, path: str, kept: Kept) -> Kept:
        """Keep a document, and let go of the least recently used that no longer fit; gives it as it is kept.

        One larger than all the room stays out.
        """
        if kept.size > self._most:
            self.drop(path)
            return kept
        taken, more = self._taken(kept)
        old = self._kept.pop(path, None)
        if old is not None:
            self._let_go(path, old, same=old.document is taken.document)
        self._kept[path] = taken
        self.bytes += more
        if more > self._most:
            self.drop(path)
        while self.bytes > self._most or len(self._kept) > self._most_entries:
            self.drop(next(iter(self._kept)))
        return taken

    def put_if_room(self, path: str, kept: Kept) -> Kept:
        """Keep a document that nobody has read yet, if that evicts no other; it is the first to be evicted."""
        if path in self._kept or self.bytes + kept.size > self._most or len(self._kept) >= self._most_entries:
            return kept
        taken, more = self._taken(kept)
        self._kept[path] = taken
        self._kept.move_to_end(path, last=False)
        self.bytes += more
        if self.bytes > self._most:
            self.drop(path)
        return taken

    def drop(self, path: str) -> None:
        """Forget a document."""
        old = self._kept.pop(path, None)
        if old is not None:
            self._let_go(path, old)

    def _taken(self, kept: Kept) -> tuple[Kept, int]:
        if self._sharing is None:
            return kept, kept.size
        document, more = self._sharing.take(kept.document)
        return kept._replace(document=document), more + ENTRY

    def _let_go(self, path: str, old: Kept, same: bool = False) -> None:
        self.bytes -= old.size if self._sharing is None else self._sharing.give_back(old.document) + ENTRY
        if not same:
            self.gone(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
