"""Cache-only loaders: return fresh in-memory documents or raise CacheMiss; they never suspend.

Until they are closed, no document is loaded, revalidated or counted, so the caller can start over with ordinary loaders.
"""

from collections.abc import Awaitable

from graphql_api.asyncio_tools import Completed
from graphql_api.competent.hal import Document
from graphql_api.competent.releases import CURRENT
from graphql_api.index import UNKNOWN, Index
from graphql_api.index.timeline import Timeline
from graphql_api.schema.dependencies import INDEX, changes_with_release
from graphql_api.schema.loaders import IndexQuery, K, Loaders, V


class CacheMiss(BaseException):
    """Raised if a value would have to be loaded. A BaseException, so that no error handler catches it."""


class CacheOnlyLoaders(Loaders):
    """Loaders that raise CacheMiss for everything that is not fresh and in memory."""

    def get_cached(self, path: str) -> Document:
        """Returns the document at a path."""
        document: Document | None = self._sources.get(path)
        if document is None:
            document = self._store.get_fresh(path)
            if document is None:
                raise CacheMiss
            self._sources[path] = document
            if CURRENT in path or not path.startswith("/releases/"):  # rarely
                self.fetch_context.depends_on_current |= changes_with_release(path)
        return document

    def load(self, path: str) -> Awaitable[Document]:
        """Returns the document as a completed awaitable."""
        return Completed(self.get_cached(path))

    async def index(self, number: str) -> Index:
        """Always raises CacheMiss: an index is only opened to query it, and queries suspend."""
        raise CacheMiss

    def cached_timeline(self, number: str) -> Timeline:
        """Returns the timeline of the indexed releases."""
        timeline = super().cached_timeline(number)
        if timeline is None:
            raise CacheMiss
        return timeline

    def look_up_cached(self, number: str, query: IndexQuery[K, V], key: K) -> V | None:
        """Returns the cached result of an index lookup for one key."""
        value = super().look_up_cached(number, query, key)
        if value is UNKNOWN:
            raise CacheMiss
        return value

    def close(self) -> None:
        """Record one cache hit per distinct document read."""
        documents = len(self._sources) - len([name for name in self._sources if name.startswith(INDEX)])
        self.fetch_context.stats.cached += documents
        self._store.record_hits(documents)
