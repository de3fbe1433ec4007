"""Fetches documents from upstream for the store: each once at a time, however many callers wait for it.

What is fetched is normalised and stored; the release document fetched under `current` also under its number. Errors are not
stored as documents; that one does not exist is remembered for a while.
"""

import asyncio
import copy
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
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
from graphql_api.observability.buffered_metrics import BufferedCounter
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.observability.metrics import STORE_LOOKUPS
from graphql_api.settings.environment import Secret
from graphql_api.store.freshness import CacheEntry, FreshnessPolicy
from graphql_api.store.intake import normalise_fetched
from graphql_api.store.singleflight import SingleFlight
from graphql_api.store.tiers import Tiers

_JOINED, _MISSED, _MISSING = (
    BufferedCounter(STORE_LOOKUPS.labels(result)) for result in ("joined", "miss", "not_found")
)

MAX_STARTED = 200
"""Fetches that one operation starts in one batch: starting or ending thousands in one event-loop turn would block the rest."""
RETRY_AFTER = 1.0
"""Seconds; short, because the documents fetched so far are cached."""
_JOINABLE = {priority: tuple(other for other in Priority if other <= priority) for priority in Priority}
"""The priorities of flights that a caller may join, by the caller's priority: a crawl's calls may be delayed for minutes."""
_CURRENT = routes.RELEASE.path(routes.CURRENT)

Results = dict[str, Document | Exception]
"""The document, or the exception raised instead (nearly always a CompetentError), by path."""


_Key = tuple[str, Secret | None, Priority]
"""Identifies a fetch in flight: path, client's key and priority."""


class Fetch(Protocol):
    """The function that fetches from upstream: `Upstream.fetch`."""

    def __call__(self, path: str, context: FetchContext, validators: Validators, /) -> Awaitable[Fetched]:
        """Fetch the document, or learn that it is unchanged under these validators. Raises only UpstreamError."""


