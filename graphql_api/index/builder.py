"""Builds the index of a release: a crawl into a part file, which is then finished and renamed.

A build that is cancelled leaves a part file, from which the next one resumes. Of processes that share the folder, one builds a
release, and the others wait.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from graphql_api.competent.concept_reader import clear_cached_concepts
from graphql_api.index.crawler import Crawler, CrawlProgress, Load
from graphql_api.index.index_file import IndexFile, is_damage, releases_in
from graphql_api.index.part import part_progress
from graphql_api.index.tables import DamagedIndex

BETWEEN_INTERRUPTS = 0.05
"""Seconds between attempts to interrupt SQLite when a build is cancelled."""
BETWEEN_CHECKS = 1.0
"""Seconds between checks whether another process has finished its build."""


def temporary_folder() -> "TemporaryDirectory[str] | None":
    """A folder for indexes that end with the process; None if none is writable."""
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


def _finish_in_thread(file: IndexFile, connection: sqlite3.Connection) -> None:
    clear_cached_concepts()  # first: finishing can use the memory
    file.finish(connection)


async def _finish(file: IndexFile, connection: sqlite3.Connection) -> None:
    """Finish a part file in a thread. If the caller is cancelled, interrupts the thread and waits for its end."""
    finishing = asyncio.ensure_future(asyncio.to_thread(_finish_in_thread, file, connection))
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        while not finishing.done():
            with suppress(sqlite3.ProgrammingError):  # already closed
                connection.interrupt()
            await asyncio.wait([finishing], timeout=BETWEEN_INTERRUPTS)
        finishing.exception()  # retrieve the error of the interruption, so that asyncio does not log it
        raise


class IndexBuilder:
    """Builds indexes in a folder.

    `origin` identifies the data of a release, by its number. `trim_heap` is called after a build, which frees much memory.
    """

    def __init__(
        self,
        load: Load,
        folder: Path,
        origin: Callable[[str], str],
        *,
        page_size: int,
        concurrency: int,
        trim_heap: Callable[[], None],
    ) -> None:
        self._load = load
        self._folder = folder
        self._origin = origin
        self._page_size = page_size
        self._concurrency = concurrency
        self._trim_heap = trim_heap

    def file(self, release: str) -> IndexFile:
        """The index file of a release, which may not exist."""
        return IndexFile(self._folder, self._origin(release), release)

    def complete_releases(self) -> list[str]:
        """The releases that have a finished index without missing documents. Reads files, so do not call it on the event loop."""
        return [release for release in releases_in(self._folder) if self.file(release).is_complete()]

    async def build(self, release: str, progress: CrawlProgress) -> IndexFile:
        """Build the index of a release, or wait until another process has built it; returns its file.

        Raises an UpstreamError if the crawl fails, sqlite3.Error, OSError or DamagedIndex if the file cannot be written.
        """
        file = self.file(release)
        while True:
            with file.lock() as is_mine:
                if is_mine:
                    await self._crawl_again_if_damaged(file, release, progress)
                    return file
            if other := await asyncio.to_thread(part_progress, file.part):
                progress.follow(other)
            await asyncio.sleep(BETWEEN_CHECKS)
            if await asyncio.to_thread(file.check):
                return file

    async def _crawl_again_if_damaged(self, file: IndexFile, release: str, progress: CrawlProgress) -> None:
        """Crawl; starts again from scratch if the part file turns out to be corrupt."""
        try:
            await self._crawl(file, release, progress)
        except (sqlite3.Error, DamagedIndex) as error:
            if not is_damage(error):
                raise
            file.discard_part()
            await self._crawl(file, release, progress)

    async def _crawl(self, file: IndexFile, release: str, progress: CrawlProgress) -> None:
        connection = await _start_part(file)
        try:
            await Crawler(connection, self._load, release, self._page_size, self._concurrency, progress).run()
        except BaseException:
            connection.close()
            clear_cached_concepts()
            raise
        await _finish(file, connection)
        self._trim_heap()
