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

import orjson

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
from graphql_api.observability.buffered_metrics import BufferedCounter
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.observability.metrics import STORE_LOOKUPS
from graphql_api.settings.environment import Secret
from graphql_api.store.backend import Backend
from graphql_api.store.freshness import CacheEntry, Freshness, FreshnessPolicy, is_persistable
from graphql_api.store.intake import normalise_fetched
from graphql_api.store.memory import Memory
from graphql_api.store.revalidation import Revalidations
from graphql_api.store.singleflight import InFlight, SingleFlight
from graphql_api.store.steps import run_steps, run_with_turns

_FRESH, _STALE, _JOINED, _MISSED, _MISSING = (
    BufferedCounter(STORE_LOOKUPS.labels(result)) for result in ("hit", "stale", "joined", "miss", "not_found")
)

TOUCH_EVERY = 31
"""Touch the LRU position of source documents on every 31st use of a derived response; prime, so that no pattern evades it."""

MAX_STARTED = 200
"""Fetches that one operation starts in one batch: starting or ending thousands in one event-loop turn would block the rest."""
TIME_SLICE = 0.005
"""Seconds of storing documents in memory before yielding to the event loop."""
_JOINABLE = {priority: tuple(other for other in Priority if other <= priority) for priority in Priority}
"""The priorities of flights that a caller may join, by the caller's priority: a crawl's calls may be delayed for minutes."""
_CURRENT = routes.RELEASE.path(routes.CURRENT)

RETRY_AFTER = 1.0
"""Seconds; short, because the documents fetched so far are cached."""

LARGE_BYTES = 100_000
"""Bytes of JSON from which a document is stored in steps with event-loop turns between; a smaller one takes about 1 ms."""

FlightKey = tuple[str, Secret | None, Priority]
"""Path, client's key and priority of a fetch in flight."""
Results = dict[str, Document | Exception]
"""The document, or the exception raised instead (nearly always a CompetentError), by path."""


class Fetch(Protocol):
    """The function that fetches from upstream: `Upstream.fetch`."""

    def __call__(self, path: str, context: FetchContext, validators: Validators, /) -> Awaitable[Fetched]:
        """Fetch the document, or learn that it is unchanged under these validators. Raises only UpstreamError."""


