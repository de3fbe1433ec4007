"""The SQLite file of the store: opens and checks it, and replaces it if it is corrupt."""

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from threading import Lock

from graphql_api.errors import SettingsError

log = logging.getLogger(__name__)

LOCK_TIMEOUT = 10.0
"""Seconds to wait for a lock of another process when no request is waiting."""

_VERSION = 2
_TABLE = """
    CREATE TABLE IF NOT EXISTS document (
        origin TEXT NOT NULL, path TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL,
        etag TEXT, last_modified TEXT, body BLOB NOT NULL,
        PRIMARY KEY (origin, path)
    )
"""
_BY_AGE = "CREATE INDEX IF NOT EXISTS document_by_age ON document (at)"
_FROM_FORMAT_1 = (
    "ALTER TABLE document RENAME TO document_1",
    _TABLE,
    "INSERT INTO document SELECT origin, path, at, size, NULL, NULL, body FROM document_1",
    "DROP TABLE document_1",
)
_COLUMNS = "SELECT origin, path, at, size, etag, last_modified, body FROM document LIMIT 0"
_TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN,
}
"""Primary codes of errors that do not mean corruption; any other error may."""


class FileConnection(sqlite3.Connection):
    """A connection that remembers the inode of its file, to notice that the file was renamed or replaced."""

    inode = 0


class Database:
    """A SQLite file shared by threads and processes. Documents older than `ttl` seconds are deleted when it is checked."""

    def __init__(self, file: Path, ttl: float) -> None:
        self.file = file
        self._ttl = ttl
        self._repairing = Lock()
        self.failing = False
        """Whether no write has succeeded since the last error, which is logged once."""

    def connect(self, timeout: float = LOCK_TIMEOUT) -> FileConnection:
        """Open a connection that waits up to `timeout` seconds for a lock. Raises sqlite3.Error."""
        connection = sqlite3.connect(self.file, timeout=timeout, check_same_thread=False, factory=FileConnection)
        try:
            connection.text_factory = _tolerant_text
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.inode = _inode(self.file)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def current(self, connection: FileConnection, timeout: float = LOCK_TIMEOUT) -> FileConnection:
        """Return the connection, or a new one if its file was moved aside or deleted, since no other process reads that file."""
        return connection if connection.inode == _inode(self.file) else self._reconnected(connection, timeout)

    def after(self, error: sqlite3.Error, connection: FileConnection, timeout: float = LOCK_TIMEOUT) -> FileConnection:
        """Return the connection to use after an error. If the file may be corrupt, it is checked and replaced if necessary."""
        if not self.failing:  # log once, not for every batch while a disk is full
            log.error("document store %s: %s", self.file, error)
            self.failing = True
        return connection if _is_transient(error) else self._reconnected(connection, timeout)

    def _reconnected(self, connection: FileConnection, timeout: float) -> FileConnection:
        try:
            self.make_usable()
            fresh = self.connect(timeout)
        except (OSError, sqlite3.Error, SettingsError) as error:
            log.error("cannot reopen the document store %s: %s", self.file, error)
            return connection
        connection.close()
        return fresh

    def make_usable(self) -> None:
        """Check the file, and start a new one if it is corrupt or has another format.

        Raises SettingsError if it cannot be opened or replaced.
        """
        with self._repairing:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self._check()
            except sqlite3.DatabaseError as error:
                if _is_transient(error):
                    raise SettingsError(f"cannot open the document store {self.file}: {error}") from error
                self._replace(error)
            except OSError as error:
                raise SettingsError(f"cannot create the folder of the document store: {self.file.parent}") from error

    def _replace(self, error: sqlite3.DatabaseError) -> None:
        try:
            aside = self._set_aside()
            log.warning(
                "document store %s is corrupt (%s); moved to %s, starting with an empty one", self.file, error, aside
            )
        except FileNotFoundError:
            log.info("document store %s was corrupt; another process has replaced it", self.file)
        except OSError as error:
            raise SettingsError(
                f"the document store {self.file} is corrupt and cannot be moved aside: {error}"
            ) from error
        try:
            self._check()
        except sqlite3.Error as error:
            raise SettingsError(f"cannot create the document store {self.file}: {error}") from error

    def _check(self) -> None:
        with closing(self.connect()) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in range(_VERSION + 1):
                raise sqlite3.DatabaseError(f"it has format {version}, not {_VERSION}")
            if (message := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(message)
            with connection:
                connection.execute("BEGIN IMMEDIATE")  # serialises processes that start together
                if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
                    for statement in _FROM_FORMAT_1:
                        connection.execute(statement)
                connection.execute(_TABLE)
                connection.execute(_BY_AGE)
                connection.execute(_COLUMNS)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("DELETE FROM document WHERE at < ?", (time.time() - self._ttl,))

    def _set_aside(self) -> Path:
        aside = self.file.with_name(f"{self.file.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
        self.file.rename(aside)
        for previous in self.file.parent.glob(f"{self.file.name}.damaged-*"):
            if previous != aside:
                previous.unlink(missing_ok=True)  # keep one for the operator; each may be as large as the store
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        return aside


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return -1


def _is_transient(error: sqlite3.Error) -> bool:
    """Whether an error does not mean corruption. Errors raised by Python itself have no code and may mean it."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF in _TRANSIENT


def _tolerant_text(value: bytes) -> str:
    """Decode text; invalid UTF-8 spoils its own entry, not the whole batch."""
    return value.decode(errors="replace")
