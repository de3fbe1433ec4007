"""DataLoader of the documents of one request, by path, and the record of what was read.

Within a request, a path is loaded once. Cached documents are returned immediately: nothing is created, scheduled or awaited until
there is a miss.
"""

import asyncio
import math
from collections.abc import Awaitable
from functools import cached_property
from typing import Any

from aiodataloader import DataLoader

from graphql_api.asyncio_tools import Completed
from graphql_api.competent.hal import Document
from graphql_api.errors import without_trace
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.schema.dependencies import INDEX, Dependencies, changes_with_release
from graphql_api.schema.time_slices import PassBudget
from graphql_api.store import Store

BATCH = 100
"""Maximum documents or lookups per batch; per event-loop pass, an operation starts one batch and resumes the waiters of one."""


class DocumentLoaders:
    """Loads documents, and records what was read, for the resolvers of one request."""

    def __init__(self, store: Store, fetch_context: FetchContext) -> None:
        self.fetch_context = fetch_context
        self._store = store
        self._sources: dict[str, Any] = {}
        self._loading: dict[str, asyncio.Future[Document]] = {}
        self._has_waited = False
        """Whether anything was not cached when it was first needed."""
        self._batches: set[asyncio.Task[list[Document | Exception]]] = set()
        self._is_closed = False

    # Created when first needed: most requests have only cache hits. aiodataloader also binds to the loop running at that time.

    @cached_property
    def _batch_starts(self) -> PassBudget:
        return PassBudget(BATCH)

    @cached_property
    def _batch_results(self) -> PassBudget:
        return PassBudget(BATCH)

    @cached_property
    def _documents(self) -> DataLoader[str, Document]:
        return DataLoader(self._load_batch, cache_map=self._loading, max_batch_size=BATCH)  # type: ignore[arg-type]  # aiodataloader takes a result for an error, too

    async def _load_batch(self, paths: list[str]) -> list[Document | Exception]:
        batch = asyncio.current_task()
        assert batch is not None  # DataLoader creates a task per batch
        if self._is_closed:  # while the batch was about to start
            raise asyncio.CancelledError
        self._batches.add(batch)
        try:
            await self._batch_starts.turn(len(paths))
            documents = await self._store.get_many(paths, self.fetch_context)
            await self._batch_results.turn(len(paths))
        finally:
            self._batches.discard(batch)
        return [documents[path] for path in paths]

    def close(self) -> None:
        """Cancel pending loads and break reference cycles at the end of the request."""
        self._is_closed = True
        for batch in self._batches:
            batch.cancel()
        self.__dict__.pop("_documents", None)  # it holds a bound method of this object: a cycle
        for failed in self._loading.values():  # tracebacks hold the frames of the waiters, which hold these loaders
            if failed.done() and not failed.cancelled():
                without_trace(failed.exception())
        self._loading.clear()

    def get_cached(self, path: str) -> Document | None:
        """Returns the document at a path if that needs no waiting; None if it must be loaded, which may fail."""
        document = self._sources.get(path)
        if document is None:
            loading = self._loading.get(path)
            document = self._store.get_cached(path, self.fetch_context) if loading is None else _result(loading)
            if document is None:
                return None
            self._sources[path] = document
            if changes_with_release(path):
                self.fetch_context.depends_on_current = True
        return document

    def load(self, path: str) -> Awaitable[Document]:
        """Returns an awaitable of the document at a path; awaiting it raises one of our errors if it cannot be loaded."""
        document = self.get_cached(path)
        if document is None:
            self._has_waited = True
            self.fetch_context.depends_on_current |= changes_with_release(path)
            return self._documents.load(path)
        return Completed(document)

    # For callers that cache what they computed from these.

    def dependencies(self) -> Dependencies | None:
        """Returns everything that was read; None if there was a cache miss."""
        if self._has_waited:
            return None
        sources = dict(self._sources)
        indexes = tuple(name for name in sources if name.startswith(INDEX))
        until = min((self._fresh_until(name, source) for name, source in sources.items()), default=-math.inf)
        return Dependencies(sources, indexes, until, any(map(changes_with_release, sources)))

    def _fresh_until(self, name: str, source: Any) -> float:
        return self._store.fresh_until(name, source)

    def now(self) -> float:
        """The store's time in seconds since 1970."""
        return self._store.now()


def _result(loading: "asyncio.Future[Document]") -> Document | None:
    """Returns the result of a load that has succeeded, otherwise None."""
    return loading.result() if loading.done() and not loading.cancelled() and not loading.exception() else None
