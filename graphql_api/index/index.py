"""The finished index of one release, open for queries.

Queries are plain functions of a connection. If an error means that the file is corrupt, `damaged` is called and returns the error
to raise instead.
"""

import math
import sqlite3
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeVar
from weakref import finalize

from graphql_api.competent.declarations import ConceptType
from graphql_api.errors import NotIndexedYet
from graphql_api.index.comparisons import Comparisons
from graphql_api.index.concepts import (
    IndexedConcept,
    by_code,
    by_row_id,
    by_uuid,
    count_documents,
    failed,
    row_ids_by_code,
    row_ids_by_uuid,
)
from graphql_api.index.diff import Change, changes, counts, selected
from graphql_api.index.index_file import IndexFile, is_damage, read_only
from graphql_api.index.lookup_cache import UNKNOWN, LookupCache, Unknown
from graphql_api.index.readers import Readers
from graphql_api.index.search import Search
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.index.semantic.vectorizer import VectorJob
from graphql_api.index.tables import DamagedIndex
from graphql_api.index.timeline import ReleaseDiff, release_diff
from graphql_api.index.usage import competences_using, importances, profiles_using

if TYPE_CHECKING:
    from graphql_api.index.semantic.meaning import Meaning

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
S = TypeVar("S", bound=Sized)

_QUICK_QUERIES = frozenset(
    {by_row_id, by_uuid, by_code, row_ids_by_uuid, row_ids_by_code, profiles_using, competences_using, importances}
)
"""Queries that read only a few rows by key for each concept."""
_SERIAL_NUMBERS = count()


