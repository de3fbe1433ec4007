"""The indexes of all releases: opens those that exist, and builds the others by a crawl.

A query that needs an index gets a complete one, or NotIndexedYet with the progress of the crawl.
"""

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal
from uuid import UUID
from weakref import WeakSet

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.competent.releases import release_order
from graphql_api.errors import NotIndexedYet
from graphql_api.index.availability import FIRST_RETRY, LONGEST_RETRY, Build, Failures
from graphql_api.index.builder import IndexBuilder, temporary_folder
from graphql_api.index.concepts import IndexedConcept
from graphql_api.index.crawler import CrawlLimit, CrawlProgress, Load
from graphql_api.index.index import Index
from graphql_api.index.index_file import IndexFile, is_damage, is_full
from graphql_api.index.part import PartReader
from graphql_api.index.semantic.embedder import Embedder, NoVectors
from graphql_api.index.semantic.vectorizer import Vectorizer
from graphql_api.index.tables import DamagedIndex
from graphql_api.index.timelines import Timelines
from graphql_api.observability.metrics import (
    INDEX_BUILT,
    INDEX_DOCUMENTS,
    INDEX_LOOKUP_BYTES,
    INDEX_PROGRESS,
    INDEX_REMAINING,
    VECTORS_PROGRESS,
)

log = logging.getLogger(__name__)

Mode = Literal["start", "need", "off"]
ALL = "*"
"""In place of a release: all indexes that exist."""
MAX_COMPARED = 20
"""Maximum indexes that are compared with each other, the newest: five years of releases."""


