"""DataLoaders of one request: documents by path and index look-ups, batched per event-loop tick.

Within a request, a path is loaded once and `current` always means the same release. Cached values are returned
immediately: nothing is created, scheduled or awaited until there is a miss.
"""

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from aiodataloader import DataLoader

from graphql_api.asyncio_tools import Completed, all_of
from graphql_api.competent import routes
from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.competent.hal import Document
from graphql_api.competent.pagination import Listing
from graphql_api.competent.releases import CURRENT, Releases
from graphql_api.competent.routes import Route
from graphql_api.errors import ReleaseNotFound, UpstreamNotFound, without_trace
from graphql_api.index import UNKNOWN, Index, IndexRegistry
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.schema.time_slices import PassBudget
from graphql_api.store import Store

P = ParamSpec("P")
T = TypeVar("T")

FEW = 20
"""Maximum number of concepts looked up one by one on the event loop if their index is open; each takes some ten microseconds."""

_MOVING = (routes.RELEASE.path(CURRENT), routes.RELEASES.path())
BATCH = 100
"""Maximum documents or look-ups per batch; per event-loop pass, an operation starts one batch and resumes the waiters of one."""
INDEX = "index "
_BELOW_CURRENT = f"{routes.RELEASE.path(CURRENT)}/"

Question = Callable[[sqlite3.Connection, Sequence[Any]], Mapping[Any, Any]]
"""A query to an index for several keys; keys without a result are missing from the returned mapping."""


class Dependencies(NamedTuple):
    """The sources of a result: documents by path and indexes by name.

    `until` is when the first of them becomes stale, in seconds since 1970; -inf if one of them was replaced. `moving` is whether
    one of them changes when a release is published.
    """

    by_name: Mapping[str, Any]
    indexes: tuple[str, ...]
    until: float
    moving: bool

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.by_name) - len(self.indexes)