class Store:
    """Returns documents by path: from memory, the backend, a fetch in flight, or a new fetch.

    `not_found_ttl` is how many seconds a missing document is remembered before it is requested again.
    """

    def __init__(
        self,
        fetch: Fetch,
        freshness: FreshnessPolicy,
        memory: Memory,
        backend: Backend | None = None,
        clock: Callable[[], float] = time.time,
        not_found_ttl: float = 0.0,
    ) -> None:
        self._fetch = fetch
        self._freshness = freshness
        self._memory = memory
        self._backend = backend
        self._clock = clock
        self._not_found_ttl = not_found_ttl
        self._touches = 0
        self._uncached_paths: set[str] = set()
        self._flights: SingleFlight[CacheEntry] = SingleFlight()
        self._missing: TTLCache[UpstreamNotFound] = TTLCache(clock)
        self._revalidations = Revalidations(clock)

    async def get_uncached(self, path: str) -> Document:
        """Return the document at a path, for a crawl. It is stored in memory only if there is room, and is evicted first.

        A stale copy is returned without revalidation, which would fetch all of an old release again. Raises an UpstreamError
        if the fetch fails.
        """
        if self._memory.get(path) is None and self._flight(path, FetchContext()) not in self._flights:
            self._uncached_paths.add(path)
        try:
            result = (await self._get_many([path], FetchContext(Priority.CRAWL)))[path]
        finally:
            self._uncached_paths.discard(path)
        if isinstance(result, Exception):
            raise result
        return result

    def get_cached(self, path: str, context: FetchContext) -> Document | None:
        """Return the document in memory, fresh or stale, counted and revalidated as by `get_many`; None if that needs to wait."""
        entry = self._memory.get(path)
        return None if entry is None else self._served(path, entry, context)

    def get_fresh(self, path: str) -> Document | None:
        """Return the document in memory if it is fresh, without counting a hit or revalidating."""
        entry = self._memory.get(path)
        return entry.document if entry is not None and self._freshness.is_fresh(path, entry, self._clock()) else None

    def _is_fresh(self, path: str, entry: CacheEntry) -> bool:
        return self._freshness.is_fresh(path, entry, self._clock())

    @property
    def revalidation_fails(self) -> bool:
        """Whether the last revalidation failed because of upstream."""
        return self._revalidations.upstream_failed

    def now(self) -> float:
        """The current time, in seconds since 1970."""
        return self._clock()

    def fresh_until(self, path: str, document: Document) -> float:
        """When this document becomes stale, in seconds since 1970; -inf if it is not the current entry of memory at this path."""
        entry = self._memory.peek(path)
        if entry is None or entry.document is not document or entry.at > self._clock() or entry.outdated:
            return -math.inf
        return entry.at + self._freshness.ttl(path)

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with the path of each document that memory removes or replaces."""
        self._memory.on_evict(listener)

    @staticmethod
    def record_hits(documents: int) -> None:
        """Record hits of documents not looked up one by one: of cached results derived from them, or read by `get_fresh`."""
        _FRESH.count += documents

    def touch(self, paths: Iterable[str]) -> None:
        """Note that a result derived from these documents is used; every LOOKS-th call touches their LRU positions.

        Otherwise they would be evicted first, and the derived result with them.
        """
        self._touches += 1
        if self._touches % TOUCH_EVERY == 0:
            for path in paths:
                self._memory.get(path)

    async def get_many(self, paths: Iterable[str], context: FetchContext) -> Results:
        """Return the document of each path, or its error: UpstreamTimeout if it is not ready by `context.deadline`.

        Reads the backend in one batch. Hits, stale hits and requests are added to `context.stats`.
        """
        unique = list(dict.fromkeys(paths))
        self._uncached_paths.difference_update(unique)
        return await self._get_many(unique, context)

    async def _get_many(self, paths: list[str], context: FetchContext) -> Results:
        expired: dict[str, CacheEntry] = {}
        results = self._in_memory(paths, context, expired)
        if missing := _without(paths, results):
            results |= self._cached_missing(missing)
        if (missing := _without(paths, results)) and self._backend is not None:
            cached = await self._store_all_in_memory(dict(await self._backend.get_many(missing)))
            # A fetch by another request may have finished during the read.
            results |= self._in_memory(missing, context, expired)
            results |= self._all_served(_only(cached, _without(missing, results)), context, expired)
        if missing := _without(paths, results):
            results |= await self._from_upstream(missing, context, expired)
        return results

    def _in_memory(self, paths: list[str], context: FetchContext, expired: dict[str, CacheEntry]) -> Results:
        cached = {path: entry for path in paths if (entry := self._memory.get(path)) is not None}
        return self._all_served(cached, context, expired) if cached else {}

    def _all_served(
        self, cached: Mapping[str, CacheEntry], context: FetchContext, expired: dict[str, CacheEntry]
    ) -> Results:
        results: Results = {}
        for path, entry in cached.items():
            document = self._served(path, entry, context)
            if document is None:
                expired[path] = entry
            else:
                results[path] = document
        return results

    def _served(self, path: str, entry: CacheEntry, context: FetchContext) -> Document | None:
        """The document of an entry, counted and, if stale, revalidated; None if it has expired."""
        now = self._clock()
        if self._freshness.is_fresh(path, entry, now):
            context.stats.cached += 1
            _FRESH.count += 1
        elif self._freshness.state(path, entry, now) is Freshness.STALE:
            context.stats.stale += 1
            _STALE.count += 1
            self._revalidate(path, entry, context)
        else:
            return None
        return entry.document

    def _cached_missing(self, paths: list[str]) -> Results:
        results: Results = {path: copy.copy(error) for path in paths if (error := self._missing.get(path))}
        _MISSING.count += len(results)
        return results

    def _flight(self, path: str, context: FetchContext) -> FlightKey:
        # Join only a flight of the same or a higher priority, and of the same key, since a key may be rejected or out of quota.
        for urgency in _JOINABLE[context.urgency]:
            if (path, context.key, urgency) in self._flights:
                return path, context.key, urgency
        return path, context.key, context.urgency

    def _revalidate(self, path: str, entry: CacheEntry, context: FetchContext) -> None:
        if context.urgency is not Priority.CRAWL:
            revalidating = FetchContext(Priority.REVALIDATION, key=context.key)
            self._revalidations.start(
                path,
                context.key,
                lambda: self._revalidate_entry(path, entry, revalidating),
                self._freshness.revalidation_backoff(path),
            )

    async def _revalidate_entry(self, path: str, entry: CacheEntry, context: FetchContext) -> None:
        # Another process may have revalidated it. With leases, `turn` checks that.
        if self._backend is not None and not self._backend.uses_leases and is_persistable(path):
            shared = (await self._backend.get_many([path])).get(path)
            if shared is not None and self._is_fresh(path, shared):
                await self._store_in_memory(path, shared)
                return
        await self._join_flight(self._flight(path, context), context, entry)

    async def _from_upstream(
        self, paths: list[str], context: FetchContext, expired: Mapping[str, CacheEntry]
    ) -> Results:
        if context.deadline <= asyncio.get_running_loop().time():
            return _too_late(paths)
        allowance = int(min(len(paths), max(context.max_requests - context.stats.requests, 0)))
        results: Results = {path: _not_loaded(context) for path in paths[allowance:]}
        if allowed := paths[:allowance]:
            try:
                with context.wait_guard():
                    context.stats.requests += allowance
                    results |= await self._fetch_in_batches(allowed, context, expired)
            except UpstreamError as error:  # too many requests are waiting already
                results |= {path: copy.copy(error) for path in allowed}
        return results

    async def _fetch_in_batches(
        self, paths: list[str], context: FetchContext, expired: Mapping[str, CacheEntry]
    ) -> Results:
        results: Results = {}
        for start in range(0, len(paths), MAX_STARTED):
            batch = paths[start : start + MAX_STARTED]
            if start and context.deadline <= asyncio.get_running_loop().time():
                context.stats.requests -= len(paths) - start
                return results | _too_late(paths[start:])
            results |= await self._fetched(batch, context, expired)
        return results

    async def _fetched(self, paths: list[str], context: FetchContext, expired: Mapping[str, CacheEntry]) -> Results:
        keys = [self._flight(path, context) for path in paths]
        joined = sum(key in self._flights for key in keys)
        _JOINED.count += joined
        _MISSED.count += len(paths) - joined
        outcomes = await _gather([self._join_flight(key, context, expired.get(key[0])) for key in keys])
        return dict(zip(paths, map(_result_of, outcomes), strict=True))

    def _join_flight(
        self, key: FlightKey, context: FetchContext, old: CacheEntry | None
    ) -> "asyncio.Future[CacheEntry]":
        return self._flights.run(key, context, lambda flight: self._fetch_and_store(key[0], flight, old))

    async def _fetch_and_store(self, path: str, flight: InFlight[CacheEntry], old: CacheEntry | None) -> CacheEntry:
        try:
            async with self._fetch_lease(path) as from_other_process:
                if from_other_process is not None:  # by another process
                    return await self._store_in_memory(path, from_other_process)
                return await self._fetch_from_upstream(path, flight, old)
        except UpstreamError as error:
            if isinstance(error, UpstreamNotFound):
                self._missing.put(path, copy.copy(error), self._not_found_ttl)
            raise

    def _fetch_lease(self, path: str) -> AbstractAsyncContextManager[CacheEntry | None]:
        if self._backend is None or not is_persistable(path):
            return nullcontext()
        return self._backend.fetch_lease(path, lambda entry: self._is_fresh(path, entry))

    async def _fetch_from_upstream(self, path: str, flight: InFlight[CacheEntry], old: CacheEntry | None) -> CacheEntry:
        validators = old.validators if old else Validators()
        entry = await self._updated(path, await self._fetch(path, flight.context, validators), old)
        for name in {path, _pinned_path(path, entry.document)}:
            entry = await self._store(name, entry)
        return entry

    async def _updated(self, path: str, fetched: Fetched, old: CacheEntry | None) -> CacheEntry:
        """Build the entry from the result of a fetch. The raw document is freed on return: this holds its only reference."""
        now = self._clock()
        if fetched.document is not None:
            document = await normalise_fetched(path, fetched.document, fetched.values)
            return CacheEntry(document, now, len(orjson.dumps(document)), fetched.validators)
        if old is None or not any(old.validators):
            raise UpstreamInvalidResponse(detail="status 304 without a stored copy")
        # A 304 may send new validators (RFC 9111, 4.3.4); others stay.
        validators = (new or old_value for new, old_value in zip(fetched.validators, old.validators, strict=True))
        return old._replace(at=now, validators=Validators(*validators))

    async def _store(self, path: str, entry: CacheEntry) -> CacheEntry:
        self._missing.drop(path)
        entry = await self._store_in_memory(path, entry)
        if self._backend is not None and is_persistable(path):
            self._backend.put(path, entry)
        return entry

    async def _store_in_memory(self, path: str, entry: CacheEntry) -> CacheEntry:
        """Store an entry in memory, unless there is a newer one; returns it with its parts interned."""
        if path in self._uncached_paths:
            steps = self._memory.put_if_room_steps(path, entry)
        else:
            current = self._memory.get(path)
            # Ignore an entry dated in the future, by a wrong clock: it would stay the newest.
            if current is not None and entry.at < current.at <= self._clock():
                return entry
            steps = self._memory.put_steps(path, entry)
        if entry.size < LARGE_BYTES:
            return run_steps(steps)
        return await asyncio.shield(run_with_turns(steps))  # the caller may be cancelled; the steps must end

    async def _store_all_in_memory(self, documents: dict[str, CacheEntry]) -> dict[str, CacheEntry]:
        """Store entries in memory, yielding to the event loop; replaces each in `documents`, so that the copy read is freed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + TIME_SLICE
        for path in tuple(documents):
            documents[path] = await self._store_in_memory(path, documents[path])
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + TIME_SLICE
        return documents

    async def wait_idle(self) -> None:
        """Wait for revalidations in progress, for a process that ends after one query."""
        await self._revalidations.wait_idle()

    async def aclose(self) -> None:
        """Cancel revalidations, flush pending writes and close the backend."""
        await self._revalidations.aclose()
        if self._backend is not None:
            await self._backend.aclose()


