"""Documents in this process's memory, least recently used out first; never more of them or of their bytes than agreed."""

from collections import OrderedDict
from collections.abc import Iterator

from graphql_api.store.shelf import Kept

MOST_ENTRIES = 100_000
"""Documents; what each takes beside its JSON text is bounded by this."""


class Memory:
    """A map from path to document, bounded. Documents stay parsed: reading one costs no more than the look-up."""

    def __init__(self, most_bytes: int, most_entries: int = MOST_ENTRIES) -> None:
        self._most = most_bytes
        self._most_entries = most_entries
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self.bytes = 0

    def get(self, path: str) -> Kept | None:
        """The document at a path, which counts as a use of it."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
        return kept

    def put(self, path: str, kept: Kept) -> None:
        """Keep a document, and let go of the least recently used that no longer fit. One larger than all the room stays out."""
        self.drop(path)
        if kept.size > self._most:
            return
        self._kept[path] = kept
        self.bytes += kept.size
        while self.bytes > self._most or len(self._kept) > self._most_entries:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= gone.size

    def drop(self, path: str) -> None:
        """Forget a document."""
        gone = self._kept.pop(path, None)
        if gone is not None:
            self.bytes -= gone.size

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
