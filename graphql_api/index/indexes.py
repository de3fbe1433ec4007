"""The indexes of all releases: opened where they are there, walked for where they are not.

A question that needs an index either gets a whole one, or is told how far the walk is.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from graphql_api.eager import ended
from graphql_api.errors import CompetentError, NotIndexedYet
from graphql_api.index.changes import Change, changes
from graphql_api.index.file import IndexFile
from graphql_api.index.known import UNKNOWN, Known
from graphql_api.index.search import Search
from graphql_api.index.things import Thing, by_code, by_uuid, failed, things
from graphql_api.index.uses import competences_using, profiles_using
from graphql_api.index.walk import Progress, Walk
from graphql_api.metrics import INDEX_DOCUMENTS, INDEX_MADE, INDEX_PROGRESS
from graphql_api.store import Store

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

READERS = 2
"""Threads that read one index."""
MAPPED = 1 << 30
"""Bytes of an index's file that are read as memory."""
FIRST_RETRY, LONGEST_RETRY = 30.0, 3600.0
"""Seconds before documents that failed are tried again, doubled each time."""
BETWEEN_INTERRUPTS = 0.05
"""Seconds after which what SQLite does for an index that nobody waits for is interrupted once more."""

_QUICK = frozenset({things, by_uuid, by_code, profiles_using, competences_using})
"""Questions about one thing that a few rows by key answer."""

Mode = Literal["start", "need", "off"]