class IndexRegistry:
    """One index per requested release.

    With `patient`, queries wait for the crawl (for the sandbox, where it is short); otherwise they get NotIndexedYet. `mode`
    is that of COMPETENT_INDEX: indexes are built at the `start`, when first needed (`need`), or never (`off`). Without a
    `folder`, files are temporary. With an `embedder`, the texts of each open index get vectors in the background. `on_open` is
    called with each release whose index is opened, and its number of documents. `limit` is that of a crawl.
    """

    def __init__(
        self,
        load: Load,
        folder: Path | None,
        origin: Callable[[str], str],
        *,
        mode: Mode,
        patient: bool,
        page_size: int,
        concurrency: int,
        trim_heap: Callable[[], None] = lambda: None,
        embedder: Embedder | NoVectors = NoVectors.OFF,
        on_open: Callable[[str, int], None] = lambda release, documents: None,
        limit: CrawlLimit | None = None,
    ) -> None:
        self._temporary = temporary_folder() if folder is None else None
        if folder is None and self._temporary is None:
            log.warning("indexing is disabled, because no cache folder is writable; set COMPETENT_CACHE_DIR")
            mode = "off"
        self._builder = IndexBuilder(
            load,
            Path(self._temporary.name) if self._temporary else folder or Path(),
            origin,
            page_size=page_size,
            concurrency=concurrency,
            trim_heap=trim_heap,
        )
        self._patient = patient
        self._on_open = on_open
        self._limit = limit
        self._open: dict[str, Index] = {}
        self._replaced: WeakSet[Index] = WeakSet()
        self._builds: dict[str, Build] = {}
        self._opening: dict[str, asyncio.Task[Index | None]] = {}
        self._failures = Failures()
        self._retries: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self.timelines = Timelines(self.open_existing)
        """Compares all indexes that exist already."""
        self.embedder = embedder
        self._vectors = embedder if isinstance(embedder, NoVectors) else Vectorizer(embedder)
        self.mode = mode

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with each release whose index is replaced or found corrupt, and with ALL if one is opened, too."""
        self._listeners.append(listener)

    @property
    def in_use(self) -> bool:
        """Whether indexes are used: from the start, or because one was needed."""
        return self.mode == "start" or bool(self._open or self._builds)

    def has(self, release: str) -> bool:
        """Whether the index of this release is open."""
        return release in self._open

    def get_cached(self, release: str) -> Index | None:
        """The index of this release; None if it is not open."""
        return self._open.get(release)

    async def get(self, release: str, deadline: float = math.inf, *, may_build: bool = True) -> Index:
        """Return the index of an existing release, built if necessary; in mode `need` only if the caller `may_build`.

        `deadline` is a time of the event loop's clock. Unless `patient`, callers do not wait for a build at all. Raises
        NotIndexedYet if the index is not ready by then, UpstreamError if the crawl fails.
        """
        if (index := await self.find(release)) is not None:
            return index
        if self.mode == "need" and not may_build and release not in self._builds:
            raise NotIndexedYet(
                f"Release {release} has no index, and pages do not start a crawl; a query does, and so do the command `mirror` "
                "and COMPETENT_INDEX=start."
            )
        if not self._patient or self._is_paused(release):
            raise self._unavailable(release)
        build = self.begin(release)
        left = None if deadline == math.inf else deadline - asyncio.get_running_loop().time()
        await asyncio.wait({build.task}, timeout=left)
        if not build.task.done():
            raise self._unavailable(release)
        return build.task.result()

    async def ready(self, release: str) -> None:
        """Wait until the index of a release is open, building it if necessary.

        Raises NotIndexedYet if it may not be built now, UpstreamError if the crawl fails.
        """
        if await self.find(release) is not None:
            return
        if self._is_paused(release):
            raise self._unavailable(release)
        await asyncio.shield(self.begin(release).task)

    def _is_paused(self, release: str) -> bool:
        """Whether no build may start now: building is disabled, or backs off after a failure."""
        return self.mode == "off" or (release not in self._builds and self._failures.waiting(release) is not None)

    def _unavailable(self, release: str) -> NotIndexedYet:
        """The error for callers that cannot wait. Starts the build, if it may start."""
        if self.mode == "off":
            return NotIndexedYet("Indexing is disabled on this server; its operator can enable it (COMPETENT_INDEX).")
        failure = self._failures.waiting(release)
        if failure is not None and release not in self._builds:
            return failure.error(release)
        return self.begin(release).error(release)

    async def open_existing(self) -> dict[str, Index]:
        """The complete indexes of all releases that have one, at most the MAX_COMPARED newest; opens them, and builds nothing."""
        existing = {*await asyncio.to_thread(self._builder.complete_releases), *self._open}
        newest = sorted(existing, key=release_order)[-MAX_COMPARED:]
        for release in newest:
            with suppress(OSError):  # a corrupt file that cannot be moved aside
                await self.find(release, is_needed=False)
        indexes = {release: self._open[release] for release in newest if release in self._open}
        return {release: index for release, index in indexes.items() if not index.missing}

    async def find(self, release: str, *, is_needed: bool = True) -> Index | None:
        """The index of a release, opened (once for concurrent callers) if its file exists and is sound; None otherwise."""
        if release in self._open or release in self._builds:
            return self._open.get(release)
        opening = self._opening.get(release)
        if opening is None:
            opening = self._opening[release] = asyncio.create_task(self._open_file(release, is_needed))
            opening.add_done_callback(lambda _: self._opening.pop(release, None))
        return await asyncio.shield(opening)

    async def _open_file(self, release: str, is_needed: bool) -> Index | None:
        file = self._builder.file(release)
        if not await asyncio.to_thread(file.check):
            return self._open.get(release)
        return self._open.get(release) or self._opened(release, file, is_needed)

    def begin(self, release: str, progress: CrawlProgress | None = None) -> Build:
        """Start to build the index of a release; returns the build in progress if there is one."""
        build = self._builds.get(release)
        if build is None:
            progress = progress or CrawlProgress()
            progress.limit = self._limit
            part = PartReader(self._builder.file(release).part)
            task = asyncio.create_task(self._build(release, progress, part))
            build = self._builds[release] = Build(task, progress, part)
            build.task.add_done_callback(lambda task: self._ended(release, task))
        return build

    async def met(self, release: str, uuids: Sequence[UUID]) -> Mapping[UUID, list[IndexedConcept]]:
        """The concepts with these uuids that the crawl in progress has read so far; none if there is no crawl."""
        build = self._builds.get(release)
        return {} if build is None else await build.part.concepts(uuids)

    async def _build(self, release: str, progress: CrawlProgress, part: PartReader) -> Index:
        try:
            return self._opened(release, await self._builder.build(release, progress))
        except (sqlite3.Error, OSError, DamagedIndex) as error:
            log.warning("cannot build the index of release %s: %r", release, error)
            if not (is_full(error) or is_damage(error)):
                raise
            raise self._failures.add(release, "the file cannot be written").error(release) from error
        finally:
            await part.aclose()

    def _ended(self, release: str, task: "asyncio.Task[Index]") -> None:
        self._builds.pop(release, None)
        if not task.cancelled() and (error := task.exception()):
            log.warning(
                "crawl of release %s was interrupted and resumes when the index is next needed: %r", release, error
            )

    def _opened(self, release: str, file: IndexFile, is_needed: bool = True) -> Index:
        index = Index(file, lambda index, error: self._damaged(release, index, error))
        if isinstance(self._vectors, NoVectors):
            index.vectors = self._vectors
        elif is_needed:
            index.vectors = self._vectors.start(file.path)
        else:  # they take much memory, and comparisons need none
            index.vectors, index.start_vectors = NoVectors.NOT_READY, partial(self._vectors.start, file.path)
        self._retire(release)
        self._open[release] = index
        self._changed(ALL)
        self._on_open(release, index.documents)
        if index.missing and self.mode != "off" and release not in self._retries:
            self._retries[release] = asyncio.create_task(self._retry(release))
            self._retries[release].add_done_callback(lambda _: self._retries.pop(release, None))
        return index

    def _retire(self, release: str) -> None:
        """Stop using the open index of a release, if there is one. It is closed when the last query on it has ended."""
        index = self._open.pop(release, None)
        if index is not None:
            self._replaced.add(index)
            index.close_when_unused()
            self._changed(release)
            self._changed(ALL)

    def _changed(self, release: str) -> None:
        self.timelines.invalidate()
        for listener in self._listeners:
            listener(release)

    def _damaged(self, release: str, index: Index, error: Exception) -> NotIndexedYet:
        """Move a corrupt index aside and start to rebuild it; returns the error for the caller."""
        if self._open.get(release) is index:
            self._retire(release)
            self._failures.add(release, "the file was corrupt")
            try:
                self._builder.file(release).set_aside(index.file_id, error)
            except OSError as unwritable:
                log.warning("cannot move the corrupt index of release %s aside: %r", release, unwritable)
        return self._unavailable(release)

    async def _retry(self, release: str) -> None:
        """Build an index with missing documents again, at growing intervals, until none is missing."""
        wait = FIRST_RETRY
        while self._is_incomplete(release):
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_RETRY)
            await asyncio.wait({self.begin(release).task})  # an error is logged when the build ends

    def _is_incomplete(self, release: str) -> bool:
        return release in self._open and self._open[release].missing > 0

    def state(self, release: str) -> dict[str, object]:
        """The state of the index of a release.

        `state` is `complete` (with the number of missing documents, and the state of its vectors if there are any), `building`
        (with progress from 0 to 1, documents, and the remaining seconds or null), `unopened` (its file exists), `missing`,
        `failed` (with `retryAfter` in seconds) or `off`. `reason` is added if the index failed before, unless it is complete or
        off.
        """
        failure = self._failures.get(release)
        reason = {} if failure is None else {"reason": failure.reason}
        if (build := self._builds.get(release)) is not None:
            return {**build.state(), **reason}
        if release in self._open:
            index = self._open[release]
            vectors = {} if isinstance(index.vectors, NoVectors) else {"vectors": index.vectors.state()}
            return {"state": "complete", "missing": index.missing, **vectors}
        if self.mode == "off":
            return {"state": "off"}
        if failure is not None:
            return {**failure.state(), **reason}
        return {"state": "unopened" if self._builder.file(release).id() else "missing"}

    def measure(self) -> None:
        """Update the metrics of all indexes."""
        for release, index in self._open.items():
            INDEX_PROGRESS.labels(release).set(1)
            INDEX_REMAINING.labels(release).set(0)
            INDEX_LOOKUP_BYTES.labels(release).set(index.lookup_bytes)
            if not isinstance(index.vectors, NoVectors):
                VECTORS_PROGRESS.labels(release).set(index.vectors.share)
            with suppress(OSError):
                INDEX_BUILT.labels(release).set(self._builder.file(release).path.stat().st_mtime)
        for release, build in self._builds.items():
            INDEX_PROGRESS.labels(release).set(build.progress.share)
            INDEX_DOCUMENTS.labels(release).set(build.progress.done)
            if (left := build.progress.remaining) is not None:
                INDEX_REMAINING.labels(release).set(left)

    async def aclose(self) -> None:
        """Cancel builds, which resume where they stopped at the next start, and close the files."""
        builds = [build.task for build in self._builds.values()]
        comparisons = [task for index in self._open.values() for task in index.comparisons.running]
        await cancel_and_wait([*builds, *self._opening.values(), *self._retries.values(), *comparisons])
        if not isinstance(self._vectors, NoVectors):
            await asyncio.to_thread(self._vectors.close)
        for index in (*self._open.values(), *self._replaced):
            index.close()
        self._open.clear()
        if self._temporary:
            self._temporary.cleanup()