class Loaders:
    """Loads documents and index look-ups for the resolvers of one request."""

    def __init__(self, store: Store, indexes: IndexRegistry, page_size: int, asker: FetchContext) -> None:
        self.asker = asker
        self._store = store
        self._indexes = indexes
        self._known: dict[str, Any] = {}
        self._loading: dict[str, asyncio.Future[Document]] = {}
        self._read: list[tuple[str, object] | Dependencies | None] = []
        self._batches: set[asyncio.Task[Any]] = set()
        self._asking = asyncio.Lock()
        self._begun, self._delivered = PassBudget(BATCH), PassBudget(BATCH)
        self._marked = 0
        self.page_size = page_size

    @property
    def releases(self) -> Releases:
        """Resolves release numbers. Created on each access: stored, it would form a reference cycle for the garbage collector."""
        return Releases(self.load, self.page_size, self.get_cached)

    # Created when first needed: most requests have only cache hits. aiodataloader also binds to the loop running at that time.

    @cached_property
    def _documents(self) -> DataLoader[str, Document]:
        return DataLoader(self._load_batch, cache_map=self._loading, max_batch_size=BATCH)  # type: ignore[arg-type]

    @cached_property
    def _lookups(self) -> DataLoader[tuple[str, Question, Any], Any]:
        return DataLoader(self._look_up_batch, max_batch_size=BATCH)

    async def _load_batch(self, paths: list[str]) -> list[Document | Exception]:
        batch = asyncio.current_task()
        assert batch is not None  # DataLoader creates a task per batch
        self._batches.add(batch)
        try:
            await self._begun.turn(len(paths))
            found = await self._store.get_many(paths, self.asker)
            await self._delivered.turn(len(paths))
        finally:
            self._batches.discard(batch)
        return [found[path] for path in paths]

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
        found = self._known.get(path)
        if found is None:
            loading = self._loading.get(path)
            found = self._store.get_cached(path, self.asker) if loading is None else _loaded(loading)
            if found is None:
                return None
            self._known[path] = found
            self._mark(path)
        self._read.append((path, found))
        return found

    def load(self, path: str) -> Awaitable[Document]:
        """Returns an awaitable of the document at a path; awaiting it raises one of our errors if it cannot be loaded."""
        found = self.get_cached(path)
        if found is None:
            self._read.append(None)
            self._mark(path)
            return self._documents.load(path)
        return Completed(found)

    # The reads, for callers that cache what they computed from them. None marks a cache miss; Dependencies stand for all reads of
    # a reused result.

    def mark(self) -> int:
        """Returns the current position in the reads, for `read_since`."""
        self._marked = len(self._read)
        return self._marked

    def read_since(self, mark: int) -> "Dependencies | None":
        """Returns the dependencies read since `mark`; None if there was a cache miss."""
        read = self._read[mark:]
        return None if None in read else self._judged(by_name_of(read))  # type: ignore[arg-type]

    def _judged(self, by_name: dict[str, Any]) -> "Dependencies":
        indexes = tuple(name for name in by_name if name.startswith(INDEX))
        until = min((self._fresh_until(*each) for each in by_name.items()), default=-math.inf)
        return Dependencies(by_name, indexes, until, any(map(_is_moving, by_name)))

    def reread(self, read: "Dependencies") -> None:
        """Record the dependencies of a reused result; each document counts as one cache hit per request, as when first read."""
        known = self._known
        before = len(known) + sum(name not in known for name in read.indexes)
        known.update(read.by_name)
        self._count(len(known) - before)
        self._reread(read)

    def _count(self, documents: int) -> None:
        self.asker.tally.cached += documents
        self._store.count(documents)

    def _reread(self, read: "Dependencies") -> None:
        self._store.used(read.by_name)
        self.asker.moving |= read.moving
        self._read.append(read)

    def _fresh_until(self, name: str, read: Any) -> float:
        if isinstance(read, Index):
            return math.inf if self._indexes.get_cached(name.removeprefix(INDEX)) is read else -math.inf
        return self._store.fresh_until(name, read)

    def now(self) -> float:
        """The store's time in seconds since 1970."""
        return self._store.now()

    def _mark(self, path: str) -> None:
        if _is_moving(path):
            self.asker.moving = True

    async def index(self, number: str) -> Index:
        """Returns the index of a release.

        Raises NotIndexedYet if it is not built in time, ReleaseNotFound if the release does not exist.
        """
        found = self.cached_index(number)
        if found is not None:
            return found
        self._read.append(None)
        if not await self.releases.exists(number):
            raise ReleaseNotFound
        with self.asker.waiting():
            return await self._indexes.get(number, self.asker.deadline)

    def cached_index(self, number: str) -> Index | None:
        """Returns the index of a release if it is open, otherwise None."""
        found = self._indexes.get_cached(number)
        if found is not None:
            name = name_of_index(number)
            self._known.setdefault(name, found)
            if len(self._read) == self._marked or self._read[-1] != (name, found):
                self._read.append((name, found))
        return found

    def is_indexed(self, number: str) -> bool:
        """Whether the index of this release is available without waiting."""
        return self._indexes.has(number)

    def look_up(self, number: str, question: Question, key: Any) -> Awaitable[Any]:
        """Returns the result of an index look-up for one key, batched with other keys; None if there is no result."""
        found = self.lookup_cached(number, question, key)
        return self._lookups.load((number, question, key)) if found is UNKNOWN else Completed(found)

    async def look_up_all(self, number: str, question: Question, keys: Sequence[Any]) -> Sequence[Any]:
        """Returns the results for several keys, in their order; many keys become one query in a thread."""
        if len(keys) <= FEW:
            return await all_of(self.look_up(number, question, key) for key in keys)
        found = await self._ask((number, question), list(dict.fromkeys(keys)))
        return [found[key] for key in keys]

    def lookup_cached(self, number: str, question: Question, key: Any) -> Any:
        """Returns the cached result of an index look-up, None if it has no result; UNKNOWN if it must be looked up."""
        index = self.cached_index(number)
        found = UNKNOWN if index is None else index.get_cached(question, key)
        if found is UNKNOWN:
            self._read.append(None)
        return found

    async def _look_up_batch(self, keys: list[tuple[str, Question, Any]]) -> list[Any]:
        asked: dict[tuple[str, Question], list[Any]] = {}
        for number, question, key in keys:
            asked.setdefault((number, question), []).append(key)
        answers = await asyncio.gather(*(self._ask(*each) for each in asked.items()), return_exceptions=True)
        found = dict(zip(asked, answers, strict=True))
        await self._delivered.turn(len(keys))
        return [
            each if isinstance(each := found[number, question], BaseException) else each.get(key)
            for number, question, key in keys
        ]

    async def _ask(self, of: tuple[str, Question], keys: list[Any]) -> Mapping[Any, Any]:
        number, question = of
        index = await self.index(number)
        return await self._in_turn(lambda: index.look_up(self.asker.deadline, question, keys))

    def ask(
        self, index: Index, question: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Query an index; raises UpstreamTimeout after the deadline of this request."""
        return self._in_turn(lambda: index.ask_until(self.asker.deadline, question, *args, **kwargs))

    async def _in_turn(self, question: Callable[[], Awaitable[T]]) -> T:
        # One query at a time, so that the queue of an index is fair: other operations get their turn between the queries of this
        # one.
        async with self._asking:
            return await question()

    async def release_number(self, release: str) -> str:
        """Returns the number of a release: `current` is looked up, a number is returned as it is, whether it exists or not."""
        number = self.releases.get_cached() if release == CURRENT else None
        return number or await self.releases.number(release)

    async def release_exists(self, number: str) -> bool:
        """Whether Competent serves a release of this number."""
        return await self.releases.exists(number)

    async def whole(self, route: Route, number: str, id: str) -> Document:
        """Returns the complete document of a concept by its normalised id; raises UpstreamNotFound if there is none.

        If its route is only assumed and the list of its type was seen, falls back to the item of the list.
        """
        try:
            return await self.load(route.path(number, id))
        except UpstreamNotFound:
            collection = _standing_in(route)
            items = [] if collection is None else await self.listing(collection.path(number)).all()
            for item in items:
                if item.get("id") == id:
                    return item
            raise

    def listing(self, path: str, paged: bool = True) -> Listing:
        """Returns the list at a path (without query string), for reading parts of it."""
        return Listing(self.load, path, paged, self.page_size)


def _standing_in(route: Route) -> Route | None:
    """Returns the list of a concept type whose own route is only assumed, if the route of the list was seen."""
    lists = (each.collection for each in CONCEPT_TYPES if each.route == route and route.sure == "assumed")
    return next((each for each in lists if each is not None and each.sure == "seen"), None)


def documents_in(read: Sequence[tuple[str, object] | Dependencies]) -> int:
    """Number of distinct documents among the reads."""
    if len(read) == 1 and isinstance(read[0], Dependencies):
        return read[0].documents
    return sum(not name.startswith(INDEX) for name in by_name_of(read))


def by_name_of(read: Sequence[tuple[str, object] | Dependencies]) -> dict[str, Any]:
    """Merges reads into one mapping by name."""
    found: dict[str, Any] = {}
    for each in read:
        found.update(each.by_name if isinstance(each, Dependencies) else (each,))
    return found


def _is_moving(path: str) -> bool:
    if path.startswith("/releases/") and not path.startswith(_MOVING[0]):
        return False  # the usual case
    return path.startswith(_BELOW_CURRENT) or path.partition("?")[0] in _MOVING


def name_of_index(number: str) -> str:
    """Returns the name of an index among dependencies."""
    return f"{INDEX}{number}"


def _loaded(loading: "asyncio.Future[Document]") -> Document | None:
    """Returns the result of a load that has succeeded, otherwise None."""
    return loading.result() if loading.done() and not loading.cancelled() and not loading.exception() else None
