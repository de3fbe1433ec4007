"""Documents in this process's memory, least recently used out first; never more bytes of JSON text than agreed."""

from collections import OrderedDict

from graphql_api.store.shelf import Kept


class Memory:
    """A map from path to document, bounded in bytes. Documents stay parsed: reading one costs no more than the look-up."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self.bytes = 0

    def get(self, path: str) -> Kept | None:
        """The document at a path, which counts as a use of it."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
        return kept

    def put(self, path: str, kept: Kept) -> None:
        """Keep a document, and let go of the least recently used ones that no longer fit."""
        self.drop(path)
        self._kept[path] = kept
        self.bytes += kept.size
        while self.bytes > self._most:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= gone.size

    def drop(self, path: str) -> None:
        """Forget a document."""
        gone = self._kept.pop(path, None)
        if gone is not None:
            self.bytes -= gone.size

    def __len__(self) -> int:
        return len(self._kept)
