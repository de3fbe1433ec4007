"""What the resolvers of one request load from: documents, releases and index lookups, batched per event-loop tick.

Within a request, `current` always means the same release. Cached values are returned immediately.
"""

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from uuid import UUID

from aiodataloader import DataLoader

from graphql_api.asyncio_tools import Completed, gather_started
from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.competent.hal import Document, is_release
from graphql_api.competent.pagination import Listing
from graphql_api.competent.releases import CURRENT, ReleaseReader
from graphql_api.competent.routes import Route
from graphql_api.errors import NotIndexedYet, ReleaseNotFound, UpstreamNotFound
from graphql_api.index import UNKNOWN, Index, IndexRegistry
from graphql_api.index.concepts import IndexedConcept
from graphql_api.index.lookup_cache import Unknown
from graphql_api.index.registry import MAX_COMPARED
from graphql_api.index.semantic.embedder import Embedder, NoVectors
from graphql_api.index.timeline import Timeline
from graphql_api.index.timelines import RECHECK
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.schema.dependencies import ALL_INDEXES, INDEX, index_name
from graphql_api.schema.document_loaders import BATCH, DocumentLoaders
from graphql_api.schema.supplements import NO_SUPPLEMENTS, Supplements
from graphql_api.store import Store

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

MAX_LOOKUPS_ON_LOOP = 20
"""Maximum number of concepts looked up one by one on the event loop if their index is open; each takes some ten microseconds."""

IndexQuery = Callable[[sqlite3.Connection, Sequence[K]], Mapping[K, V]]
"""A query to an index for several keys; keys without a result are missing from the returned mapping."""
_AnyQuery = IndexQuery[Any, Any]


