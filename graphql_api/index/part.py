"""Reads the part file of an index while it is written, by this process or another: its progress, and concepts by uuid.

A concept that is not in it may still come, so nothing here says that one does not exist.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.index.concepts import IndexedConcept, by_row_id, chunks
from graphql_api.index.tables import FORMAT, DamagedIndex, numbers

BUSY_TIMEOUT = 0.05
"""Seconds that a read waits for the writer."""
MAX_ROWS_PER_READ = 2_000
"""Maximum rows read in one statement, during which the writer waits: some milliseconds."""
MAX_WAITING = 20
"""Maximum lookups in a part file that wait for each other; further ones find nothing."""
CRAWL = "crawl"
"""The key in the table `meta` of the crawl in progress, as JSON: the fields of PartProgress but `done`."""

_TABLE = """
    PRAGMA temp_store = MEMORY;
    CREATE TEMP TABLE met (uuid TEXT, n INTEGER, PRIMARY KEY (uuid, n)) WITHOUT ROWID;
"""
_NEXT = """
    INSERT INTO temp.met SELECT uuid, n FROM main.concept WHERE n > ? ORDER BY n LIMIT ?
"""
_WITH_DOCUMENTS = numbers(type.number for type in CONCEPT_TYPES if type.route is not None)
_USABLE = f"is_final OR concept_type IN ({_WITH_DOCUMENTS})"
"""Concepts of which a document that is read later adds nothing, or whose own document is loaded for what is missing."""


class PartProgress(NamedTuple):
    """The progress of the crawl that writes a part file, in documents; `began` is a time of `time.time`."""

    done: int
    total: int
    before: int
    began: float


def write_crawl(connection: sqlite3.Connection, total: int, before: int) -> None:
    """Write the progress with which a crawl begins, for processes that wait for it."""
    crawl = orjson.dumps({"total": total, "before": before, "began": time.time()}).decode()
    with connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (CRAWL, crawl))


def part_progress(path: Path) -> PartProgress | None:
    """How far a part file is; None if that cannot be read now. Reads a file, so do not call it on the event loop."""
    try:
        with closing(_open(path)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (CRAWL,)).fetchone()
            (done,) = connection.execute("SELECT count(*) FROM crawled").fetchone()
        return PartProgress(done, **orjson.loads(row[0])) if row else None
    except (sqlite3.Error, DamagedIndex, ValueError, TypeError):
        return None


class PartReader:
    """Looks up concepts in a part file, in a thread and one call at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._connection: sqlite3.Connection | None = None
        self._file = 0
        self._last = 0
        self._closed = False

    async def concepts(self, uuids: Sequence[UUID]) -> Mapping[UUID, list[IndexedConcept]]:
        """The concepts of any type with these uuids that were read so far and are complete; others are left out."""
        if self._waiting >= MAX_WAITING:
            return {}
        self._waiting += 1
        try:
            async with self._lock:
                # Shielded, so that a cancelled caller does not release the lock while the thread still reads.
                return {} if self._closed else await asyncio.shield(asyncio.to_thread(self._find, uuids))
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Close the file; later lookups find nothing."""
        async with self._lock:
            self._closed = True
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _find(self, uuids: Sequence[UUID]) -> dict[UUID, list[IndexedConcept]]:
        results: dict[UUID, list[IndexedConcept]] = {}
        try:
            connection = self._current()
            self._read_on(connection)
            for concept in by_row_id(connection, list(_usable(connection, uuids))).values():
                results.setdefault(concept.uuid, []).append(concept)
        except (sqlite3.Error, DamagedIndex, OSError):  # busy, or replaced
            self._close()
        return results

    def _current(self) -> sqlite3.Connection:
        """The connection to the file that has the name now."""
        file = self._path.stat().st_ino
        if self._connection is None or file != self._file:
            self._close()
            self._connection, self._file, self._last = _open(self._path), file, 0
            self._connection.executescript(_TABLE)
        return self._connection

    def _read_on(self, connection: sqlite3.Connection) -> None:
        """Note the concepts that were added since the last call: row ids only grow."""
        while connection.execute(_NEXT, (self._last, MAX_ROWS_PER_READ)).rowcount:
            (self._last,) = connection.execute("SELECT max(n) FROM temp.met WHERE n > ?", (self._last,)).fetchone()


def _open(path: Path) -> sqlite3.Connection:
    # Without transactions, each statement ends its lock: the writer never waits for an idle reader.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT,
        check_same_thread=False,
        isolation_level=None,
    )
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            raise DamagedIndex("of another format")
    except BaseException:
        connection.close()
        raise
    return connection


def _usable(connection: sqlite3.Connection, uuids: Sequence[UUID]) -> Iterator[int]:
    for chunk in chunks([str(uuid) for uuid in uuids]):
        marks = ",".join("?" * len(chunk))
        sql = f"""
            SELECT concept.n FROM temp.met JOIN main.concept ON concept.n = met.n
            WHERE met.uuid IN ({marks}) AND ({_USABLE})
        """  # noqa: S608  # placeholders and numbers of types
        yield from (n for (n,) in connection.execute(sql, chunk).fetchall())
