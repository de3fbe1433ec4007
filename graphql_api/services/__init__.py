"""The composition root of everything below HTTP: transport, upstream, store and indexes, configured by the settings.

All of it is created in the constructor, so that it also works under an ASGI transport without a lifespan.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from graphql_api.asyncio_tools import Broadcast
from graphql_api.caching import Admission
from graphql_api.competent.isco_titles import titles_in
from graphql_api.competent.mappings import open_mappings
from graphql_api.competent.releases import CURRENT
from graphql_api.errors import CompetentError, SettingsError
from graphql_api.index import IndexRegistry
from graphql_api.index.crawler import CrawlLimit, Load
from graphql_api.index.semantic.embedder import Embedder, NoVectors, has_encoder
from graphql_api.index.semantic.sentence_encoder import SentenceEncoder
from graphql_api.index.tables import DamagedIndex
from graphql_api.observability.buffered_metrics import flush
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.observability.metrics import STORE_MEMORY_BYTES
from graphql_api.sandbox import Progress, Releases, bundled_releases, workbook_releases
from graphql_api.sandbox.app import Sandbox
from graphql_api.sandbox.report import silent
from graphql_api.schema.cached_loaders import CacheOnlyLoaders
from graphql_api.schema.dependencies import Dependencies, index_name
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.supplements import Supplements
from graphql_api.services.storage import backend_of, cache_dir, index_folder, index_origin, shared_server
from graphql_api.settings import Settings
from graphql_api.settings.environment import Secret, read_key
from graphql_api.store import Store
from graphql_api.store.freshness import FreshnessPolicy
from graphql_api.store.in_process import InProcessLoader
from graphql_api.store.interning import Interner
from graphql_api.store.memory import Memory
from graphql_api.store.valkey import ValkeyStore
from graphql_api.upstream import Upstream
from graphql_api.upstream.heap import HeapTrimmer
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.transport import ASGIApp, AsgiTransport, Client
from graphql_api.upstream.valkey import is_shared
from graphql_api.upstream.valkey_limiter import ValkeyLimiter

log = logging.getLogger(__name__)

BYTES_PER_DOCUMENT = 5_600
"""Memory per document of a whole release, as the cache counts it, rounded up: 36 MB for 6,447 documents, 95 MB for 21,000."""
LOOK_AGAIN = 5.0
"""Seconds until the next check of the current release after one that failed or read a stale copy, doubled each time."""
_LEASE_MORE = 3.0
"""Seconds that a replica's lease on fetching a path outlasts the timeout of the fetch."""


def open_sandbox(settings: Settings, progress: Progress = silent) -> Releases:
    """The releases that the sandbox serves: the workbooks in the settings, otherwise the bundled data. Raises WorkbookError."""
    if settings.data:
        return workbook_releases(settings.data, cache_dir(settings), progress, lenient=settings.lenient == "on")
    return bundled_releases()


def client_of(settings: Settings, competent: ASGIApp | None) -> Client:
    """The client for an ASGI app in this process or, without one, for the Competent API in the settings."""
    if competent is not None:
        return AsgiTransport(competent, settings)
    from graphql_api.upstream.http_transport import HttpTransport  # late, as it brings a third of all imports

    return HttpTransport(settings)


