"""Cache-only loaders: return fresh in-memory documents or raise CacheMiss; they never suspend.

Until they are closed, no document is loaded, revalidated or counted, so the caller can start over with ordinary loaders.
"""

from collections.abc import Awaitable
from typing import Any

from graphql_api.asyncio_tools import Completed
from graphql_api.competent.hal import Document
from graphql_api.index import UNKNOWN, Index
from graphql_api.schema.loaders import Dependencies, Loaders, Question, documents_in


class CacheMiss(BaseException):
    """Raised if a value would have to be loaded. A BaseException, so that no error handler catches it."""


class CacheOnlyLoaders(Loaders):
    """Loaders that raise CacheMiss for everything that is not fresh and in memory."""

    def get_cached(self, path: str) -> Document:
        """Returns the document at a path."""
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._store.fresh(path)
            if found is None:
                raise CacheMiss
            self._mark(path)
        self._read.append((path, found))
        return found

    def load(self, path: str) -> Awaitable[Document]:
        """Returns the document as a completed awaitable."""
        return Completed(self.get_cached(path))

    async def index(self, number: str) -> Index:
        """Always raises CacheMiss: an index is only opened to query it, and queries suspend."""
        raise CacheMiss

    def lookup_cached(self, number: str, question: Question, key: Any) -> Any:
        """Returns the cached result of an index look-up for one key."""
        found = super().lookup_cached(number, question, key)
        if found is UNKNOWN:
            raise CacheMiss
        return found

    def reread(self, read: "Dependencies") -> None:
        """Record the dependencies of a reused result; hits are counted on close."""
        self._reread(read)

    def close(self) -> None:
        """Record one cache hit per distinct document read."""
        self._count(documents_in(self._read))  # type: ignore[arg-type]  # None marks a miss, which raises here
