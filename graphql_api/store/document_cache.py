"""The store: documents from a memory cache over an optional backend, or from fetches that all requests share.

Documents are normalised when they enter, so callers need no checks. Entries that have not expired are served without waiting for
upstream.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping

from graphql_api.competent.hal import Document
from graphql_api.observability.buffered_metrics import BufferedCounter
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.observability.metrics import STORE_LOOKUPS
from graphql_api.store.backend import Backend
from graphql_api.store.fetcher import Fetch, Fetcher, Results
from graphql_api.store.freshness import CacheEntry, Freshness, FreshnessPolicy
from graphql_api.store.memory import Memory
from graphql_api.store.revalidation import Revalidations
from graphql_api.store.tiers import Tiers

_FRESH, _STALE = (BufferedCounter(STORE_LOOKUPS.labels(result)) for result in ("hit", "stale"))

RECHECK = 1.0
"""Seconds until a document that was fresh in memory is looked up there again, unless it becomes stale before."""
TOUCH_EVERY = 31
"""Touch the LRU position of source documents on every 31st use of a derived response; prime, so that no pattern evades it."""


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
        self._freshness = freshness
        self._memory = memory
        self._clock = clock
        self._tiers = Tiers(memory, backend, clock)
        self._fetcher = Fetcher(fetch, self._tiers, freshness, clock, not_found_ttl)
        self._revalidations = Revalidations(clock)
        self._touches = 0
        self._fresh: dict[str, Document] = {}
        self._fresh_from = self._fresh_until = -math.inf
        memory.on_evict(self._forget)

    async def get_uncached(self, path: str) -> Document:
        """Return the document at a path, for a crawl. It is stored in memory only if there is room, and is evicted first.

        A stale copy is returned without revalidation, which would fetch all of an old release again. Raises an UpstreamError
        if the fetch fails.
        """
        uncached = self._tiers.uncached_paths
        if self._memory.get(path) is None and not self._fetcher.joins(path, FetchContext()):
            uncached.add(path)
        try:
            result = (await self._get_many([path], FetchContext(Priority.CRAWL)))[path]
        finally:
            uncached.discard(path)
        if isinstance(result, Exception):
            raise result
        return result

    def get_cached(self, path: str, context: FetchContext) -> Document | None:
        """Return the document in memory, fresh or stale, counted and revalidated as by `get_many`; None if that needs to wait."""
        entry = self._memory.get(path)
        return None if entry is None else self._served(path, entry, context)

    def get_fresh(self, path: str) -> Document | None:
        """Return the document in memory if it is fresh, without counting a hit or revalidating."""
        now = self._clock()
        if not self._fresh_from <= now < self._fresh_until:
            self._fresh.clear()
            self._fresh_from, self._fresh_until = now, now + RECHECK
        document = self._fresh.get(path)
        return self._checked(path, now) if document is None else document

    def _forget(self, path: str) -> None:
        self._fresh.pop(path, None)

    def _checked(self, path: str, now: float) -> Document | None:
        entry = self._memory.get(path)
        if entry is None or not self._freshness.is_fresh(path, entry, now):
            return None
        self._fresh_until = min(self._fresh_until, entry.at + self._freshness.ttl(path))
        self._fresh[path] = entry.document
        return entry.document

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
        """Note that a result derived from these documents is used; every TOUCH_EVERY-th call touches their LRU positions.

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
        self._tiers.uncached_paths.difference_update(unique)
        return await self._get_many(unique, context)

    async def _get_many(self, paths: list[str], context: FetchContext) -> Results:
        expired: dict[str, CacheEntry] = {}
        results = self._in_memory(paths, context, expired)
        if missing := _without(paths, results):
            results |= self._fetcher.missing(missing)
        if (missing := _without(paths, results)) and self._tiers.has_backend:
            cached = await self._tiers.load(missing)
            # A fetch by another request may have finished during the read.
            results |= self._in_memory(missing, context, expired)
            results |= self._all_served(_only(cached, _without(missing, results)), context, expired)
        if missing := _without(paths, results):
            results |= await self._fetcher.get_many(missing, context, expired)
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

    def _revalidate(self, path: str, entry: CacheEntry, context: FetchContext) -> None:
        if context.urgency is not Priority.CRAWL:
            revalidating = FetchContext(Priority.REVALIDATION, key=context.key)
            self._revalidations.start(
                path,
                context.key,
                lambda: self._fetcher.revalidate(path, entry, revalidating),
                self._freshness.revalidation_backoff(path),
            )

    async def wait_idle(self) -> None:
        """Wait for revalidations in progress, for a process that ends after one query."""
        await self._revalidations.wait_idle()

    async def aclose(self) -> None:
        """Cancel revalidations, flush pending writes and close the backend."""
        await self._revalidations.aclose()
        await self._tiers.aclose()


def _without(paths: list[str], results: Results) -> list[str]:
    return [path for path in paths if path not in results] if results else paths


def _only(cached: Mapping[str, CacheEntry], paths: list[str]) -> dict[str, CacheEntry]:
    return {path: cached[path] for path in paths if path in cached}
