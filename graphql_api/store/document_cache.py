"""The store: a memory cache over an optional backend, with single-flight fetches that all requests share.

Documents are normalised when they enter, so callers need no checks. Entries that have not expired are served without waiting for
upstream. The release document fetched under `current` is also stored under its number. Errors are not stored as documents.
"""

import asyncio
import copy
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from graphql_api.caching import TTLCache
from graphql_api.competent import routes
from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.competent.hal import Document
from graphql_api.errors import (
    CompetentError,
    NotLoadedYet,
    UpstreamError,
    UpstreamInvalidResponse,
    UpstreamNotFound,
    UpstreamTimeout,
)
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.observability.metrics import STORE_LOOKUPS, BufferedCounter
from graphql_api.settings.secret import Secret
from graphql_api.store.backend import Backend
from graphql_api.store.freshness import CacheEntry, Freshness, FreshnessPolicy, is_lasting
from graphql_api.store.intake import normalise_fetched
from graphql_api.store.memory import Memory
from graphql_api.store.revalidation import Revalidations
from graphql_api.store.singleflight import InFlight, SingleFlight
from graphql_api.store.steps import at_once, in_turns

_FRESH, _STALE = (BufferedCounter(STORE_LOOKUPS.labels(found)) for found in ("hit", "stale"))
_JOINED, _MISSED, _MISSING = map(STORE_LOOKUPS.labels, ("joined", "miss", "not_found"))

LOOKS = 31
"""Touch the LRU position of source documents on every 31st use of a derived response; prime, so that no pattern evades it."""

MAX_STARTED = 200
"""Fetches that one operation starts in one batch: starting or ending thousands in one event-loop turn would block the rest."""
TIME_SLICE = 0.005
"""Seconds of storing documents in memory before yielding to the event loop."""
_CURRENT = routes.RELEASE.path(routes.CURRENT)

RETRY_AFTER = 1.0
"""Seconds; short, because the documents fetched so far are cached."""

LARGE = 100_000
"""Bytes of JSON from which a document is stored in steps with event-loop turns between; a smaller one takes about 1 ms."""

Found = dict[str, Document | Exception]
"""The document, or the exception raised instead (nearly always a CompetentError), by path."""


class Fetch(Protocol):
    """The function that fetches from upstream: `Upstream.fetch`."""

    def __call__(self, path: str, asker: FetchContext, validators: Validators, /) -> Awaitable[Fetched]:
        """Fetch the document, or learn that it is unchanged under these validators. Raises only UpstreamError."""


