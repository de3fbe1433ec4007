"""Implements `competent-graphql mirror`: crawls a release and shows its progress."""

import asyncio
import sys
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from graphql_api.errors import ReleaseNotFound, SettingsError
from graphql_api.index.concepts import failed
from graphql_api.index.crawler import CrawlProgress
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.services import Services
from graphql_api.services.storage import cache_dir, index_folder
from graphql_api.settings import Settings
from graphql_api.upstream.valkey import is_shared


class _Rate(TextColumn):
    """Documents per second since the progress bar started."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: "object") -> Text:
        speed = getattr(task, "finished_speed", None) or getattr(task, "speed", None)
        return Text(f"{speed:,.0f} documents/s" if speed else "")


class _Remaining(ProgressColumn):
    """The estimated time until a crawl ends, whichever process crawls."""

    def __init__(self, progress: CrawlProgress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: "object") -> Text:
        left = self._progress.remaining
        return Text("" if left is None else str(timedelta(seconds=round(left))), style="progress.remaining")


def demand_folder(settings: Settings) -> None:
    """Raise SettingsError if the settings would lose the crawled documents when the process ends."""
    if is_shared(settings.store) or index_folder(settings):
        return
    if settings.store == "memory:":
        raise SettingsError(
            "mirror needs a persistent store, but COMPETENT_STORE is memory: (unset it, or use sqlite:PATH)"
        )
    folder = cache_dir(settings)
    where = f"{folder} cannot be written" if folder else "this user has no home directory"
    raise SettingsError(f"mirror has no writable folder ({where}): set COMPETENT_CACHE_DIR to one")


async def run_mirror(services: Services, release: str) -> int:
    """Crawl a release; return 0 if it is complete, 1 if documents are missing. Raises ReleaseNotFound."""
    try:
        number = await services.loaders().release_number(release)
        if not await services.loaders().release_exists(number):
            raise ReleaseNotFound
        await crawl(services, number)
        await _vectors(services, number)
        missing = await (await services.indexes.get(number)).query(failed)
    finally:
        await services.aclose()
    for path, code in missing:
        print(f"{code} {path}", file=sys.stderr)
    print(f"Release {number} is stored{f', except {len(missing)} documents' if missing else ''}.")
    return 1 if missing else 0


async def crawl(services: Services, number: str) -> None:
    """Build the index of a release, or complete it, and show the progress."""
    progress = CrawlProgress()
    building = services.indexes.begin(number, progress)
    columns = (TextColumn(f"release {number}"), BarColumn(), MofNCompleteColumn(), _Rate(), _Remaining(progress))
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)
        while not building.task.done():
            if progress.total and bar.tasks[0].total is None:  # earlier crawls do not count in the speed of this one
                bar.reset(task, completed=progress.before, total=progress.total)
            bar.update(task, completed=progress.done)
            await asyncio.wait([building.task], timeout=0.2)
    await building.task


async def _vectors(services: Services, number: str) -> None:
    """Wait until the texts of the release have vectors, if the settings want them, and show the progress."""
    job = (await services.indexes.get(number)).vectors
    if isinstance(job, NoVectors):
        return
    columns = (TextColumn(f"vectors {number}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)
        while job.meaning is None and not job.failed:
            bar.update(task, completed=job.progress.done, total=job.progress.total or None)
            await asyncio.sleep(0.2)
    if job.failed:
        print("The vectors for hybrid search could not be computed; a server will try again.", file=sys.stderr)
