"""The one store: memory over an optional file, and below both one fetch per path at a time, shared by all requests.

A document asked under `current` is kept under the number of its release too; what failed is not kept at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import orjson

from graphql_api.errors import UpstreamUnavailable
from graphql_api.fetching import Asker, Fetched
from graphql_api.hal import Document, href, parse_link
from graphql_api.metrics import STORE_LOOKUPS
from graphql_api.store.flights import Flights
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Kept, Shelf
from graphql_api.store.sqlite import SqliteFile

_IN_MEMORY, _IN_FILE, _JOINED, _MISSED = map(STORE_LOOKUPS.labels, ("memory", "file", "joined", "missed"))

Fetch = Callable[[str, Asker], Awaitable[Fetched]]
Found = dict[str, Document | Exception]
"""By path: the document, or the exception (nearly always one of our errors) that came instead."""


class Store:
    """Answers paths with documents: from memory, from the file, from a fetch under way, or from a new one."""

    def __init__(
        self,
        fetch: Fetch,
        shelf: Shelf,
        memory: Memory,
        file: SqliteFile | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._shelf = shelf
        self._memory = memory
        self._file = file
        self._clock = clock
        self._passing: set[str] = set()
        self._flights: Flights[Document] = Flights(self._fetch_and_keep)

    async def pass_through(self, path: str) -> Document:
        """The document at a path, for one who reads it once: it takes no room in memory from those that are read again."""
        if self._memory.get(path) is None:
            self._passing.add(path)
        found = (await self._get_many([path]))[path]
        if path in self._passing:  # else somebody who comes back has asked for it meanwhile
            self._passing.discard(path)
            self._memory.drop(path)
        if isinstance(found, Exception):
            raise found
        return found

    async def get_many(self, paths: Iterable[str]) -> Found:
        """For each path its document, or the error that came instead. One look at the file serves all of them."""
        asked = list(dict.fromkeys(paths))
        self._passing.difference_update(asked)
        return await self._get_many(asked)

    async def _get_many(self, asked: list[str]) -> Found:
        found: Found = self._from_memory(asked)
        if missing := [path for path in asked if path not in found]:
            found |= await self._from_file(missing)
            # While the file was read, a fetch of somebody else may have come home.
            found |= self._from_memory([path for path in missing if path not in found])
        if missing := [path for path in asked if path not in found]:
            found |= await self._from_upstream(missing)
        return found

    def _from_memory(self, paths: list[str]) -> Found:
        now = self._clock()
        found: Found = {}
        for path in paths:
            kept = self._memory.get(path)
            if kept is not None and self._shelf.fresh(path, kept.at, now):
                found[path] = kept.document
        _IN_MEMORY.inc(len(found))
        return found

    async def _from_file(self, paths: list[str]) -> Found:
        if self._file is None:
            return {}
        now = self._clock()
        found: Found = {}
        for path, kept in (await self._file.get_many(paths)).items():
            if self._shelf.fresh(path, kept.at, now):
                self._memory.put(path, kept)
                found[path] = kept.document
        _IN_FILE.inc(len(found))
        return found

    async def _from_upstream(self, paths: list[str]) -> Found:
        joined = sum(path in self._flights for path in paths)
        _JOINED.inc(joined)
        _MISSED.inc(len(paths) - joined)
        answers = await asyncio.gather(*map(self._flights.join, paths), return_exceptions=True)
        return dict(zip(paths, map(_told, answers), strict=True))

    async def _fetch_and_keep(self, path: str) -> Document:
        document = (await self._fetch(path, Asker())).document
        assert document is not None  # nothing was sent that it could be as before
        kept = Kept(document, self._clock(), len(orjson.dumps(document)))
        for name in {path, _pinned_path(path, document)}:
            self._memory.put(name, kept)
            if self._file is not None:
                self._file.put(name, kept)
        return document

    async def aclose(self) -> None:
        """Write what waits to be written."""
        if self._file is not None:
            await self._file.aclose()


def _told(answer: Document | BaseException) -> Document | Exception:
    # A cancelled fetch is an answer too: as a bare CancelledError it would leave those who wait without one.
    if isinstance(answer, BaseException) and not isinstance(answer, Exception):
        return UpstreamUnavailable(detail="the fetch was cancelled")
    return answer


def _pinned_path(path: str, document: Document) -> str:
    # Only `current` has a second name: any other path that a document gives itself could be somebody else's.
    if not path.startswith("/releases/current"):
        return path
    link = parse_link(href(document, "self"))
    alias = f"/releases/current{link.rest}" if link else ""
    return f"/releases/{link.release}{link.rest}" if link and path == alias else path