class Index:
    """The finished index of one release. Questions are plain functions of a connection, asked in a thread."""

    def __init__(self, file: IndexFile) -> None:
        self._threads = ThreadPoolExecutor(READERS, "index")
        # All opened now: a file of the same name that replaces this one later is another index.
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for _ in range(READERS):
            self._idle.put(_read_only(file.path))
        self._here, self._beside = _read_only(file.path), _read_only(file.path)
        self._beside_lock = threading.Lock()
        self.missing = len(failed(self._here))
        self.search = Search()
        self._known = Known()
        self._changes: tuple[Index, list[Change]] | None = None

    async def ask(
        self, question: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer to a question."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._ask(question, *args, **kwargs)
        )

    def at_hand(self, question: Callable[..., Any], key: Any) -> Any:
        """The answer about one thing, None where there is none; UNKNOWN where nobody asked for it, and a thread must.

        The quick questions are asked here and now: they take some ten microseconds, and the way to a thread and back a hundred.
        """
        answer = self._known.get(question, key)
        if answer is UNKNOWN and question in _QUICK:
            answer = self._known.put(question, key, question(self._here, [key]).get(key))
        return answer

    async def look_up(
        self, question: Callable[[sqlite3.Connection, Sequence[Any]], Mapping[Any, Any]], keys: Sequence[Any]
    ) -> dict[Any, Any]:
        """The answers to a question about several things, None for those that have none; they are known from now on."""
        found = await self.ask(question, keys)
        return {key: self._known.put(question, key, found.get(key)) for key in keys}

    def same(self, found: Iterable[Thing]) -> list[Thing]:
        """Things as the objects that they were in answers before, and will be."""
        return [self._known.put(things, each.n, each) for each in found]

    def _ask(self, question: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = self._idle.get()
        try:
            return question(connection, *args, **kwargs)
        finally:
            self._idle.put(connection)

    async def changes_since(self, before: "Index") -> list[Change]:
        """All changes from another index to this one; kept, since pages of them are asked one after the other."""
        if before.missing or self.missing:
            raise NotIndexedYet(
                "Documents of these releases are still missing; they are tried again.", retry_after=60.0
            )
        if self._changes is None or self._changes[0] is not before:

            def compared(connection: sqlite3.Connection) -> list[Change]:
                with before.beside() as other:
                    return changes(other, connection, None, None)

            self._changes = before, await self.ask(compared)
        return self._changes[1]

    @contextmanager
    def beside(self) -> Iterator[sqlite3.Connection]:
        """A connection for a question that is asked of another index and of this one."""
        with self._beside_lock:
            yield self._beside

    def close(self) -> None:
        """Wait for the questions that are being answered, and close the file."""
        self._threads.shutdown()
        for _ in range(READERS):
            self._idle.get().close()
        self._here.close()
        self._beside.close()


def _temporary() -> "TemporaryDirectory[str] | None":
    try:
        return TemporaryDirectory(prefix="competent-index-")
    except OSError:
        return None


async def _finished(file: IndexFile, connection: sqlite3.Connection) -> None:
    """Finish a part in a thread. Who is told to end has that end too, since nothing may be closed that it still works with."""
    finishing = asyncio.ensure_future(asyncio.to_thread(file.finish, connection))
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        while not finishing.done():
            with suppress(sqlite3.ProgrammingError):  # it is closed
                connection.interrupt()
            await asyncio.wait([finishing], timeout=BETWEEN_INTERRUPTS)
        raise


def _read_only(file: Path) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    connection.execute(f"PRAGMA mmap_size = {MAPPED}")  # twice as fast where many rows are read
    return connection


@dataclass
class _Building:
    """A walk under way."""

    task: "asyncio.Task[Index]"
    progress: Progress
    began: float = field(default_factory=time.monotonic)

    def error(self, release: str) -> NotIndexedYet:
        """What who cannot wait is told."""
        done, total = self.progress.done, self.progress.total
        pace = (done - self.progress.before) / max(time.monotonic() - self.began, 0.001)
        left = (total - done) / pace if pace and total else 60.0
        share = f"{done} of {total} documents" if total else "its lists first"
        message = f"Release {release} is being indexed: {share} so far. Everything else works meanwhile."
        return NotIndexedYet(message, retry_after=float(round(min(max(left, 1), 60))), progress=self.progress.share)


class Indexes:
    """One index for each release that is asked about.

    With `patient` a question waits for the walk (right over the sandbox, where it takes a moment), else it is told of it.
    """

    def __init__(
        self, store: Store, folder: Path | None, origin: str, *, mode: Mode, patient: bool, page_size: int, at_once: int
    ) -> None:
        self._store = store
        self._temporary = _temporary() if folder is None else None
        if folder is None and self._temporary is None:
            log.warning("there is no index: no folder can be written; name one in COMPETENT_CACHE_DIR")
            mode = "off"
        self._folder = Path(self._temporary.name) if self._temporary else folder or Path()
        self._origin = origin
        self._patient = patient
        self._page_size = page_size
        self._at_once = at_once
        self._open: dict[str, Index] = {}
        self._replaced: list[Index] = []
        self._building: dict[str, _Building] = {}
        self._retries: dict[str, asyncio.Task[None]] = {}
        self._gone: Callable[[str], None] = lambda release: None
        self.mode = mode

    def watch(self, gone: Callable[[str], None]) -> None:
        """From now on, tell of each release whose index is replaced."""
        self._gone = gone

    @property
    def in_use(self) -> bool:
        """Whether indexes are to be there: from the start, or because one was needed."""
        return self.mode == "start" or bool(self._open or self._building)

    def has(self, release: str) -> bool:
        """Whether the index of this release is open."""
        return release in self._open

    def at_hand(self, release: str) -> Index | None:
        """The index of this release if it is open."""
        return self._open.get(release)

    async def get(self, release: str) -> Index:
        """The index of a release that exists; NotIndexedYet where it is not there and nobody waits for it."""
        if (index := self._there(release)) is not None:
            return index
        if self.mode == "off":
            raise NotIndexedYet("This server keeps no index: its operator can switch it on (COMPETENT_INDEX).")
        building = self.begin(release)
        if not self._patient:
            raise building.error(release)
        return await asyncio.shield(building.task)

    async def ready(self, release: str) -> None:
        """Wait until the index of a release is open, walking for it where it is not there."""
        if self._there(release) is None:
            await asyncio.shield(self.begin(release).task)

    def _there(self, release: str) -> Index | None:
        """The index of a release, opened where it is there and was not."""
        if release in self._open:
            return self._open[release]
        file = self._file(release)
        return self._opened(release, file) if file.is_there() else None

    def begin(self, release: str, progress: Progress | None = None) -> _Building:
        """Begin to walk over a release, or join the walk under way."""
        building = self._building.get(release)
        if building is None:
            progress = progress or Progress()
            building = _Building(asyncio.create_task(self._build(release, progress)), progress)
            self._building[release] = building
            building.task.add_done_callback(lambda task: self._ended(release, task))
        return building

    async def _build(self, release: str, progress: Progress) -> Index:
        file = self._file(release)
        while True:
            with file.lock() as mine:
                if mine:
                    await self._walk(file, release, progress)
                    return self._opened(release, file)
            await asyncio.sleep(1)  # another process walks: its file will be there, or its lock gone
            if file.is_there():
                return self._opened(release, file)

    async def _walk(self, file: IndexFile, release: str, progress: Progress) -> None:
        connection = file.begin()
        try:
            walk = Walk(connection, self._store.pass_through, release, self._page_size, self._at_once, progress)
            await walk.run()
        except BaseException:
            connection.close()
            raise
        await _finished(file, connection)

    def _opened(self, release: str, file: IndexFile) -> Index:
        if release in self._open:
            self._replaced.append(self._open[release])  # somebody may still be asking it
            self._gone(release)
        index = self._open[release] = Index(file)
        if index.missing and self.mode != "off" and release not in self._retries:
            self._retries[release] = asyncio.create_task(self._retry(release))
            self._retries[release].add_done_callback(lambda _: self._retries.pop(release, None))
        return index

    async def _retry(self, release: str) -> None:
        wait = FIRST_RETRY
        while self._open[release].missing:
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_RETRY)
            with suppress(CompetentError):  # told in the log by the walk itself
                await asyncio.shield(self.begin(release).task)

    def _ended(self, release: str, task: "asyncio.Task[Index]") -> None:
        self._building.pop(release, None)
        if not task.cancelled() and (error := task.exception()):
            log.warning("the walk over %s ended early and goes on at the next need: %r", release, error)

    def _file(self, release: str) -> IndexFile:
        return IndexFile(self._folder, self._origin, release)

    def state(self, release: str) -> dict[str, float | str]:
        """How the index of a release is: `whole`, `being made` with its progress from 0 to 1, `not made` or `off`."""
        building = self._building.get(release)
        if building is not None:
            progress = building.progress
            return {"state": "being made", "progress": round(progress.share, 3), "documents": progress.done}
        if release in self._open:
            return {"state": "whole", "missing": self._open[release].missing}
        return {"state": "off" if self.mode == "off" else "not made"}

    def measure(self) -> None:
        """Write how all indexes are into the metrics."""
        for release in self._open:
            INDEX_PROGRESS.labels(release).set(1)
            with suppress(OSError):
                INDEX_MADE.labels(release).set(self._file(release).path.stat().st_mtime)
        for release, building in self._building.items():
            INDEX_PROGRESS.labels(release).set(building.progress.share)
            INDEX_DOCUMENTS.labels(release).set(building.progress.done)

    async def aclose(self) -> None:
        """End what is under way, which goes on where it was another time, and close the files."""
        await ended([*(building.task for building in self._building.values()), *self._retries.values()])
        for index in (*self._open.values(), *self._replaced):
            index.close()
        self._open.clear()
        self._replaced.clear()
        if self._temporary:
            self._temporary.cleanup()
