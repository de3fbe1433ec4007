"""The one store: memory over an optional backend, and below both one fetch per path at a time, shared by all requests.

Documents are normalised when they enter: what the store gives needs no checks. What is stored and not expired is served at once,
whatever upstream does. A document asked under `current` is kept under the number of its release too. What failed is never kept
as a document.
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
from graphql_api.observability.metrics import STORE_LOOKUPS, Frequent
from graphql_api.settings.secret import Secret
from graphql_api.store.backend import Backend
from graphql_api.store.freshness import CacheEntry, Freshness, FreshnessPolicy, is_lasting
from graphql_api.store.intake import normalise_fetched
from graphql_api.store.memory import Memory
from graphql_api.store.revalidation import Revalidations
from graphql_api.store.singleflight import InFlight, SingleFlight
from graphql_api.store.steps import at_once, in_turns

_FRESH, _STALE = (Frequent(STORE_LOOKUPS.labels(found)) for found in ("hit", "stale"))
_JOINED, _MISSED, _MISSING = map(STORE_LOOKUPS.labels, ("joined", "miss", "not_found"))

LOOKS = 31
"""Of so many uses of what was made of documents one counts as a look at them; a prime, so that no habit of clients evades it."""

MAX_STARTED = 200
"""Fetches that one operation starts at once: starting, or ending, thousands in one turn of the event loop holds up all others."""
TIME_SLICE = 0.005
"""Seconds for which documents are taken into memory before others have their turn."""
_CURRENT = routes.RELEASE.path(routes.CURRENT)

RETRY_AFTER = 1.0
"""Seconds; what was fetched is stored already, so the next try need not wait for anything."""

LARGE = 100_000
"""Bytes of JSON from which on a document is put into memory in turns with everything else; a smaller one takes a millisecond."""

Found = dict[str, Document | Exception]
"""By path: the document, or the exception (nearly always one of our errors) that came instead."""


class Fetch(Protocol):
    """What asks upstream: `Upstream.fetch`."""

    def __call__(self, path: str, asker: FetchContext, validators: Validators, /) -> Awaitable[Fetched]:
        """The document, or that it is as it was under these validators; raises an UpstreamError and nothing else."""


class Store:
    """Answers paths with documents: from memory, from the backend, from a fetch under way, or from a new one.

    `not_found_ttl` is for how many seconds a document that upstream does not have is not asked for again.
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
        """The document at a path, for a crawl. It stays in memory as long as there is room, and is the first to go.

        A stale copy is taken as it is, and not renewed: a walk over an old release would ask for all of it.
        """
        if self._memory.get(path) is None and self._flight(path, FetchContext()) not in self._flights:
            self._passing.add(path)
        try:
            found = (await self._get_many([path], FetchContext(Priority.WALK)))[path]
        finally:
            self._passing.discard(path)
        if isinstance(found, Exception):
            raise found
        return found

    def get_cached(self, path: str, asker: FetchContext) -> Document | None:
        """The document in memory, fresh or stale, as `get_many` gives it and counted like it; None where more has to be done."""
        kept = self._memory.get(path)
        return None if kept is None else self._served(path, kept, asker)

    def fresh(self, path: str) -> Document | None:
        """The document in memory if it is fresh; nothing is counted or renewed for the look."""
        kept = self._memory.get(path)
        return None if kept is None or not self._is_fresh(path, kept) else kept.document

    def _is_fresh(self, path: str, kept: CacheEntry) -> bool:
        return self._shelf.state(path, kept, self._clock()) is Freshness.FRESH

    @property
    def renewals_fail(self) -> bool:
        """Whether upstream was in trouble when a stale document was last asked for again."""
        return self._revalidations.upstream_failed

    def now(self) -> float:
        """The time, in seconds since 1970."""
        return self._clock()

    def fresh_until(self, path: str, document: Document) -> float:
        """When this document stops being fresh, in seconds since 1970; -inf if it is not what memory has at this path."""
        kept = self._memory.peek(path)
        if kept is None or kept.document is not document or kept.at > self._clock() or kept.outdated:
            return -math.inf
        return kept.at + self._shelf.span(path)

    def watch(self, gone: Callable[[str], None]) -> None:
        """From now on, tell of the path of each document that memory forgets, or puts another in the place of."""
        self._memory.gone = gone

    @staticmethod
    def count(documents: int) -> None:
        """Count fresh documents that were read without a look at each: in what was made of them before, or by `fresh`."""
        _FRESH.count += documents

    def used(self, paths: Iterable[str]) -> None:
        """What was made of these documents is used, without a look at them: now and then that counts as one, or they would be
        the first to go, and what was made of them with them.
        """
        self._uses += 1
        if self._uses % LOOKS == 0:
            for path in paths:
                self._memory.get(path)

    async def get_many(self, paths: Iterable[str], asker: FetchContext) -> Found:
        """For each path its document, or the error that came instead: UpstreamTimeout for what is not there by `asker.deadline`.

        One look at the backend serves all of them. How they were come by is added to `asker.tally`.
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
            # While the backend was read, a fetch of somebody else may have come home.
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
        """The document of a copy that has not expired, counted, and renewed where it is stale."""
        state = self._shelf.state(path, kept, self._clock())
        if state is Freshness.FRESH:
            asker.tally.cached += 1
            _FRESH.count += 1
        elif state is Freshness.STALE:
            asker.tally.stale += 1
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
        # Nobody waits behind who is less urgent: calls for a walk may be held back for minutes. And a key that is refused, or
        # whose plan is used up, is no matter of those who have another.
        for urgency in Priority:
            if urgency <= asker.urgency and (path, asker.key, urgency) in self._flights:
                return path, asker.key, urgency
        return path, asker.key, asker.urgency

    def _revalidate(self, path: str, kept: CacheEntry, asker: FetchContext) -> None:
        if asker.urgency is not Priority.WALK:
            renewing = FetchContext(Priority.REVALIDATION, key=asker.key)
            self._revalidations.begin(
                path, asker.key, lambda: self._renew(path, kept, renewing), self._shelf.pause(path)
            )

    async def _renew(self, path: str, kept: CacheEntry, asker: FetchContext) -> None:
        # Another process may have renewed it. Where processes take turns, the turn looks.
        if self._backend is not None and not self._backend.takes_turns and is_lasting(path):
            newer = (await self._backend.get_many([path])).get(path)
            if newer is not None and self._is_fresh(path, newer):
                await self._remember(path, newer)
                return
        await self._join(path, asker, kept)

    async def _from_upstream(self, paths: list[str], asker: FetchContext, expired: Mapping[str, CacheEntry]) -> Found:
        if asker.deadline <= asyncio.get_running_loop().time():
            return _too_late(paths)
        room = int(min(len(paths), max(asker.most_requests - asker.tally.requests, 0)))
        found: Found = {path: _not_loaded(asker) for path in paths[room:]}
        if within := paths[:room]:
            try:
                with asker.waiting():
                    asker.tally.requests += room
                    found |= await self._fetch_in_batches(within, asker, expired)
            except UpstreamError as error:  # too many wait already
                found |= {path: copy.copy(error) for path in within}
        return found

    async def _fetch_in_batches(
        self, paths: list[str], asker: FetchContext, expired: Mapping[str, CacheEntry]
    ) -> Found:
        found: Found = {}
        for start in range(0, len(paths), MAX_STARTED):
            batch = paths[start : start + MAX_STARTED]
            if start and asker.deadline <= asyncio.get_running_loop().time():
                asker.tally.requests -= len(paths) - start
                return found | _too_late(paths[start:])
            found |= await self._fetched(batch, asker, expired)
        return found

    async def _fetched(self, paths: list[str], asker: FetchContext, expired: Mapping[str, CacheEntry]) -> Found:
        joined = sum(self._flight(path, asker) in self._flights for path in paths)
        _JOINED.inc(joined)
        _MISSED.inc(len(paths) - joined)
        waiting = [self._join(path, asker, expired.get(path)) for path in paths]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
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
        """The entry that a fetch leads to. The raw document is free when this returns: nobody else has it."""
        now = self._clock()
        if fetched.document is not None:
            document, size = await normalise_fetched(path, fetched.document, fetched.values)
            return CacheEntry(document, now, size, fetched.validators)
        if old is None or not any(old.validators):
            raise UpstreamInvalidResponse(detail="status 304 without a stored copy")
        # A 304 may tell of new validators (RFC 9111, 4.3.4); what it does not tell of stays.
        now_told = (new or told for new, told in zip(fetched.validators, old.validators, strict=True))
        return old._replace(at=now, validators=Validators(*now_told))

    async def _keep(self, path: str, kept: CacheEntry) -> CacheEntry:
        self._missing.forget(path)
        kept = await self._remember(path, kept)
        if self._backend is not None and is_lasting(path):
            self._backend.put(path, kept)
        return kept

    async def _remember(self, path: str, kept: CacheEntry) -> CacheEntry:
        """Keep it in memory, unless there is a newer one; gives it with its parts as others have them."""
        if path in self._passing:
            steps = self._memory.putting_if_room(path, kept)
        else:
            known = self._memory.get(path)
            # A copy from the future was dated by a clock that went wrong: it would be the newest for ever.
            if known is not None and kept.at < known.at <= self._clock():
                return kept
            steps = self._memory.putting(path, kept)
        if kept.size < LARGE:
            return at_once(steps)
        return await asyncio.shield(in_turns(steps))  # who waits may leave; what was begun is ended

    async def _remember_all(self, documents: dict[str, CacheEntry]) -> dict[str, CacheEntry]:
        """The same for many, without holding the event loop for long: each takes the place of what was read, which is freed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + TIME_SLICE
        for path in tuple(documents):
            documents[path] = await self._remember(path, documents[path])
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + TIME_SLICE
        return documents

    async def settle(self) -> None:
        """Wait until no stale copy is being renewed: for a process that ends with its question."""
        await self._revalidations.settle()

    async def aclose(self) -> None:
        """End what is done for nobody in particular, and write what waits to be written."""
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
        f"The operation needs more than {asker.most_requests:g} documents that are not cached yet. Send it again to fetch the "
        "next ones, or request fewer fields or items.",
        retry_after=RETRY_AFTER,
    )


def _result_of(answer: CacheEntry | BaseException) -> Document | Exception:
    if isinstance(answer, CompetentError):
        return copy.copy(answer)  # raised by each who waited: one that all share would gather their traces
    if isinstance(answer, Exception):
        return answer
    assert isinstance(answer, CacheEntry)  # a flight that was cancelled tells so by one of our errors
    return answer.document


def _pinned_path(path: str, document: Document) -> str:
    # Only the release itself has a second name, and only if its number and its link say the same: what is stored under a
    # number is stored for long, and any other path that a document gives itself could be another document's.
    is_known = path == _CURRENT and document["confirmed"]
    return routes.RELEASE.path(document["releases"][0]) if is_known else path