class Loaders(DocumentLoaders):
    """Loads documents, releases and index lookups for the resolvers of one request."""

    def __init__(
        self,
        store: Store,
        indexes: IndexRegistry,
        page_size: int,
        fetch_context: FetchContext,
        supplements: Supplements = NO_SUPPLEMENTS,
    ) -> None:
        super().__init__(store, fetch_context)
        self.supplements = supplements
        self._indexes = indexes
        self.page_size = page_size

    def close(self) -> None:
        """Cancel pending loads and break reference cycles at the end of the request."""
        self.__dict__.pop("_lookups", None)  # it holds a bound method of this object
        super().close()

    @property
    def releases(self) -> ReleaseReader:
        """Resolves release numbers. Created on each access: stored, it would form a reference cycle for the garbage collector."""
        return ReleaseReader(self.load, self.page_size, self.get_cached)

    @cached_property
    def _index_lock(self) -> asyncio.Lock:
        return asyncio.Lock()

    @cached_property
    def _lookups(self) -> DataLoader[tuple[str, _AnyQuery, object], Any]:
        return DataLoader(self._look_up_batch, max_batch_size=BATCH)

    def _fresh_until(self, name: str, source: object) -> float:
        if isinstance(source, Timeline):
            is_current = self._indexes.timelines.get_cached() is source
            return self.now() + RECHECK if is_current else -math.inf
        if isinstance(source, Index):
            return math.inf if self._indexes.get_cached(name.removeprefix(INDEX)) is source else -math.inf
        return super()._fresh_until(name, source)

    async def index(self, number: str) -> Index:
        """Returns the index of a release.

        Raises NotIndexedYet if it is not built in time, ReleaseNotFound if the release does not exist.
        """
        index = self.cached_index(number)
        if index is not None:
            return index
        self._has_waited = True
        if not await self.releases.exists(number):
            raise ReleaseNotFound
        with self.fetch_context.wait_guard():
            context = self.fetch_context
            return await self._indexes.get(number, context.deadline, may_build=context.may_index)

    async def open_index(self, number: str) -> Index | None:
        """Returns the index of a release, opened if its file exists; None if it would have to be built."""
        return await self._indexes.find(number)

    def cached_index(self, number: str) -> Index | None:
        """Returns the index of a release if it is open, otherwise None."""
        index = self._indexes.get_cached(number)
        if index is not None:
            self._sources.setdefault(index_name(number), index)
        return index

    async def timeline(self, number: str) -> Timeline:
        """Returns the indexed releases, with this one, and what changed between them.

        Only the index of this release is built if necessary. Raises NotIndexedYet, ReleaseNotFound as `index`.
        """
        timeline = self.cached_timeline(number)
        if timeline is None:
            self._has_waited = True
            await self.index(number)
            timeline = await self._indexes.timelines.get()
            if number not in timeline.releases:
                raise NotIndexedYet(
                    f"Only the {MAX_COMPARED} newest releases that are completely indexed are compared."
                )
            self.fetch_context.depends_on_current = True
        return timeline

    def cached_timeline(self, number: str) -> Timeline | None:
        """Returns the timeline if it needs no waiting and has this release, otherwise None."""
        timeline = self._indexes.timelines.get_cached()
        if timeline is None or number not in timeline.releases or self.cached_index(number) is None:
            return None
        self._sources.setdefault(ALL_INDEXES, timeline)
        self.fetch_context.depends_on_current = True
        return timeline

    def mark_provisional(self) -> None:
        """Keep the response out of all caches, because the same request will soon have a better one."""
        self._has_waited = True
        self.fetch_context.is_provisional = True

    @property
    def embedder(self) -> Embedder | NoVectors:
        """The embedder of this server, or why there is none."""
        return self._indexes.embedder

    def is_indexed(self, number: str) -> bool:
        """Whether the index of this release is available without waiting."""
        return self._indexes.has(number)

    def look_up(self, number: str, query: IndexQuery[K, V], key: K) -> Awaitable[V | None]:
        """Returns the result of an index lookup for one key, batched with other keys; None if there is no result."""
        value = self.look_up_cached(number, query, key)
        return self._lookups.load((number, query, key)) if value is UNKNOWN else Completed(value)

    async def met(self, number: str, keys: Sequence[tuple[ConceptType, UUID]]) -> list[IndexedConcept | None]:
        """Returns the concepts by type and uuid that the crawl of a release has met, in the order of the keys."""
        met = await self.met_of_any_type(number, [uuid for _, uuid in keys])
        return [next((one for one in met.get(uuid, ()) if one.type is type), None) for type, uuid in keys]

    async def met_of_any_type(self, number: str, uuids: Sequence[UUID]) -> Mapping[UUID, list[IndexedConcept]]:
        """Returns the concepts with these uuids that the crawl of a release has met. The response is not cached."""
        self.mark_provisional()
        return await self._indexes.met(number, uuids)

    async def look_up_all(self, number: str, query: IndexQuery[K, V], keys: Sequence[K]) -> Sequence[V | None]:
        """Returns the results for several keys, in their order; many keys become one query in a thread."""
        if len(keys) <= MAX_LOOKUPS_ON_LOOP:
            return await gather_started(self.look_up(number, query, key) for key in keys)
        values = await self._look_up_in_index(number, query, list(dict.fromkeys(keys)))
        return [values[key] for key in keys]

    def look_up_cached(self, number: str, query: IndexQuery[K, V], key: K) -> V | Literal[Unknown.UNKNOWN] | None:
        """Returns the cached result of an index lookup, None if it has no result; UNKNOWN if it must be looked up."""
        index = self.cached_index(number)
        value: V | Literal[Unknown.UNKNOWN] | None = UNKNOWN if index is None else index.get_cached(query, key)
        if value is UNKNOWN:
            self._has_waited = True
        return value

    async def _look_up_batch(self, lookups: list[tuple[str, _AnyQuery, object]]) -> list[object]:
        keys: dict[tuple[str, _AnyQuery], list[object]] = {}
        for number, query, key in lookups:
            keys.setdefault((number, query), []).append(key)
        results = await asyncio.gather(
            *(self._look_up_in_index(*of_index, batch) for of_index, batch in keys.items()),
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
        return self._in_turn(lambda: index.query_until(self.fetch_context.deadline, query, *args, **kwargs))

    async def _in_turn(self, query: Callable[[], Awaitable[T]]) -> T:
        # One query at a time, so that the queue of an index is fair: other operations get their turn between the queries of this
        # one.
        async with self._index_lock:
            return await query()

    async def release_number(self, release: str) -> str:
        """Returns the number of a release: `current` is looked up, a number is returned as it is, whether it exists or not."""
        return self.cached_release_number(release) or await self.releases.number(release)

    def cached_release_number(self, release: str) -> str | None:
        """Returns what `release_number` returns if that needs no waiting and is no error, otherwise None."""
        if release == CURRENT:
            return self.releases.get_cached()
        return release if is_release(release) else None

    async def release_exists(self, number: str) -> bool:
        """Whether Competent serves a release of this number."""
        return await self.releases.exists(number)

    def load_complete(self, route: Route, number: str, id: str) -> Awaitable[Document]:
        """Returns an awaitable of the complete document of a concept by its normalised id.

        Awaiting it raises UpstreamNotFound if there is none. If its route is only assumed and the list of its type was seen,
        falls back to the item of the list.
        """
        collection, document = _listing_of(route), self.load(route.path(number, id))
        return document if collection is None else self._or_item(document, collection, number, id)

    async def _or_item(self, document: Awaitable[Document], collection: Route, number: str, id: str) -> Document:
        try:
            return await document
        except UpstreamNotFound:
            for item in await self.listing(collection.path(number)).all():
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