class Store:
    """Returns documents by path: from memory, the backend, a fetch in flight, or a new fetch.

    `not_found_ttl` is how many seconds a missing document is remembered before it is requested again.
    """

    def __init__(
        self,
        fetch: Fetch,
        shelf: FreshnessPolicy,
        memory: Memory,
        backend: Backend | None = None,
        clock: Callable[[], float] = time.time,
        not_found_ttl: float = 0.0,
    ) -> None:
        self._fetch = fetch
        self._shelf = shelf
        self._memory = memory
        self._backend = backend
        self._clock = clock
        self._not_found_ttl = not_found_ttl
        self._uses = 0
        self._passing: set[str] = set()
        self._flights: SingleFlight[CacheEntry] = SingleFlight()
        self._missing: TTLCache[UpstreamNotFound] = TTLCache(clock)
        self._revalidations = Revalidations(clock)

    async def pass_through(self, path: str) -> Document:
        """Return the document at a path, for a crawl. It is stored in memory only if there is room, and is evicted first.

        A stale copy is returned without revalidation, which would fetch all of an old release again. Raises an UpstreamError
        if the fetch fails.
        """
        if self._memory.get(path) is None and self._flight(path, FetchContext()) not in self._flights:
            self._passing.add(path)
        try:
            found = (await self._get_many([path], FetchContext(Priority.CRAWL)))[path]
        finally:
            self._passing.discard(path)
        if isinstance(found, Exception):
            raise found
        return found

    def get_cached(self, path: str, asker: FetchContext) -> Document | None:
        """Return the document in memory, fresh or stale, counted and revalidated as by `get_many`; None if that needs to wait."""
        kept = self._memory.get(path)
        return None if kept is None else self._served(path, kept, asker)

    def fresh(self, path: str) -> Document | None:
        """Return the document in memory if it is fresh, without counting a hit or revalidating."""
        kept = self._memory.get(path)
        return None if kept is None or not self._is_fresh(path, kept) else kept.document

    def _is_fresh(self, path: str, kept: CacheEntry) -> bool:
        return self._shelf.state(path, kept, self._clock()) is Freshness.FRESH

    @property
    def renewals_fail(self) -> bool:
        """Whether the last revalidation failed because of upstream."""
        return self._revalidations.upstream_failed

    def now(self) -> float:
        """The current time, in seconds since 1970."""
        return self._clock()

    def fresh_until(self, path: str, document: Document) -> float:
        """When this document becomes stale, in seconds since 1970; -inf if it is not the current entry of memory at this path."""
        kept = self._memory.peek(path)
        if kept is None or kept.document is not document or kept.at > self._clock() or kept.outdated:
            return -math.inf
        return kept.at + self._shelf.span(path)

    def watch(self, gone: Callable[[str], None]) -> None:
        """Call `gone` with the path of each document that memory removes or replaces, instead of the callback before."""
        self._memory.gone = gone

    @staticmethod
    def count(documents: int) -> None:
        """Record hits for documents that were not looked up one by one: in cached results derived from them, or by `fresh`."""
        _FRESH.count += documents

    def used(self, paths: Iterable[str]) -> None:
        """Note that a result derived from these documents is used; every LOOKS-th call touches their LRU positions.

        Otherwise they would be evicted first, and the derived result with them.
        """
        self._uses += 1
        if self._uses % LOOKS == 0:
            for path in paths:
                self._memory.get(path)

    async def get_many(self, paths: Iterable[str], asker: FetchContext) -> Found:
        """Return the document of each path, or its error: UpstreamTimeout if it is not ready by `asker.deadline`.

        Reads the backend in one batch. Hits, stale hits and requests are added to `asker.stats`.
        """
        asked = list(dict.fromkeys(paths))
        self._passing.difference_update(asked)
        return await self._get_many(asked, asker)

    async def _get_many(self, asked: list[str], asker: FetchContext) -> Found:
        expired: dict[str, CacheEntry] = {}
        found = self._in_memory(asked, asker, expired)
        if missing := _without(asked, found):
            found |= self._known_missing(missing)
        if (missing := _without(asked, found)) and self._backend is not None:
            here = await self._remember_all(dict(await self._backend.get_many(missing)))
            # A fetch by another request may have finished during the read.
            found |= self._in_memory(missing, asker, expired)
            found |= self._all_served(_only(here, _without(missing, found)), asker, expired)
        if missing := _without(asked, found):
            found |= await self._from_upstream(missing, asker, expired)
        return found

    def _in_memory(self, paths: list[str], asker: FetchContext, expired: dict[str, CacheEntry]) -> Found:
        here = {path: kept for path in paths if (kept := self._memory.get(path)) is not None}
        return self._all_served(here, asker, expired)

    def _all_served(self, here: Mapping[str, CacheEntry], asker: FetchContext, expired: dict[str, CacheEntry]) -> Found:
        found: Found = {}
        for path, kept in here.items():
            document = self._served(path, kept, asker)
            if document is None:
                expired[path] = kept
            else:
                found[path] = document
        return found

    def _served(self, path: str, kept: CacheEntry, asker: FetchContext) -> Document | None:
        """The document of an entry, counted and, if stale, revalidated; None if it has expired."""
        state = self._shelf.state(path, kept, self._clock())
        if state is Freshness.FRESH:
            asker.stats.cached += 1
            _FRESH.count += 1
        elif state is Freshness.STALE:
            asker.stats.stale += 1
            _STALE.count += 1
            self._revalidate(path, kept, asker)
        else:
            return None
        return kept.document

    def _known_missing(self, paths: list[str]) -> Found:
        found: Found = {path: copy.copy(error) for path in paths if (error := self._missing.get(path))}
        _MISSING.inc(len(found))
        return found

    def _flight(self, path: str, asker: FetchContext) -> tuple[str, Secret | None, Priority]:
        # Join only a flight of the same or a higher priority, since a crawl's calls may be delayed for minutes, and of the same
        # key, since a key may be rejected or out of quota.
        for urgency in Priority:
            if urgency <= asker.urgency and (path, asker.key, urgency) in self._flights:
                return path, asker.key, urgency
        return path, asker.key, asker.urgency

    def _revalidate(self, path: str, kept: CacheEntry, asker: FetchContext) -> None:
        if asker.urgency is not Priority.CRAWL:
            renewing = FetchContext(Priority.REVALIDATION, key=asker.key)
            self._revalidations.begin(
                path, asker.key, lambda: self._renew(path, kept, renewing), self._shelf.pause(path)
            )

    async def _renew(self, path: str, kept: CacheEntry, asker: FetchContext) -> None:
        # Another process may have revalidated it. With leases, `turn` checks that.
        if self._backend is not None and not self._backend.takes_turns and is_lasting(path):
            newer = (await self._backend.get_many([path])).get(path)
            if newer is not None and self._is_fresh(path, newer):
                await self._remember(path, newer)
                return
        await self._join(path, asker, kept)

    async def _from_upstream(self, paths: list[str], asker: FetchContext, expired: Mapping[str, CacheEntry]) -> Found:
        if asker.deadline <= asyncio.get_running_loop().time():
            return _too_late(paths)
        room = int(min(len(paths), max(asker.max_requests - asker.stats.requests, 0)))
        found: Found = {path: _not_loaded(asker) for path in paths[room:]}
        if within := paths[:room]:
            try:
                with asker.wait_guard():
                    asker.stats.requests += room
                    found |= await self._fetch_in_batches(within, asker, expired)
            except UpstreamError as error:  # too many requests are waiting already
                found |= {path: copy.copy(error) for path in within}
        return found

    async def _fetch_in_batches(
        self, paths: list[str], asker: FetchContext, expired: Mapping[str, CacheEntry]
    ) -> Found:
        found: Found = {}
        for start in range(0, len(paths), MAX_STARTED):
            batch = paths[start : start + MAX_STARTED]
            if start and asker.deadline <= asyncio.get_running_loop().time():
                asker.stats.requests -= len(paths) - start
                return found | _too_late(paths[start:])
            found |= await self._fetched(batch, asker, expired)
        return found

    async def _fetched(self, paths: list[str], asker: FetchContext, expired: Mapping[str, CacheEntry]) -> Found:
        joined = sum(self._flight(path, asker) in self._flights for path in paths)
        _JOINED.inc(joined)
        _MISSED.inc(len(paths) - joined)
        waiting = [self._join(path, asker, expired.get(path)) for path in paths]
        answers = await _settled(waiting)
        return dict(zip(paths, map(_result_of, answers), strict=True))

    def _join(self, path: str, asker: FetchContext, old: CacheEntry | None) -> "asyncio.Future[CacheEntry]":
        return self._flights.join(
            self._flight(path, asker), asker, lambda flight: self._fetch_and_keep(path, flight, old)
        )

    async def _fetch_and_keep(self, path: str, flight: InFlight[CacheEntry], old: CacheEntry | None) -> CacheEntry:
        try:
            async with self._turn(path) as brought:
                if brought is not None:  # by another process
                    return await self._remember(path, brought)
                return await self._brought(path, flight, old)
        except UpstreamError as error:
            if isinstance(error, UpstreamNotFound):
                self._missing.put(path, copy.copy(error), self._not_found_ttl)
            raise

    def _turn(self, path: str) -> AbstractAsyncContextManager[CacheEntry | None]:
        if self._backend is None or not is_lasting(path):
            return nullcontext()
        return self._backend.turn(path, lambda kept: self._is_fresh(path, kept))

    async def _brought(self, path: str, flight: InFlight[CacheEntry], old: CacheEntry | None) -> CacheEntry:
        validators = old.validators if old else Validators()
        kept = await self._updated(path, await self._fetch(path, flight.asker, validators), old)
        for name in {path, _pinned_path(path, kept.document)}:
            kept = await self._keep(name, kept)
        return kept

    async def _updated(self, path: str, fetched: Fetched, old: CacheEntry | None) -> CacheEntry:
        """Build the entry from the result of a fetch. The raw document is freed on return: this holds its only reference."""
        now = self._clock()
        if fetched.document is not None:
            document, size = await normalise_fetched(path, fetched.document, fetched.values)
            return CacheEntry(document, now, size, fetched.validators)
        if old is None or not any(old.validators):
            raise UpstreamInvalidResponse(detail="status 304 without a stored copy")
        # A 304 may send new validators (RFC 9111, 4.3.4); others stay.
        now_told = (new or told for new, told in zip(fetched.validators, old.validators, strict=True))
        return old._replace(at=now, validators=Validators(*now_told))

    async def _keep(self, path: str, kept: CacheEntry) -> CacheEntry:
        self._missing.forget(path)
        kept = await self._remember(path, kept)
        if self._backend is not None and is_lasting(path):
            self._backend.put(path, kept)
        return kept

    async def _remember(self, path: str, kept: CacheEntry) -> CacheEntry:
        """Store an entry in memory, unless there is a newer one; returns it with its parts interned."""
        if path in self._passing:
            steps = self._memory.putting_if_room(path, kept)
        else:
            known = self._memory.get(path)
            # Ignore an entry dated in the future, by a wrong clock: it would stay the newest.
            if known is not None and kept.at < known.at <= self._clock():
                return kept
            steps = self._memory.putting(path, kept)
        if kept.size < LARGE:
            return at_once(steps)
        return await asyncio.shield(in_turns(steps))  # the caller may be cancelled; the steps must end

    async def _remember_all(self, documents: dict[str, CacheEntry]) -> dict[str, CacheEntry]:
        """Store entries in memory, yielding to the event loop; replaces each in `documents`, so that the copy read is freed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + TIME_SLICE
        for path in tuple(documents):
            documents[path] = await self._remember(path, documents[path])
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + TIME_SLICE
        return documents

    async def settle(self) -> None:
        """Wait for revalidations in progress, for a process that ends after one query."""
        await self._revalidations.settle()

    async def aclose(self) -> None:
        """Cancel revalidations, flush pending writes and close the backend."""
        await self._revalidations.aclose()
        if self._backend is not None:
            await self._backend.aclose()


def _without(paths: list[str], found: Found) -> list[str]:
    return [path for path in paths if path not in found]


def _only(here: Mapping[str, CacheEntry], paths: list[str]) -> dict[str, CacheEntry]:
    return {path: here[path] for path in paths if path in here}


def _too_late(paths: list[str]) -> Found:
    return {path: UpstreamTimeout(detail="the deadline of the operation has passed") for path in paths}


def _not_loaded(asker: FetchContext) -> NotLoadedYet:
    return NotLoadedYet(
        f"The operation needs more than {asker.max_requests:g} documents that are not cached yet. Send it again to fetch the "
        "next ones, or request fewer fields or items.",
        retry_after=RETRY_AFTER,
    )


async def _settled(flights: list["asyncio.Future[CacheEntry]"]) -> list[CacheEntry | BaseException]:
    if len(flights) > 1:
        return await asyncio.gather(*flights, return_exceptions=True)
    try:  # as above, without two more turns of the event loop: a crawl fetches one document at a time
        return [await flights[0]]
    except Exception as error:
        return [error]


def _result_of(answer: CacheEntry | BaseException) -> Document | Exception:
    if isinstance(answer, CompetentError):
        return copy.copy(answer)  # one copy per waiter: a shared exception would collect all their tracebacks
    if isinstance(answer, Exception):
        return answer
    assert isinstance(answer, CacheEntry)  # a cancelled flight raises an UpstreamUnavailable
    return answer.document


def _pinned_path(path: str, document: Document) -> str:
    # Only a release has a second path, and only if its number and its link agree: entries under a number have a long TTL, and
    # any other path that a document claims could belong to another document.
    is_known = path == _CURRENT and document["confirmed"]
    return routes.RELEASE.path(document["releases"][0]) if is_known else path
