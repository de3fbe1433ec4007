"""Documents in one SQLite file that several processes may share: compressed, and found again after a restart.

A file that is damaged is set aside under another name and a new one is begun; nothing here ever fails a request.
"""

import asyncio
import logging
import math
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path

from graphql_api.errors import SettingsError
from graphql_api.fetching import Validators
from graphql_api.store.behind import Behind, packed, unpacked
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Kept

log = logging.getLogger(__name__)

_VERSION = 2
_TABLE = """
    CREATE TABLE IF NOT EXISTS document (
        origin TEXT NOT NULL, path TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL,
        etag TEXT, last_modified TEXT, body BLOB NOT NULL,
        PRIMARY KEY (origin, path)
    )
"""
_SELECT = "SELECT path, at, size, etag, last_modified, body FROM document"
_BY_AGE = "CREATE INDEX IF NOT EXISTS document_by_age ON document (at)"
_FROM_FORMAT_1 = (
    "ALTER TABLE document RENAME TO document_1",
    _TABLE,
    "INSERT INTO document SELECT origin, path, at, size, NULL, NULL, body FROM document_1",
    "DROP TABLE document_1",
)
_INSERT = "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?, ?, ?)"
_OLDEST_TENTH = """
    DELETE FROM document WHERE rowid IN
        (SELECT rowid FROM document ORDER BY at LIMIT (SELECT count(*) / 10 + 1 FROM document))
"""
_AT_ONCE = 500  # placeholders in one statement; SQLite's own bound is far above
_BETWEEN_LOOKS = 50  # documents that are written before the size of the file is looked at

PENDING_BYTES = 64_000_000
"""JSON text that waits to be written; beyond it, where a disk does not keep up, the oldest is not written at all."""


class SqliteFile:
    """The file and its two threads: one reads, one writes, so that a batch of writes holds up no reader.

    `origin` names the API that documents come from: the documents of two APIs live in one file without meeting. Documents older
    than `keep` seconds are let go of when the file is opened, and the oldest ones where it would grow beyond `most_bytes`; the
    log that SQLite keeps beside it, some megabytes, is not counted.
    """

    takes_turns = False

    def __init__(self, file: Path, origin: str, keep: float = math.inf, most_bytes: int = 1_000_000_000) -> None:
        self._file = file
        self._keep = keep
        self._origin = origin
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._most_bytes = most_bytes
        self._behind = Behind(self._flush, Memory(PENDING_BYTES))
        self._make_usable()
        with ExitStack() as opened:
            self._reading = opened.enter_context(closing(self._connect()))
            self._writing = self._connect()
            opened.pop_all()

    async def get_many(self, paths: Iterable[str]) -> dict[str, Kept]:
        """Those of the documents that are here, in one look."""
        asked = list(paths)
        waiting = self._behind.among(asked)
        loop = asyncio.get_running_loop()
        return (await loop.run_in_executor(self._reader, self._read_safely, asked)) | waiting

    def put(self, path: str, kept: Kept) -> None:
        """Keep a document; it is written soon, together with the others of this moment."""
        self._behind.put(path, kept)

    def turn(self, path: str, good: Callable[[Kept], bool]) -> AbstractAsyncContextManager[None]:
        """Processes over one file take no turns: each fetches what it needs."""
        return nullcontext()

    async def aclose(self) -> None:
        """Write what waits to be written, and close the file."""
        await self._behind.settle()
        self._reader.shutdown()
        self._writer.shutdown()
        self._reading.close()
        self._writing.close()

    async def _flush(self, batch: dict[str, Kept]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write_safely, batch)

    def _read(self, paths: list[str]) -> dict[str, Kept]:
        found: dict[str, Kept] = {}
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            sql = f"{_SELECT} WHERE origin = ? AND path IN ({marks})"
            for path, at, size, etag, last_modified, body in self._reading.execute(sql, [self._origin, *some]):
                with self._damage_told(path):
                    found[path] = Kept(unpacked(body), at, size, Validators(etag, last_modified))
        return found

    @contextmanager
    def _damage_told(self, path: str) -> Iterator[None]:
        try:
            yield
        except (zlib.error, ValueError) as error:
            log.error("store %s: %s is damaged, and asked for again: %s", self._file, path, error)

    def _write(self, batch: dict[str, Kept]) -> None:
        rows = [
            (self._origin, path, kept.at, kept.size, *kept.validators, packed(kept.document))
            for path, kept in batch.items()
        ]
        with self._writing:
            for start in range(0, len(rows), _BETWEEN_LOOKS):
                self._writing.executemany(_INSERT, rows[start : start + _BETWEEN_LOOKS])
                while self._used_bytes() > self._most_bytes and self._writing.execute(_OLDEST_TENTH).rowcount:
                    pass

    def _used_bytes(self) -> int:
        # Pages that were let go of are used again before the file grows.
        told = [
            self._writing.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        pages, free, size = map(int, told)
        return (pages - free) * size

    def _read_safely(self, paths: list[str]) -> dict[str, Kept]:
        try:
            return self._read(paths)
        except sqlite3.Error as error:
            self._reading = self._renewed(self._reading, error)
            return {}

    def _write_safely(self, batch: dict[str, Kept]) -> None:
        try:
            self._write(batch)
        except (sqlite3.Error, ValueError) as error:
            self._writing = self._renewed(self._writing, error)

    def _renewed(self, connection: sqlite3.Connection, error: Exception) -> sqlite3.Connection:
        # A file that is only locked or full stays; one that is damaged is set aside by whoever looks first.
        log.error("store %s: %s", self._file, error)
        if isinstance(error, sqlite3.OperationalError):
            return connection
        try:
            self._make_usable()
            fresh = self._connect()
        except (OSError, sqlite3.Error, SettingsError) as again:
            log.error("store %s cannot be begun again: %s", self._file, again)
            return connection
        connection.close()
        return fresh

    def _make_usable(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._check()
        except sqlite3.OperationalError as error:
            raise SettingsError(f"the store {self._file} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            self._replace(error)
        except OSError as error:
            raise SettingsError(f"the store's folder cannot be made: {self._file.parent}") from error

    def _replace(self, why: sqlite3.DatabaseError) -> None:
        try:
            aside = self._set_aside()
            log.warning("the store %s is damaged (%s); it is now %s and a new one is begun", self._file, why, aside)
        except FileNotFoundError:
            log.info("the store %s was damaged, and another process has begun a new one", self._file)
        except OSError as error:
            raise SettingsError(f"the store {self._file} is damaged, and cannot be set aside: {error}") from error
        try:
            self._check()
        except sqlite3.Error as error:
            raise SettingsError(f"the store {self._file} cannot be begun anew: {error}") from error

    def _check(self) -> None:
        with closing(self._connect()) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in range(_VERSION + 1):
                raise sqlite3.DatabaseError(f"it has format {version}, not {_VERSION}")
            if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(said)
            with connection:
                connection.execute("BEGIN IMMEDIATE")  # of processes that start together, one after the other
                if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
                    for statement in _FROM_FORMAT_1:
                        connection.execute(statement)
                connection.execute(_TABLE)
                connection.execute(_BY_AGE)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("DELETE FROM document WHERE at < ?", (time.time() - self._keep,))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=10, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> Path:
        aside = self._file.with_name(f"{self._file.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
        self._file.rename(aside)
        for more in ("-wal", "-shm"):
            self._file.with_name(self._file.name + more).unlink(missing_ok=True)
        return aside
