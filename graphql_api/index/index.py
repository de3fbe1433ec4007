"""The finished index of one release, open for questions.

Questions are plain functions of a connection. An error that says that the file is damaged goes to `damaged`, which gives the
error for the client in its place.
"""

import asyncio
import math
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from graphql_api.caching import LRUCache
from graphql_api.errors import NotIndexedYet
from graphql_api.index.concepts import IndexedConcept, by_code, by_row_id, by_uuid, failed
from graphql_api.index.diff import Change, changes
from graphql_api.index.index_file import IndexFile, is_damage, read_only
from graphql_api.index.lookup_cache import UNKNOWN, LookupCache
from graphql_api.index.readers import Readers
from graphql_api.index.search import Search
from graphql_api.index.tables import DamagedIndex
from graphql_api.index.usage import competences_using, profiles_using

P = ParamSpec("P")
T = TypeVar("T")

CHANGES_BYTES, CHANGE_BYTES = 32_000_000, 250
"""Most bytes of all comparisons with other releases that are cached, and about those of one change."""

_QUICK = frozenset({by_row_id, by_uuid, by_code, profiles_using, competences_using})
"""Questions about one thing that a few rows by key answer."""


class Index:
    """All connections are opened now: a file of the same name that replaces this one later is another index."""

    def __init__(self, file: IndexFile, damaged: Callable[["Index", Exception], Exception] | None = None) -> None:
        self.file_id = file.id()
        with ExitStack() as opened:
            self._here = opened.enter_context(closing(read_only(file.path)))
            self._beside = opened.enter_context(closing(read_only(file.path)))
            self._readers = opened.enter_context(closing(Readers(lambda: read_only(file.path))))
            self.missing = len(failed(self._here))
            self._opened = opened.pop_all()
        self._beside_lock = threading.Lock()
        self._damaged = damaged or (lambda index, error: error)
        self.search = Search()
        self._known = LookupCache()
        self._changes: LRUCache[Index, asyncio.Task[list[Change]]] = LRUCache(CHANGES_BYTES)

    async def ask(
        self, question: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer to a question, however long it takes."""
        return await self.ask_until(math.inf, question, *args, **kwargs)

    async def ask_until(
        self,
        deadline: float,
        question: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The answer to a question; UpstreamTimeout after `deadline`, a time of the event loop's clock."""
        try:
            return await self._readers.ask(deadline, question, *args, **kwargs)
        except (sqlite3.Error, DamagedIndex) as error:
            raise self._judged(error) from error

    def get_cached(self, question: Callable[..., Any], key: Any) -> Any:
        """The answer about one thing, None where there is none; UNKNOWN where nobody asked for it, and a thread must.

        The quick questions are asked here and now: they take some ten microseconds, and the way to a thread and back a hundred.
        """
        answer = self._known.get(question, key)
        if answer is UNKNOWN and question in _QUICK:
            try:
                answer = self._known.put(question, key, question(self._here, [key]).get(key))
            except (sqlite3.Error, DamagedIndex) as error:
                raise self._judged(error) from error
        return answer

    async def look_up(
        self,
        deadline: float,
        question: Callable[[sqlite3.Connection, Sequence[Any]], Mapping[Any, Any]],
        keys: Sequence[Any],
    ) -> dict[Any, Any]:
        """The answers to a question about several things, None for those that have none; they are known from now on."""
        found = await self.ask_until(deadline, question, keys)
        return {key: self._known.put(question, key, found.get(key)) for key in keys}

    def same(self, found: Iterable[IndexedConcept]) -> list[IndexedConcept]:
        """Concepts as the objects that they were in answers before, and will be."""
        return [self._known.put(by_row_id, each.row_id, each) for each in found]

    def _judged(self, error: Exception) -> Exception:
        return self._damaged(self, error) if is_damage(error) else error

    async def changes_since(self, before: "Index") -> list[Change]:
        """All changes from another index to this one.

        Compared once for all who ask, and cached; a caller that leaves does not end it for the others.
        """
        if before.missing or self.missing:
            raise NotIndexedYet(
                "Documents of these releases are still missing; the server keeps trying to fetch them.",
                retry_after=60.0,
            )
        comparison = self._changes.get(before)
        if comparison is None or (comparison.done() and (comparison.cancelled() or comparison.exception())):
            comparison = asyncio.create_task(self.ask(_compared, before))
            comparison.add_done_callback(partial(self._compared, before))
            self._changes.put(before, comparison, CHANGE_BYTES)
        return await asyncio.shield(comparison)

    def _compared(self, before: "Index", comparison: "asyncio.Task[list[Change]]") -> None:
        """Count a finished comparison with its bytes. Reading its exception here also keeps asyncio from logging it."""
        if comparison.cancelled() or comparison.exception():
            self._changes.drop(before)
        else:
            self._changes.put(before, comparison, CHANGE_BYTES * len(comparison.result()))

    @contextmanager
    def beside(self) -> Iterator[sqlite3.Connection]:
        """A connection for a question that is asked of another index and of this one."""
        with self._beside_lock:
            yield self._beside

    def close(self) -> None:
        """Wait for the questions that are being answered, and close the file."""
        self._opened.close()


def _compared(connection: sqlite3.Connection, before: Index) -> list[Change]:
    with before.beside() as other:
        return changes(other, connection, None, None)
