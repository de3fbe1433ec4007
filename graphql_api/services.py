"""The parts below HTTP, chosen by the settings and handed to each other: transport, upstream, store, indexes.

Everything is made at once and only closed later, so that the parts work under a transport that runs no lifespan.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from graphql_api.asyncio_tools import Broadcast
from graphql_api.competent.releases import CURRENT
from graphql_api.errors import CompetentError, SettingsError
from graphql_api.index import IndexRegistry
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.metrics import settle
from graphql_api.sandbox import Progress, Releases, bundled_releases, workbook_releases
from graphql_api.sandbox.bundled_data import DATA
from graphql_api.sandbox.document_store import FORMAT
from graphql_api.sandbox.progress import silent
from graphql_api.sandbox.releases import workbook_files
from graphql_api.schema.cached_loaders import CacheOnlyLoaders
from graphql_api.schema.loaders import Dependencies, Loaders, documents_in, name_of_index
from graphql_api.settings import Settings
from graphql_api.settings.folders import user_cache_folder
from graphql_api.store import Backend, Store
from graphql_api.store.freshness import FreshnessPolicy
from graphql_api.store.interning import Interner
from graphql_api.store.memory import Memory
from graphql_api.store.sqlite import SqliteFile
from graphql_api.store.valkey import ValkeyStore
from graphql_api.upstream import Upstream
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.transport import ASGIApp, AsgiTransport, Client
from graphql_api.upstream.valkey import Shared, is_shared
from graphql_api.upstream.valkey_limiter import SharedLedger

log = logging.getLogger(__name__)

LOOK_AGAIN = 5.0
"""Seconds after a look at a stale copy of which release is current: by then it has been renewed, or upstream is in trouble."""
_LEASE_MORE = 3.0
"""Seconds that a replica has the fetch of a path to itself beyond the time that a fetch may take."""


def cache_dir(settings: Settings) -> Path | None:
    """The folder for what can be made again; None for a user without a home."""
    return settings.cache_dir or user_cache_folder()


def index_folder(settings: Settings) -> Path | None:
    """The folder that keeps indexes, writable; None if they end with the process."""
    folder = None if settings.store == "memory:" else cache_dir(settings)
    return _writable(folder / "index") if folder else None


def open_sandbox(settings: Settings, progress: Progress = silent) -> Releases:
    """The releases that the sandbox serves: the workbooks of the settings, else the bundled data."""
    if settings.data:
        return workbook_releases(settings.data, cache_dir(settings), progress, lenient=settings.lenient == "on")
    return bundled_releases()


def client_of(settings: Settings, competent: ASGIApp | None) -> Client:
    """The client of an app in this process, else of the Competent API of the settings."""
    if competent is not None:
        return AsgiTransport(competent, settings)
    from graphql_api.upstream.http_transport import HttpTransport  # and with it a third of all that is imported

    return HttpTransport(settings)


class Services:
    """What answers questions, over the Competent API of the settings or over one that is an ASGI app in this process."""

    def __init__(
        self, settings: Settings, competent: ASGIApp | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._page_size = settings.upstream_page_size
        self._shared = _shared(settings)
        self._upstream = Upstream(
            client_of(settings, competent),
            settings,
            SharedLedger(self._shared, RateLimit.of(settings)) if self._shared else None,
        )
        shelf = FreshnessPolicy(settings.release_ttl, settings.current_ttl, settings.stale_ttl)
        self.store = Store(
            self._upstream.fetch,
            shelf,
            Memory(settings.document_cache_bytes, sharing=Interner()),
            ValkeyStore(
                self._shared,
                shelf.longest,
                settings.upstream_total_timeout + _LEASE_MORE,
                settings.upstream_document_bytes,
            )
            if self._shared
            else _backend(settings, shelf.longest),
            clock,
            settings.not_found_ttl,
        )
        self.indexes = _indexes(settings, self.store)
        self.published = Broadcast()
        self._current: str | None = None

    def loaders(self, asker: FetchContext | None = None) -> Loaders:
        """The loaders of one request, which fetch for this asker."""
        return Loaders(self.store, self.indexes, self._page_size, asker or FetchContext())

    def cache_only_loaders(self, asker: FetchContext) -> CacheOnlyLoaders:
        """Loaders for a request that is answered with what is at hand."""
        return CacheOnlyLoaders(self.store, self.indexes, self._page_size, asker)

    def used_again(self, reads: Sequence[Dependencies], asker: FetchContext) -> None:
        """What was made of this is used again: all of it counts as read."""
        for read in reads:
            self.store.used(read.by_name)
        documents = documents_in(reads)
        asker.tally.cached += documents
        self.store.count(documents)

    def watch(self, gone: Callable[[str], None]) -> None:
        """From now on, tell of each document (by path) and index (by name) that is not what it was, or not there any more."""
        self.store.watch(gone)
        self.indexes.watch(lambda release: gone(name_of_index(release)))

    async def watch_current(self, every: float) -> None:
        """Look every so many seconds which release is current, and at once when the first one listens."""
        while True:
            self.published.heard.clear()
            certain = await self.follow_current()
            with suppress(TimeoutError):
                async with asyncio.timeout(every if certain else min(every, LOOK_AGAIN)):
                    await self.published.heard.wait()

    async def follow_current(self) -> bool:
        """Wait until the current release has its index, where indexes are in use or somebody listens; then announce it, if it
        is another one than at the last look. False where the look was at a stale copy, which is being renewed behind it.
        """
        asker = FetchContext()
        if not (self.indexes.in_use or self.published.listeners):
            self._current = None  # nobody would hear of it; who comes later is told of what happens later
            return True
        try:
            number = await self.loaders(asker).release_number(CURRENT)
            moved = self._current not in (None, number)
            if self.indexes.in_use or (moved and self.indexes.mode != "off"):
                await self.indexes.ready(number)
        except CompetentError as error:
            log.warning("cannot index the current release now: %s %s", error.code, error.detail)
            return True
        moved, self._current = self._current not in (None, number), number  # another look may have been faster
        if moved:
            self.published.announce(number)
        return asker.tally.stale == 0

    async def measure(self, every: float = 5.0) -> None:
        """Keep the metrics of what moves by itself up to date."""
        while True:
            self.indexes.measure()
            settle()
            await asyncio.sleep(every)

    async def aclose(self) -> None:
        """End what is under way, write what waits to be written, close files and connections."""
        await self.indexes.aclose()
        await self.store.aclose()
        await self._upstream.aclose()
        if self._shared is not None:
            await self._shared.aclose()
        settle()


def _indexes(settings: Settings, store: Store) -> IndexRegistry:
    return IndexRegistry(
        store,
        index_folder(settings),
        _origin(settings),
        mode=settings.index or ("need" if settings.is_remote else "start"),  # type: ignore[arg-type]
        patient=not settings.is_remote,
        page_size=settings.upstream_page_size,
        at_once=settings.crawl_concurrency
        if settings.is_remote
        else 32,  # each turn of the loop costs, so many share one
    )


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _shared(settings: Settings) -> Shared | None:
    return Shared(settings.store, _origin(settings)) if is_shared(settings.store) else None


def _backend(settings: Settings, keep: float) -> Backend | None:
    kind, _, where = settings.store.partition(":")
    if kind == "memory" or (not settings.store and not settings.is_remote):
        return None
    if kind == "sqlite" and where and not where.startswith(":"):
        return SqliteFile(Path(where), _origin(settings), keep, settings.store_bytes, settings.upstream_document_bytes)
    if settings.store:
        raise SettingsError(
            "COMPETENT_STORE must be `memory:`, `sqlite:PATH` or the address of a Valkey server (valkey://HOST:PORT)"
        )
    folder = cache_dir(settings)
    if folder is None:
        log.warning(
            "no cache folder, because this user has no home directory: documents and indexes are lost when this process ends; "
            "set COMPETENT_CACHE_DIR"
        )
        return None
    try:
        return SqliteFile(
            folder / "documents.sqlite", _origin(settings), keep, settings.store_bytes, settings.upstream_document_bytes
        )
    except SettingsError as error:
        log.warning("%s; documents are cached in memory only", error)
        return None


def _origin(settings: Settings) -> str:
    # What the sandbox serves can change under the same path; its files are told by place, size, time and how they are read.
    if settings.is_remote:
        return settings.upstream_url.rstrip("/")
    files = workbook_files(settings.data) or sorted(DATA.glob("*.toml"))
    told = [f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return "sandbox " + hashlib.blake2s("\n".join([FORMAT, *told]).encode(), digest_size=8).hexdigest()