class Index:
    """An open index file. Opens all connections first, since another file may replace this one later under the same name."""

    def __init__(self, file: IndexFile, damaged: Callable[["Index", Exception], Exception] | None = None) -> None:
        self.file_id = file.id()
        self.written_at = file.path.stat().st_mtime
        """When the file was written, in seconds since 1970."""
        self.serial_number = next(_SERIAL_NUMBERS)
        with ExitStack() as opened:
            self._connection = opened.enter_context(closing(read_only(file.path)))
            self._comparison_connection = opened.enter_context(closing(read_only(file.path)))
            self._readers = opened.enter_context(closing(Readers(lambda: read_only(file.path))))
            self.missing = len(failed(self._connection))
            self.documents = count_documents(self._connection)
            """The number of concepts that have documents of their own."""
            self._opened = opened.pop_all()
        self._comparison_lock = threading.Lock()
        self._damaged = damaged or (lambda index, error: error)
        self.search = Search()
        self.vectors: VectorJob | NoVectors = NoVectors.OFF
        self.start_vectors: Callable[[], VectorJob] | None = None
        """Starts the vectors when they are first needed, if they have not been started."""
        self._lookups = LookupCache()
        self.comparisons = Comparisons()

    async def query(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query in a reader thread, without a deadline. Raises ServerBusy if the queue is full."""
        return await self.query_until(math.inf, query, *args, **kwargs)

    async def query_until(
        self,
        deadline: float,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a query in a reader thread; `deadline` is a time of the event loop's clock.

        Raises UpstreamTimeout if the deadline passes first, ServerBusy if the queue is full.
        """
        try:
            return await self._readers.run(deadline, query, *args, **kwargs)
        except (sqlite3.Error, DamagedIndex) as error:
            raise self._error_to_raise(error) from error

    def get_cached(
        self, query: Callable[[sqlite3.Connection, Sequence[K]], Mapping[K, T]], key: K
    ) -> T | Literal[Unknown.UNKNOWN] | None:
        """Return the cached result of a query for one key, None if it has no result; UNKNOWN on a miss.

        On a miss, quick queries run on the calling thread: they take about 10 microseconds, a round trip to a thread 100.
        """
        result = self._lookups.get(query, key)
        if result is UNKNOWN and query in _QUICK_QUERIES:
            try:
                result = self._lookups.put(query, key, query(self._connection, [key]).get(key))
            except (sqlite3.Error, DamagedIndex) as error:
                raise self._error_to_raise(error) from error
        return result

    async def look_up(
        self,
        deadline: float,
        query: Callable[[sqlite3.Connection, Sequence[K]], Mapping[K, T]],
        keys: Sequence[K],
    ) -> dict[K, T | None]:
        """Run a query for several keys and cache the results; None for keys without a result. Raises as `query_until`."""
        results = await self.query_until(deadline, query, keys)
        return {key: self._lookups.put(query, key, results.get(key)) for key in keys}

    def canonical(self, concepts: Iterable[IndexedConcept]) -> list[IndexedConcept]:
        """Replace concepts by their cached objects, so that each concept is always the same object."""
        return [self._lookups.put(by_row_id, concept.row_id, concept) for concept in concepts]

    def _error_to_raise(self, error: Exception) -> Exception:
        return self._damaged(self, error) if is_damage(error) else error

    async def changes_since(
        self,
        before: "Index",
        types: Collection[ConceptType] | None = None,
        kinds: Collection[str] | None = None,
    ) -> Sequence[Change]:
        """The changes from another index to this one, of these `types` and `kinds`; None means all.

        They are computed once and cached, and so is each selection. Raises NotIndexedYet if documents are missing from either
        index.
        """
        every = await self._compared_with(before, "changes", changes)
        if types is None and kinds is None:
            return every
        selection = tuple(None if names is None else frozenset[object](names) for names in (types, kinds))
        return await self._compared_with(before, selection, lambda *_: selected(every, types, kinds))

    async def change_counts_since(self, before: "Index") -> Mapping[ConceptType, Mapping[str, int]]:
        """The number of changes from another index to this one, by type and kind. Raises as `changes_since`."""
        every = await self.changes_since(before)
        return await self._compared_with(before, "counts", lambda *_: counts(every))

    async def diff_since(self, before: "Index") -> ReleaseDiff:
        """What happened to concepts from another index to this one, with successors. Raises as `changes_since`."""
        differing = await self.changes_since(before)
        return await self._compared_with(before, "diff", partial(release_diff, differing))

    async def _compared_with(
        self, before: "Index", name: Hashable, compare: Callable[[sqlite3.Connection, sqlite3.Connection], S]
    ) -> S:
        if before.missing or self.missing:
            raise NotIndexedYet(
                "Documents of these releases are still missing; the server keeps trying to fetch them.",
                retry_after=60.0,
            )
        key = name, before.serial_number
        return await self.comparisons.get(key, lambda: self.query(_compared, compare, before))

    @property
    def lookup_bytes(self) -> int:
        """The approximate memory of cached lookups, in bytes."""
        return self._lookups.bytes

    @contextmanager
    def comparison_connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to a query that reads this index and another one; one caller at a time."""
        with self._comparison_lock:
            yield self._comparison_connection

    @property
    def meaning(self) -> "Meaning | NoVectors":
        """The vectors of all texts of this index, or why there are none."""
        if self.start_vectors is not None:
            start, self.start_vectors = self.start_vectors, None
            self.vectors = start()
        return self.vectors if isinstance(self.vectors, NoVectors) else self.vectors.meaning or NoVectors.NOT_READY

    def close(self) -> None:
        """Wait for running queries, and close the file."""
        with self._comparison_lock:
            self._opened.close()

    def close_when_unused(self) -> None:
        """Close the file when the last query that uses this index has ended, and nothing refers to it any more."""
        finalize(self, _close_in_thread, self._opened).atexit = False


def _close_in_thread(opened: ExitStack) -> None:
    # Not in this thread, which may be the event loop's or one that it waits for.
    threading.Thread(target=opened.close, name="close-index").start()


def _compared(
    connection: sqlite3.Connection, compare: Callable[[sqlite3.Connection, sqlite3.Connection], S], before: Index
) -> S:
    with before.comparison_connection() as other:
        return compare(other, connection)
