"""The indexes of all releases: opens those that exist, and builds the others by a crawl.

A query that needs an index gets a complete one, or NotIndexedYet with the progress of the crawl.
"""

import asyncio
import logging
import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.competent.concept_reader import clear_cached_concepts
from graphql_api.errors import CompetentError, NotIndexedYet
from graphql_api.index.crawler import Crawler, Progress
from graphql_api.index.index import Index
from graphql_api.index.index_file import IndexFile, is_damage, is_full
from graphql_api.index.tables import DamagedIndex
from graphql_api.observability.metrics import INDEX_BUILT, INDEX_DOCUMENTS, INDEX_PROGRESS
from graphql_api.store import Store
from graphql_api.upstream.heap import HeapTrimmer

log = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = 30.0, 3600.0
"""Seconds before failed documents, or a failed build, are retried: the first delay, doubled each time, and the maximum."""
BETWEEN_INTERRUPTS = 0.05
"""Seconds between attempts to interrupt SQLite when a build is cancelled."""

Mode = Literal["start", "need", "off"]


def _temporary() -> "TemporaryDirectory[str] | None":
    try:
        return TemporaryDirectory(prefix="competent-index-")
    except OSError:
        return None


async def _start_part(file: IndexFile) -> sqlite3.Connection:
    """Open the part file in a thread. If the caller is cancelled, waits for the thread and closes the connection."""
    beginning = asyncio.ensure_future(asyncio.to_thread(file.begin))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait([beginning])
        if not beginning.cancelled() and beginning.exception() is None:
            beginning.result().close()
        raise


async def _finished(file: IndexFile, connection: sqlite3.Connection) -> None:
    """Finish a part file in a thread. If the caller is cancelled, interrupts the thread and waits for its end."""
    finishing = asyncio.ensure_future(asyncio.to_thread(file.finish, connection))
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        while not finishing.done():
            with suppress(sqlite3.ProgrammingError):  # already closed
                connection.interrupt()
            await asyncio.wait([finishing], timeout=BETWEEN_INTERRUPTS)
        finishing.exception()  # retrieve the error of the interruption, so that asyncio does not log it
        raise


@dataclass
class _Building:
    """A crawl in progress."""

    task: "asyncio.Task[Index]"
    progress: Progress
    began: float = field(default_factory=time.monotonic)

    def state(self) -> dict[str, float | str]:
        """The state and progress, as in `IndexRegistry.state`."""
        return {"state": "building", "progress": round(self.progress.share, 3), "documents": self.progress.done}

    def error(self, release: str) -> NotIndexedYet:
        """The error for clients meanwhile, with the progress and an estimate of the remaining seconds (1 to 60)."""
        done, total = self.progress.done, self.progress.total
        pace = (done - self.progress.before) / max(time.monotonic() - self.began, 0.001)
        left = (total - done) / pace if pace and total else 60.0
        share = f"{done} of {total} documents" if total else "reading its lists"
        message = f"Release {release} is being indexed ({share}). Fields that do not need the index work meanwhile."
        return NotIndexedYet(message, retry_after=float(round(min(max(left, 1), 60))), progress=self.progress.share)


@dataclass
class _Failure:
    """Why the index of a release is missing, and when the next build may start (`until`, a time of `time.monotonic`)."""

    reason: Literal["the file was corrupt", "the file cannot be written"]
    until: float
    pause: float

    @property
    def left(self) -> float:
        """Seconds until the next build may start; negative once it may."""
        return self.until - time.monotonic()

    def error(self, release: str) -> NotIndexedYet:
        """The error for clients until then, with the remaining seconds (1 to 60)."""
        message = (
            f"The index of release {release} could not be built; the server will try again. Fields that do not need it work "
            "meanwhile."
        )
        return NotIndexedYet(message, retry_after=float(max(round(min(self.left, 60)), 1)))


