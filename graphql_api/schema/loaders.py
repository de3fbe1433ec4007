"""DataLoaders of one request: documents by path and index look-ups, batched per event-loop tick.

Within a request, a path is loaded once and `current` always means the same release. Cached values are returned
immediately: nothing is created, scheduled or awaited until there is a miss.
"""

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from aiodataloader import DataLoader

from graphql_api.asyncio_tools import Completed, all_of
from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.competent.hal import Document
from graphql_api.competent.pagination import Listing
from graphql_api.competent.releases import CURRENT, Releases
from graphql_api.competent.routes import Route
from graphql_api.errors import ReleaseNotFound, UpstreamNotFound, without_trace
from graphql_api.index import UNKNOWN, Index, IndexRegistry
from graphql_api.index.lookup_cache import Unknown
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.schema.dependencies import INDEX, Dependencies, Read, changes_with_release, index_name, merge_reads
from graphql_api.schema.time_slices import PassBudget
from graphql_api.store import Store

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

MAX_LOOKUPS_ON_LOOP = 20
"""Maximum number of concepts looked up one by one on the event loop if their index is open; each takes some ten microseconds."""

BATCH = 100
"""Maximum documents or look-ups per batch; per event-loop pass, an operation starts one batch and resumes the waiters of one."""

IndexQuery = Callable[[sqlite3.Connection, Sequence[K]], Mapping[K, V]]
"""A query to an index for several keys; keys without a result are missing from the returned mapping."""
_AnyQuery = IndexQuery[Any, Any]


