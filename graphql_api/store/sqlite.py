"""Documents in one SQLite file that several processes may share: compressed, and found again after a restart.

A file that is damaged is set aside under another name and a new one is begun; nothing here ever fails a request.
"""

import asyncio
import logging
import math
import sqlite3
import time
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import orjson

from graphql_api.errors import SettingsError
from graphql_api.store.shelf import Kept

log = logging.getLogger(__name__)

_VERSION = 1
_TABLE = """
    CREATE TABLE IF NOT EXISTS document (
        origin TEXT NOT NULL, path TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (origin, path)
    ) WITHOUT ROWID
"""
_AT_ONCE = 500  # placeholders in one statement; SQLite's own bound is far above


class SqliteFile:
    """The file and its two threads: one reads, one writes, so that a batch of writes holds up no reader.

    `origin` names the API that documents come from: the documents of two APIs live in one file without meeting. Documents older
    than `keep` seconds are let go of when the file is opened.
    """

    def __init__(self, file: Path, origin: str, keep: float = math.inf) -> None:
        self._file = file
        self._keep = keep
        self._origin = origin
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._pending: dict[str, Kept] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._make_usable()
        self._reading, self._writing = self._connect(), self._connect()

    async def get_many(self, paths: Iterable[str]) -> dict[str, Kept]:
        """Those of the documents that are here, in one look."""
        asked = list(paths)
        waiting = {path: self._pending[path] for path in asked if path in self._pending}
        loop = asyncio.get_running_loop()
        return (await loop.run_in_executor(self._reader, self._read_safely, asked)) | waiting

    def put(self, path: str, kept: Kept) -> None:
        """Keep a document; it is written soon, together with the others of this moment."""
        self._pending[path] = kept
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.ensure_future(self._flush())

    async def aclose(self) -> None:
        """Write what waits to be written, and close the file."""
        if self._flushing is not None:
            await self._flushing
        self._reader.shutdown()
        self._writer.shutdown()
        self._reading.close()
        self._writing.close()

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch = dict(self._pending)
            await loop.run_in_executor(self._writer, self._write_safely, batch)
            for path, kept in batch.items():
                if self._pending.get(path) is kept:
                    del self._pending[path]

    def _read(self, paths: list[str]) -> dict[str, Kept]:
        found: dict[str, Kept] = {}
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            sql = f"SELECT path, at, size, body FROM document WHERE origin = ? AND path IN ({marks})"  # noqa: S608  # question marks
            for path, at, size, body in self._reading.execute(sql, [self._origin, *some]):
                found[path] = Kept(orjson.loads(zlib.decompress(body)), at, size)
        return found

    def _write(self, batch: dict[str, Kept]) -> None:
        rows = [
            (self._origin, path, kept.at, kept.size, zlib.compress(orjson.dumps(kept.document), 1))
            for path, kept in batch.items()
        ]
        with self._writing:
            self._writing.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)", rows)

    def _read_safely(self, paths: list[str]) -> dict[str, Kept]:
        try:
            return self._read(paths)
        except (sqlite3.Error, zlib.error, ValueError) as error:
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
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"it has format {version}, not {_VERSION}")
            if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(said)
            with connection:
                connection.execute("BEGIN IMMEDIATE")  # of processes that start together, one after the other
                connection.execute(_TABLE)
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