class Services:
    """Store, indexes and loaders over the Competent API in the settings, or over an ASGI app in this process (`competent`)."""

    def __init__(
        self, settings: Settings, competent: ASGIApp | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._page_size = settings.upstream_page_size
        titles = titles_in(settings.titles) if settings.titles else {}
        self._supplements = Supplements(settings.license, settings.attribution, titles, open_mappings(settings.mapping))
        self._shared = shared_server(settings)
        self._heap = HeapTrimmer()
        self._upstream = Upstream(
            client_of(settings, competent),
            settings,
            ValkeyLimiter(self._shared, RateLimit.of(settings)) if self._shared else None,
            heap=self._heap,
        )
        shelf = FreshnessPolicy(settings.release_ttl, settings.current_ttl, settings.stale_ttl)
        # What a full memory refuses must be cheap to load again: without a document store, VDAB would be asked again.
        is_cheap = not settings.is_remote or settings.store != "memory:"
        self._memory = Memory(
            settings.document_cache_bytes, interner=Interner(), admission=Admission() if is_cheap else None
        )
        self.store = Store(
            self._upstream.fetch,
            shelf,
            self._memory,
            ValkeyStore(
                self._shared,
                shelf.max_age,
                settings.upstream_total_timeout + _LEASE_MORE,
                settings.upstream_document_bytes,
            )
            if self._shared
            else backend_of(settings, shelf.max_age),
            clock,
            settings.not_found_ttl,
        )
        self._closing = ExitStack()
        self.indexes = _indexes(
            settings,
            index_origin(settings, competent),
            self._load_for_crawl(settings, competent),
            self._heap,
            _embedder(settings, self._closing),
        )
        self.published = Broadcast()
        self._current: str | None = None

    def _load_for_crawl(self, settings: Settings, competent: ASGIApp | None) -> Load:
        """The function by which a crawl loads documents: through the store, unless they are in this process anyway."""
        if not isinstance(competent, Sandbox) or settings.is_remote or settings.store not in ("", "memory:"):
            return self.store.get_uncached
        return InProcessLoader(competent.read, self.store.get_uncached).load

    def loaders(self, context: FetchContext | None = None) -> Loaders:
        """The loaders of one request, which fetch with this context."""
        return Loaders(self.store, self.indexes, self._page_size, context or FetchContext(), self._supplements)

    def cache_only_loaders(self, context: FetchContext) -> CacheOnlyLoaders:
        """Loaders that only read fresh documents from memory, for a request that must not wait."""
        return CacheOnlyLoaders(self.store, self.indexes, self._page_size, context, self._supplements)

    def record_reuse(self, dependencies: Dependencies, context: FetchContext) -> None:
        """Record a hit of a cached response: each document it depends on counts as read."""
        documents = dependencies.documents
        self.store.touch(dependencies.by_name)
        self.store.record_hits(documents)
        context.depends_on_current |= dependencies.moving
        context.stats.cached += documents

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with the path of each document and the name of each index that changes or is evicted."""
        self.store.on_evict(listener)
        self.indexes.on_evict(lambda release: listener(index_name(release)))

    async def watch_current(self, every: float) -> None:
        """Check which release is current every `every` seconds, and immediately when a subscriber arrives. Never returns.

        After a failure or a stale copy, checks again after LOOK_AGAIN seconds, then doubles that delay up to `every`.
        """
        retry = min(every, LOOK_AGAIN)
        while True:
            self.published.has_subscribers.clear()
            try:
                certain = await self.follow_current()
            except Exception:
                log.exception("cannot check which release is current")
                certain = False
            await self._wait_for_subscriber(every if certain else retry)
            retry = min(every, LOOK_AGAIN if certain else retry * 2)

    async def _wait_for_subscriber(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.published.has_subscribers.wait()

    async def follow_current(self) -> bool:
        """Check the current release once: build its index if necessary, then publish its number if it has changed.

        If the index cannot be built, the number is published without it. Does nothing without indexes in use or subscribers.
        Returns whether the number is certain and its index open: not after a failure, which is logged, nor with a stale copy,
        which is being revalidated.
        """
        context = FetchContext()
        if not (self.indexes.in_use or self.published.subscribers):
            self._current = None  # no subscribers; later ones only get later changes
            return True
        try:
            number = await self.loaders(context).release_number(CURRENT)
        except CompetentError as error:
            log.warning("cannot check which release is current: %s %s", error.code, error.detail)
            return False
        is_indexed = await self._index_if_used(number, self._current not in (None, number))
        moved, self._current = self._current not in (None, number), number  # another check may have finished first
        if moved:
            self.published.publish(number)
        return is_indexed and context.stats.stale == 0

    async def _index_if_used(self, number: str, moved: bool) -> bool:
        """Build the index of the current release if indexes are used, or if it `moved`; returns False after a failure."""
        try:
            if self.indexes.in_use or (moved and self.indexes.mode != "off"):
                await self.indexes.ready(number)
        except (CompetentError, sqlite3.Error, OSError, DamagedIndex) as error:
            log.warning("cannot index the current release %s now: %r", number, error)
            return False
        return True

    async def measure(self, every: float = 5.0) -> None:
        """Update the gauges of indexes and calls, and the buffered metrics, every `every` seconds. Never returns."""
        while True:
            try:
                STORE_MEMORY_BYTES.set(self._memory.bytes)
                self.indexes.measure()
                self._upstream.measure()
                flush()
            except Exception:
                log.exception("cannot update the metrics")
            await asyncio.sleep(every)

    async def aclose(self) -> None:
        """Cancel background work, flush pending writes and metrics, and close files and connections."""
        await self.indexes.aclose()
        self._closing.close()
        await self.store.aclose()
        await self._upstream.aclose()
        self._heap.close()
        if self._shared is not None:
            await self._shared.aclose()
        flush()


def _embedder(settings: Settings, closing: ExitStack) -> Embedder | NoVectors:
    """The embedder in the settings, or why there is none. Imports nothing of the extra `semantic`."""
    if settings.embeddings == "off":
        return NoVectors.OFF
    if settings.embeddings == "auto":
        return SentenceEncoder() if has_encoder() else NoVectors.NOT_INSTALLED
    if not has_encoder():
        raise SettingsError("COMPETENT_EMBEDDINGS with a URL needs the extra `semantic`")
    from graphql_api.upstream.embedding_endpoint import EmbeddingEndpoint  # late, as it imports httpx

    file = settings.embeddings_key_file
    key = read_key(file, "EMBEDDINGS_KEY_FILE") if file else Secret("")
    endpoint = EmbeddingEndpoint(settings.embeddings, settings.embeddings_model, key)
    closing.callback(endpoint.close)
    return endpoint


def _indexes(
    settings: Settings, origin: Callable[[str], str], load: Load, heap: HeapTrimmer, embedder: Embedder | NoVectors
) -> IndexRegistry:
    return IndexRegistry(
        load,
        index_folder(settings),
        origin,
        mode=settings.index or ("need" if settings.is_remote else "start"),
        patient=not settings.is_remote,
        page_size=settings.upstream_page_size,
        concurrency=settings.crawl_concurrency
        if settings.is_remote
        else 4,  # calls in this process are CPU work: an event-loop pass makes this many
        trim_heap=heap.trim_soon,
        embedder=embedder,
        on_open=lambda release, documents: _check_size(release, documents, settings.document_cache_bytes),
        limit=_crawl_limit(settings),
    )


def _crawl_limit(settings: Settings) -> CrawlLimit | None:
    """How many documents a crawl can fetch in a period, if others make no calls; None if there is no limit."""
    limit = RateLimit.of(settings)
    if not is_shared(settings.store):
        limit = limit.share(settings.workers)
    return CrawlLimit(limit.max_calls - limit.reserved(Priority.CRAWL), limit.period) if limit.max_calls else None


def _check_size(release: str, documents: int, cache_bytes: int) -> None:
    """Log a warning if the documents of a release do not fit in the cache."""
    if (size := documents * BYTES_PER_DOCUMENT) > cache_bytes:
        log.warning(
            "the %d documents of release %s take about %d MB of memory, but COMPETENT_DOCUMENT_CACHE_BYTES is %d MB: those "
            "that do not fit are loaded for each request",
            *(documents, release, size // 1_000_000, cache_bytes // 1_000_000),
        )