class Fetcher:
    """Fetches documents and puts them in the tiers. `not_found_ttl` is how many seconds a missing document is remembered."""

    def __init__(
        self,
        fetch: Fetch,
        tiers: Tiers,
        freshness: FreshnessPolicy,
        clock: Callable[[], float],
        not_found_ttl: float,
    ) -> None:
        self._fetch = fetch
        self._tiers = tiers
        self._freshness = freshness
        self._clock = clock
        self._not_found_ttl = not_found_ttl
        self._flights: SingleFlight[_Key, CacheEntry] = SingleFlight()
        self._missing: TTLCache[UpstreamNotFound] = TTLCache(clock)

    def missing(self, paths: list[str]) -> Results:
        """Return the errors of documents that did not exist a while ago, and count them."""
        results: Results = {path: copy.copy(error) for path in paths if (error := self._missing.get(path))}
        _MISSING.count += len(results)
        return results

    def joins(self, path: str, context: FetchContext) -> bool:
        """Whether a fetch with this context would join one in flight."""
        return self._key(path, context) in self._flights

    async def get_many(self, paths: list[str], context: FetchContext, expired: Mapping[str, CacheEntry]) -> Results:
        """Fetch documents within the deadline and the calls that the context allows; `expired` has entries to revalidate."""
        if context.deadline <= asyncio.get_running_loop().time():
            return _too_late(paths)
        allowance = int(min(len(paths), max(context.max_requests - context.stats.requests, 0)))
        results: Results = {path: _not_loaded(context) for path in paths[allowance:]}
        if allowed := paths[:allowance]:
            try:
                with context.wait_guard():
                    context.stats.requests += allowance
                    results |= await self._in_batches(allowed, context, expired)
            except UpstreamError as error:  # too many requests are waiting already
                results |= {path: copy.copy(error) for path in allowed}
        return results

    async def _in_batches(self, paths: list[str], context: FetchContext, expired: Mapping[str, CacheEntry]) -> Results:
        results: Results = {}
        for start in range(0, len(paths), MAX_STARTED):
            if start and context.deadline <= asyncio.get_running_loop().time():
                context.stats.requests -= len(paths) - start
                return results | _too_late(paths[start:])
            keys = [self._key(path, context) for path in paths[start : start + MAX_STARTED]]
            joined = sum(key in self._flights for key in keys)
            _JOINED.count += joined
            _MISSED.count += len(keys) - joined
            outcomes = await self._run(keys, context, expired)
            results |= {path: _document_of(outcome) for (path, _, _), outcome in outcomes.items()}
        return results

    async def revalidate(self, path: str, entry: CacheEntry, context: FetchContext) -> None:
        """Fetch a document again, unless another process did. Raises an UpstreamError if the fetch fails."""
        # With leases, `fetch_lease` checks what others fetched.
        shared = await self._tiers.read_shared(path)
        if shared is not None and self._is_fresh(path, shared):
            await self._tiers.put_in_memory(path, shared)
            return
        for outcome in (await self._run([self._key(path, context)], context, {path: entry})).values():
            if isinstance(outcome, Exception):
                raise outcome

    def _key(self, path: str, context: FetchContext) -> _Key:
        # Join only a flight of the same or a higher priority, and of the same key, since a key may be rejected or out of quota.
        for urgency in _JOINABLE[context.urgency]:
            if (path, context.key, urgency) in self._flights:
                return path, context.key, urgency
        return path, context.key, context.urgency

    async def _run(
        self, keys: list[_Key], context: FetchContext, old: Mapping[str, CacheEntry]
    ) -> Mapping[_Key, CacheEntry | Exception]:
        # Fetches have a context of their own without a deadline, because later callers may have later ones.
        shared = FetchContext(context.urgency, math.inf, context.headers, key=context.key)
        return await self._flights.run(
            keys, lambda key: self._fetch_and_store(key[0], shared, old.get(key[0])), context.deadline
        )

    async def _fetch_and_store(self, path: str, context: FetchContext, old: CacheEntry | None) -> CacheEntry:
        try:
            lease = self._tiers.fetch_lease(path, partial(self._is_fresh, path))
            if lease is None:
                return await self._fetch_from_upstream(path, context, old)
            async with lease as from_other_process:
                if from_other_process is not None:
                    return await self._tiers.put_in_memory(path, from_other_process)
                return await self._fetch_from_upstream(path, context, old)
        except UpstreamNotFound as error:
            self._missing.put(path, copy.copy(error), self._not_found_ttl)
            raise

    def _is_fresh(self, path: str, entry: CacheEntry) -> bool:
        return self._freshness.is_fresh(path, entry, self._clock())

    async def _fetch_from_upstream(self, path: str, context: FetchContext, old: CacheEntry | None) -> CacheEntry:
        validators = old.validators if old else Validators()
        entry = await self._updated(path, await self._fetch(path, context, validators), old)
        if path == _CURRENT and entry.document["confirmed"]:
            # Only a release has a second path, and only if its number and its link agree: entries under a number have a long TTL,
            # and any other path that a document claims could belong to another document.
            entry = await self._put(routes.RELEASE.path(entry.document["releases"][0]), entry)
        return await self._put(path, entry)

    async def _put(self, path: str, entry: CacheEntry) -> CacheEntry:
        self._missing.drop(path)
        return await self._tiers.put(path, entry)

    async def _updated(self, path: str, fetched: Fetched, old: CacheEntry | None) -> CacheEntry:
        """Build the entry from the result of a fetch. The raw document is freed on return: this holds its only reference."""
        now = self._clock()
        if fetched.document is not None:
            document = await normalise_fetched(path, fetched.document, fetched.values)
            return CacheEntry(document, now, fetched.size, fetched.validators)
        if old is None or not any(old.validators):
            raise UpstreamInvalidResponse(detail="status 304 without a stored copy")
        # A 304 may send new validators (RFC 9111, 4.3.4); others stay.
        validators = (new or old_value for new, old_value in zip(fetched.validators, old.validators, strict=True))
        return old._replace(at=now, validators=Validators(*validators))


def _too_late(paths: list[str]) -> Results:
    return {path: UpstreamTimeout(detail="the deadline of the operation has passed") for path in paths}


def _not_loaded(context: FetchContext) -> NotLoadedYet:
    return NotLoadedYet(
        f"The operation needs more than {context.max_requests:g} documents that are not cached yet. Send it again to fetch the "
        "next ones, or request fewer fields or items.",
        retry_after=RETRY_AFTER,
    )


def _document_of(outcome: CacheEntry | Exception) -> Document | Exception:
    if isinstance(outcome, CompetentError):
        return copy.copy(outcome)  # one copy per waiter: a shared exception would collect all their tracebacks
    return outcome if isinstance(outcome, Exception) else outcome.document