class IndexRegistry:
    """One index per requested release.

    With `patient`, queries wait for the crawl (for the sandbox, where it is short); otherwise they get NotIndexedYet. `mode`
    is that of COMPETENT_INDEX: indexes are built at the `start`, when first needed (`need`), or never (`off`). Without a
    `folder`, files are temporary.
    """

    def __init__(
        self, store: Store, folder: Path | None, origin: str, *, mode: Mode, patient: bool, page_size: int, at_once: int
    ) -> None:
        self._store = store
        self._temporary = _temporary() if folder is None else None
        if folder is None and self._temporary is None:
            log.warning("indexing is disabled, because no cache folder is writable; set COMPETENT_CACHE_DIR")
            mode = "off"
        self._folder = Path(self._temporary.name) if self._temporary else folder or Path()
        self._origin = origin
        self._patient = patient
        self._page_size = page_size
        self._at_once = at_once
        self._open: dict[str, Index] = {}
        self._replaced: list[Index] = []
        self._building: dict[str, _Building] = {}
        self._opening: dict[str, asyncio.Task[Index | None]] = {}
        self._failures: dict[str, _Failure] = {}
        self._retries: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._heap = HeapTrimmer()
        self.mode = mode

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with each release whose index is replaced or found corrupt."""
        self._listeners.append(listener)

    def _notify(self, release: str) -> None:
        for listener in self._listeners:
            listener(release)

    @property
    def in_use(self) -> bool:
        """Whether indexes are used: from the start, or because one was needed."""
        return self.mode == "start" or bool(self._open or self._building)

    def has(self, release: str) -> bool:
        """Whether the index of this release is open."""
        return release in self._open

    def get_cached(self, release: str) -> Index | None:
        """The index of this release; None if it is not open."""
        return self._open.get(release)

    async def get(self, release: str, deadline: float = math.inf) -> Index:
        """Return the index of an existing release, built if necessary.

        `deadline` is a time of the event loop's clock. Unless `patient`, callers do not wait for a build at all. Raises
        NotIndexedYet if the index is not ready by then, UpstreamError if the crawl fails.
        """
        if (index := await self._there(release)) is not None:
            return index
        if not self._patient or self._is_paused(release):
            raise self._not_there(release)
        building = self.begin(release)
        left = None if deadline == math.inf else deadline - asyncio.get_running_loop().time()
        await asyncio.wait({building.task}, timeout=left)
        if not building.task.done():
            raise self._not_there(release)
        return building.task.result()

    async def ready(self, release: str) -> None:
        """Wait until the index of a release is open, building it if necessary.

        Raises NotIndexedYet if it may not be built now, UpstreamError if the crawl fails.
        """
        if await self._there(release) is not None:
            return
        if self._is_paused(release):
            raise self._not_there(release)
        await asyncio.shield(self.begin(release).task)

    def _is_paused(self, release: str) -> bool:
        """Whether no build may start now: building is disabled, or backs off after a failure."""
        failure = self._failures.get(release)
        return self.mode == "off" or (failure is not None and failure.left > 0 and release not in self._building)

    def _not_there(self, release: str) -> NotIndexedYet:
        """The error for callers that cannot wait. Starts the build, if it may start."""
        if self.mode == "off":
            return NotIndexedYet("Indexing is disabled on this server; its operator can enable it (COMPETENT_INDEX).")
        if self._is_paused(release):
            return self._failures[release].error(release)
        return self.begin(release).error(release)

    async def _there(self, release: str) -> Index | None:
        """The index of a release, opened (once for concurrent callers) if its file exists and is sound; None otherwise."""
        if release in self._open or release in self._building:
            return self._open.get(release)
        opening = self._opening.get(release)
        if opening is None:
            opening = self._opening[release] = asyncio.create_task(self._found(release))
            opening.add_done_callback(lambda _: self._opening.pop(release, None))
        return await asyncio.shield(opening)

    async def _found(self, release: str) -> Index | None:
        file = self._file(release)
        if not await asyncio.to_thread(file.check):
            return self._open.get(release)
        return self._open.get(release) or self._opened(release, file)

    def begin(self, release: str, progress: Progress | None = None) -> _Building:
        """Start to build the index of a release; returns the build in progress if there is one."""
        building = self._building.get(release)
        if building is None:
            progress = progress or Progress()
            building = _Building(asyncio.create_task(self._build(release, progress)), progress)
            self._building[release] = building
            building.task.add_done_callback(lambda task: self._ended(release, task))
        return building

    async def _build(self, release: str, progress: Progress) -> Index:
        try:
            return await self._built(release, progress)
        except (sqlite3.Error, OSError, DamagedIndex) as error:
            log.warning("cannot build the index of release %s: %r", release, error)
            if not (is_full(error) or is_damage(error)):
                raise
            raise self._failed(release, "the file cannot be written").error(release) from error

    async def _built(self, release: str, progress: Progress) -> Index:
        file = self._file(release)
        while True:
            with file.lock() as mine:
                if mine:
                    await self._walk_again(file, release, progress)
                    return self._opened(release, file)
            await asyncio.sleep(1)  # another process crawls: wait until its file exists or its lock is free
            if await asyncio.to_thread(file.check):
                return self._opened(release, file)

    async def _walk_again(self, file: IndexFile, release: str, progress: Progress) -> None:
        """Crawl; starts again from scratch if the part file turns out to be corrupt."""
        try:
            await self._walk(file, release, progress)
        except (sqlite3.Error, DamagedIndex) as error:
            if not is_damage(error):
                raise
            file.discard_part()
            await self._walk(file, release, progress)

    async def _walk(self, file: IndexFile, release: str, progress: Progress) -> None:
        connection = await _start_part(file)
        try:
            await Crawler(connection, self._store.get_uncached, release, self._page_size, self._at_once, progress).run()
        except BaseException:
            connection.close()
            raise
        await _finished(file, connection)
        clear_cached_concepts()
        self._heap.trim_soon()

    def _opened(self, release: str, file: IndexFile) -> Index:
        if release in self._open:
            self._replaced.append(self._open[release])  # queries may still be using it
            self._notify(release)
        index = self._open[release] = Index(file, lambda index, error: self._damaged(release, index, error))
        if index.missing and self.mode != "off" and release not in self._retries:
            self._retries[release] = asyncio.create_task(self._retry(release))
            self._retries[release].add_done_callback(lambda _: self._retries.pop(release, None))
        return index

    def _damaged(self, release: str, index: Index, error: Exception) -> NotIndexedYet:
        """Move a corrupt index aside and start to rebuild it; returns the error for the caller."""
        if self._open.get(release) is index:
            del self._open[release]
            self._replaced.append(index)  # other queries may be using it
            self._notify(release)
            self._failed(release, "the file was corrupt")
            try:
                self._file(release).set_aside(index.file_id, error)
            except OSError as unwritable:
                log.warning("cannot move the corrupt index of release %s aside: %r", release, unwritable)
        return self._not_there(release)

    def _failed(self, release: str, reason: Literal["the file was corrupt", "the file cannot be written"]) -> _Failure:
        """Record a failure. A first corruption is repaired immediately; further failures back off, doubling the delay."""
        before = self._failures.get(release)
        if before is not None and before.left < -LONGEST_RETRY:
            before = None
        pause = FIRST_RETRY if before is None else min(max(before.pause * 2, FIRST_RETRY), LONGEST_RETRY)
        if before is None and reason == "the file was corrupt":
            pause = 0.0
        failure = self._failures[release] = _Failure(reason, time.monotonic() + pause, pause)
        return failure

    async def _retry(self, release: str) -> None:
        wait = FIRST_RETRY
        while (index := self._open.get(release)) is not None and index.missing:
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_RETRY)
            with suppress(CompetentError):  # logged by the crawl itself
                await asyncio.shield(self.begin(release).task)

    def _ended(self, release: str, task: "asyncio.Task[Index]") -> None:
        self._building.pop(release, None)
        if not task.cancelled() and (error := task.exception()):
            log.warning(
                "crawl of release %s was interrupted and resumes when the index is next needed: %r", release, error
            )

    def _file(self, release: str) -> IndexFile:
        return IndexFile(self._folder, self._origin, release)

    def state(self, release: str) -> dict[str, float | str]:
        """The state of the index of a release.

        `state` is `complete` (with the number of missing documents), `building` (with progress from 0 to 1 and documents),
        `unopened` (its file exists), `missing`, `failed` (with `retryAfter` in seconds) or `off`. `reason` is added if the
        index failed before, unless it is complete or off.
        """
        failure = self._failures.get(release)
        reason = {} if failure is None else {"reason": failure.reason}
        if (building := self._building.get(release)) is not None:
            return {**building.state(), **reason}
        if release in self._open:
            return {"state": "complete", "missing": self._open[release].missing}
        if self.mode == "off":
            return {"state": "off"}
        if failure is not None:
            return {"state": "failed", "retryAfter": float(max(round(failure.left), 0)), **reason}
        return {"state": "unopened" if self._file(release).id() else "missing"}

    def measure(self) -> None:
        """Update the metrics of all indexes."""
        for release in self._open:
            INDEX_PROGRESS.labels(release).set(1)
            with suppress(OSError):
                INDEX_BUILT.labels(release).set(self._file(release).path.stat().st_mtime)
        for release, building in self._building.items():
            INDEX_PROGRESS.labels(release).set(building.progress.share)
            INDEX_DOCUMENTS.labels(release).set(building.progress.done)

    async def aclose(self) -> None:
        """Cancel builds, which resume where they stopped at the next start, and close the files."""
        building = [each.task for each in self._building.values()]
        await cancel_and_wait([*building, *self._opening.values(), *self._retries.values()])
        self._heap.close()
        for index in (*self._open.values(), *self._replaced):
            index.close()
        self._open.clear()
        self._replaced.clear()
        if self._temporary:
            self._temporary.cleanup()