def _without(paths: list[str], results: Results) -> list[str]:
    return [path for path in paths if path not in results] if results else paths


def _only(cached: Mapping[str, CacheEntry], paths: list[str]) -> dict[str, CacheEntry]:
    return {path: cached[path] for path in paths if path in cached}


def _too_late(paths: list[str]) -> Results:
    return {path: UpstreamTimeout(detail="the deadline of the operation has passed") for path in paths}


def _not_loaded(context: FetchContext) -> NotLoadedYet:
    return NotLoadedYet(
        f"The operation needs more than {context.max_requests:g} documents that are not cached yet. Send it again to fetch the "
        "next ones, or request fewer fields or items.",
        retry_after=RETRY_AFTER,
    )


async def _gather(flights: list["asyncio.Future[CacheEntry]"]) -> list[CacheEntry | BaseException]:
    if len(flights) > 1:
        return await asyncio.gather(*flights, return_exceptions=True)
    try:  # as above, without two more turns of the event loop: a crawl fetches one document at a time
        return [await flights[0]]
    except Exception as error:
        return [error]


def _result_of(outcome: CacheEntry | BaseException) -> Document | Exception:
    if isinstance(outcome, CompetentError):
        return copy.copy(outcome)  # one copy per waiter: a shared exception would collect all their tracebacks
    if isinstance(outcome, Exception):
        return outcome
    assert isinstance(outcome, CacheEntry)  # a cancelled flight raises an UpstreamUnavailable
    return outcome.document


def _pinned_path(path: str, document: Document) -> str:
    # Only a release has a second path, and only if its number and its link agree: entries under a number have a long TTL, and
    # any other path that a document claims could belong to another document.
    is_release = path == _CURRENT and document["confirmed"]
    return routes.RELEASE.path(document["releases"][0]) if is_release else path
