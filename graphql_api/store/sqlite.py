"""The SQLite backend: compressed documents in one file, which survives restarts and may be shared by several processes.

A corrupt file is renamed and replaced by a new one; a corrupt entry is fetched again. No error of the file fails a request, and
a slow or locked file delays a request by at most READ_TIMEOUT.
"""

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, closing, nullcontext
from pathlib import Path

from graphql_api.store.database import Database
from graphql_api.store.entry import UnusableEntry, pack, report, restore
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.memory import Memory
from graphql_api.store.write_behind import PENDING_BYTES, WriteBehindQueue

log = logging.getLogger(__name__)

_SELECT = """
    SELECT path, at, etag, last_modified, CASE WHEN typeof(body) = 'blob' AND length(body) <= ? THEN body END FROM document
"""
_INSERT = "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?, ?, ?)"
_DELETE_OLDEST_TENTH = """
    DELETE FROM document WHERE rowid IN
        (SELECT rowid FROM document ORDER BY at LIMIT (SELECT count(*) / 10 + 1 FROM document))
"""
MAX_PATHS = 500  # placeholders in one statement, far below SQLite's limit
_CHECK_EVERY = 50  # documents written between checks of the file size

READ_TIMEOUT = 2.0
"""Seconds that a request waits for a read. After a timeout, reads skip the file until that read has finished."""
LOCK_TIMEOUT = 1.0
"""Seconds that a read waits for a lock of another process."""


class SqliteFile:
    """A SQLite file with a reader thread and a writer thread, so that writes do not block reads.

    `origin` names the upstream API; documents of several APIs share one file and stay apart. Documents older than `ttl` seconds
    are deleted when the file is opened, and the oldest ones when it exceeds `max_bytes` (without SQLite's write-ahead log,
    some megabytes).
    """

    uses_leases = False

    def __init__(
        self,
        file: Path,
        origin: str,
        ttl: float = math.inf,
        max_bytes: int = 1_000_000_000,
        document_bytes: int = 2_000_000,
    ) -> None:
        self._database = Database(file, ttl)
        self._origin = origin
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._max_bytes = max_bytes
        self._document_bytes = document_bytes
        self._late_read: asyncio.Future[dict[str, CacheEntry]] | None = None
        self._queue = WriteBehindQueue(self._flush, Memory(PENDING_BYTES))
        self._database.make_usable()
        with ExitStack() as opened:
            self._reading = opened.enter_context(closing(self._database.connect(LOCK_TIMEOUT)))
            self._writing = self._database.connect()
            opened.pop_all()

    async def get_many(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        """Read the stored entries among these paths; after READ_TIMEOUT, returns only those not written yet."""
        requested = list(paths)
        waiting = self._queue.pending(requested)
        if self._late_read is not None and not self._late_read.done():
            return waiting
        reading = asyncio.get_running_loop().run_in_executor(self._reader, self._read_safely, requested)
        await asyncio.wait([reading], timeout=READ_TIMEOUT)
        if reading.done():
            return reading.result() | waiting
        log.warning(
            "document store %s: no response within %g seconds; not used until it responds",
            self._database.file,
            READ_TIMEOUT,
        )
        self._late_read = reading
        return waiting

    def put(self, path: str, entry: CacheEntry) -> None:
        """Queue a document; it is written soon, in a batch."""
        self._queue.put(path, entry)

    def fetch_lease(self, path: str, is_usable: Callable[[CacheEntry], bool]) -> AbstractAsyncContextManager[None]:
        """No lease: each process fetches what it needs."""
        return nullcontext()

    async def aclose(self) -> None:
        """Flush pending writes, and close the file."""
        await self._queue.flush()
        self._reader.shutdown()
        self._writer.shutdown()
        self._reading.close()
        self._writing.close()

    async def _flush(self, batch: dict[str, CacheEntry]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write_safely, batch)

    def _read(self, paths: list[str]) -> dict[str, CacheEntry]:
        entries: dict[str, CacheEntry] = {}
        unusable: dict[str, Exception | str] = {}
        for start in range(0, len(paths), MAX_PATHS):
            chunk = paths[start : start + MAX_PATHS]
            marks = ",".join("?" * len(chunk))
            sql = f"{_SELECT} WHERE origin = ? AND path IN ({marks})"
            rows = self._reading.execute(sql, [self._document_bytes, self._origin, *chunk])
            for path, at, etag, last_modified, body in rows:
                try:
                    entries[path] = restore(path, at, etag, last_modified, body, self._document_bytes)
                except UnusableEntry as error:
                    unusable[path] = error
        report(unusable)
        return entries

    def _write(self, batch: dict[str, CacheEntry]) -> None:
        rows = [
            (self._origin, path, entry.at, entry.size, *entry.validators, pack(entry.document))
            for path, entry in batch.items()
        ]
        with self._writing:
            for start in range(0, len(rows), _CHECK_EVERY):
                self._writing.executemany(_INSERT, rows[start : start + _CHECK_EVERY])
                while self._used_bytes() > self._max_bytes and self._writing.execute(_DELETE_OLDEST_TENTH).rowcount:
                    pass

    def _used_bytes(self) -> int:
        # SQLite reuses free pages before the file grows.
        values = [
            self._writing.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        pages, free, size = map(int, values)
        return (pages - free) * size

    def _read_safely(self, paths: list[str]) -> dict[str, CacheEntry]:
        self._reading = self._database.current(self._reading, LOCK_TIMEOUT)
        try:
            return self._read(paths)
        except sqlite3.Error as error:
            self._reading = self._database.after(error, self._reading, LOCK_TIMEOUT)
            return {}

    def _write_safely(self, batch: dict[str, CacheEntry]) -> None:
        self._writing = self._database.current(self._writing)
        try:
            self._write(batch)
        except sqlite3.Error as error:
            self._writing = self._database.after(error, self._writing)
        else:
            self._database.failing = False