class Loaders:
    """Loads documents and index look-ups for the resolvers of one request."""

    def __init__(self, store: Store, indexes: IndexRegistry, page_size: int, fetch_context: FetchContext) -> None:
        self.fetch_context = fetch_context
        self._store = store
        self._indexes = indexes
        self._sources: dict[str, Any] = {}
        self._loading: dict[str, asyncio.Future[Document]] = {}
        self._reads: list[Read | None] = []
        self._batches: set[asyncio.Task[list[Document | Exception]]] = set()
        self._index_lock = asyncio.Lock()
        self._batch_starts, self._batch_results = PassBudget(BATCH), PassBudget(BATCH)
        self._tracked_from = 0
        self.page_size = page_size

    @property
    def releases(self) -> Releases:
        """Resolves release numbers. Created on each access: stored, it would form a reference cycle for the garbage collector."""
        return Releases(self.load, self.page_size, self.get_cached)

    # Created when first needed: most requests have only cache hits. aiodataloader also binds to the loop running at that time.

    @cached_property
    def _documents(self) -> DataLoader[str, Document]:
        return DataLoader(self._load_batch, cache_map=self._loading, max_batch_size=BATCH)  # type: ignore[arg-type]  # it takes a result for an error, too

    @cached_property
    def _lookups(self) -> DataLoader[tuple[str, _AnyQuery, object], Any]:
        return DataLoader(self._look_up_batch, max_batch_size=BATCH)

    async def _load_batch(self, paths: list[str]) -> list[Document | Exception]:
        batch = asyncio.current_task()
        assert batch is not None  # DataLoader creates a task per batch
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
        for batch in self._batches:
            batch.cancel()
        for loader in ("_documents", "_lookups"):  # each holds a bound method of this object: a cycle
            self.__dict__.pop(loader, None)
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
            self._note_release(path)
        self._reads.append((path, document))
        return document

    def load(self, path: str) -> Awaitable[Document]:
        """Returns an awaitable of the document at a path; awaiting it raises one of our errors if it cannot be loaded."""
        document = self.get_cached(path)
        if document is None:
            self._reads.append(None)
            self._note_release(path)
            return self._documents.load(path)
        return Completed(document)

    # The reads, for callers that cache what they computed from them. None marks a cache miss; Dependencies stand for all reads of
    # a reused result.

    def begin_tracking(self) -> int:
        """Returns the current position in the reads, for `dependencies_since`."""
        self._tracked_from = len(self._reads)
        return self._tracked_from

    def dependencies_since(self, position: int) -> Dependencies | None:
        """Returns what was read since `position`; None if there was a cache miss."""
        reads = [read for read in self._reads[position:] if read is not None]
        return self._dependencies(merge_reads(reads)) if len(reads) == len(self._reads) - position else None

    def _dependencies(self, sources: dict[str, object]) -> Dependencies:
        indexes = tuple(name for name in sources if name.startswith(INDEX))
        until = min((self._fresh_until(name, source) for name, source in sources.items()), default=-math.inf)
        return Dependencies(sources, indexes, until, any(map(changes_with_release, sources)))

    def replay_dependencies(self, dependencies: Dependencies) -> None:
        """Record the dependencies of a reused result; each document counts as one cache hit per request, as when first read."""
        sources = self._sources
        before = len(sources) + sum(name not in sources for name in dependencies.indexes)
        sources.update(dependencies.by_name)
        self._count(len(sources) - before)
        self._replay(dependencies)

    def _count(self, documents: int) -> None:
        self.fetch_context.stats.cached += documents
        self._store.count(documents)

    def _replay(self, dependencies: Dependencies) -> None:
        self._store.used(dependencies.by_name)
        self.fetch_context.depends_on_current |= dependencies.moving
        self._reads.append(dependencies)

    def _fresh_until(self, name: str, source: Any) -> float:
        if isinstance(source, Index):
            return math.inf if self._indexes.get_cached(name.removeprefix(INDEX)) is source else -math.inf
        return self._store.fresh_until(name, source)

    def now(self) -> float:
        """The store's time in seconds since 1970."""
        return self._store.now()

    def _note_release(self, path: str) -> None:
        if changes_with_release(path):
            self.fetch_context.depends_on_current = True

    async def index(self, number: str) -> Index:
        """Returns the index of a release.

        Raises NotIndexedYet if it is not built in time, ReleaseNotFound if the release does not exist.
        """
        index = self.cached_index(number)
        if index is not None:
            return index
        self._reads.append(None)
        if not await self.releases.exists(number):
            raise ReleaseNotFound
        with self.fetch_context.wait_guard():
            return await self._indexes.get(number, self.fetch_context.deadline)

    def cached_index(self, number: str) -> Index | None:
        """Returns the index of a release if it is open, otherwise None."""
        index = self._indexes.get_cached(number)
        if index is not None:
            name = index_name(number)
            self._sources.setdefault(name, index)
            if len(self._reads) == self._tracked_from or self._reads[-1] != (name, index):
                self._reads.append((name, index))
        return index

    def is_indexed(self, number: str) -> bool:
        """Whether the index of this release is available without waiting."""
        return self._indexes.has(number)

    def look_up(self, number: str, query: IndexQuery[K, V], key: K) -> Awaitable[V | None]:
        """Returns the result of an index look-up for one key, batched with other keys; None if there is no result."""
        value = self.look_up_cached(number, query, key)
        return self._lookups.load((number, query, key)) if value is UNKNOWN else Completed(value)

    async def look_up_all(self, number: str, query: IndexQuery[K, V], keys: Sequence[K]) -> Sequence[V | None]:
        """Returns the results for several keys, in their order; many keys become one query in a thread."""
        if len(keys) <= MAX_LOOKUPS_ON_LOOP:
            return await all_of(self.look_up(number, query, key) for key in keys)
        values = await self._look_up_in_index(number, query, list(dict.fromkeys(keys)))
        return [values[key] for key in keys]

    def look_up_cached(self, number: str, query: IndexQuery[K, V], key: K) -> V | Literal[Unknown.UNKNOWN] | None:
        """Returns the cached result of an index look-up, None if it has no result; UNKNOWN if it must be looked up."""
        index = self.cached_index(number)
        value: V | Literal[Unknown.UNKNOWN] | None = UNKNOWN if index is None else index.get_cached(query, key)
        if value is UNKNOWN:
            self._reads.append(None)
        return value

    async def _look_up_batch(self, lookups: list[tuple[str, _AnyQuery, object]]) -> list[object]:
        keys: dict[tuple[str, _AnyQuery], list[object]] = {}
        for number, query, key in lookups:
            keys.setdefault((number, query), []).append(key)
        results = await asyncio.gather(
            *(self._look_up_in_index(number, query, some) for (number, query), some in keys.items()),
            return_exceptions=True,
        )
        values = dict(zip(keys, results, strict=True))
        await self._batch_results.turn(len(lookups))
        return [
            result if isinstance(result := values[number, query], BaseException) else result.get(key)
            for number, query, key in lookups
        ]

    async def _look_up_in_index(self, number: str, query: IndexQuery[K, V], keys: Sequence[K]) -> Mapping[K, V | None]:
        index = await self.index(number)
        return await self._in_turn(lambda: index.look_up(self.fetch_context.deadline, query, keys))

    def ask(
        self, index: Index, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Query an index; raises UpstreamTimeout after the deadline of this request."""
        return self._in_turn(lambda: index.ask_until(self.fetch_context.deadline, query, *args, **kwargs))

    async def _in_turn(self, query: Callable[[], Awaitable[T]]) -> T:
        # One query at a time, so that the queue of an index is fair: other operations get their turn between the queries of this
        # one.
        async with self._index_lock:
            return await query()

    async def release_number(self, release: str) -> str:
        """Returns the number of a release: `current` is looked up, a number is returned as it is, whether it exists or not."""
        number = self.releases.get_cached() if release == CURRENT else None
        return number or await self.releases.number(release)

    async def release_exists(self, number: str) -> bool:
        """Whether Competent serves a release of this number."""
        return await self.releases.exists(number)

    async def load_complete(self, route: Route, number: str, id: str) -> Document:
        """Returns the complete document of a concept by its normalised id; raises UpstreamNotFound if there is none.

        If its route is only assumed and the list of its type was seen, falls back to the item of the list.
        """
        try:
            return await self.load(route.path(number, id))
        except UpstreamNotFound:
            collection = _listing_of(route)
            items = [] if collection is None else await self.listing(collection.path(number)).all()
            for item in items:
                if item.get("id") == id:
                    return item
            raise

    def listing(self, path: str, paged: bool = True) -> Listing:
        """Returns the list at a path (without query string), for reading parts of it."""
        return Listing(self.load, path, paged, self.page_size)


def _listing_of(route: Route) -> Route | None:
    """Returns the list of a concept type whose own route is only assumed, if the route of the list was seen."""
    if route.sure != "assumed":
        return None
    lists = (declared.collection for declared in CONCEPT_TYPES if declared.route == route)
    return next((collection for collection in lists if collection is not None and collection.sure == "seen"), None)


def _result(loading: "asyncio.Future[Document]") -> Document | None:
    """Returns the result of a load that has succeeded, otherwise None."""
    return loading.result() if loading.done() and not loading.cancelled() and not loading.exception() else None
