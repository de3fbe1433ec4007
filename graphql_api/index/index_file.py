"""The file of one release's index: built as a part file, finished, and then renamed, so that a file by its name is complete.

One process at a time crawls a release; the others wait for its file. A corrupt file is renamed.
"""

import errno
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import blake2s
from pathlib import Path

from graphql_api.index import tables
from graphql_api.index.facets import write_facets
from graphql_api.index.profile_closure import write_elements
from graphql_api.index.search_schema import write_search
from graphql_api.index.tables import FORMAT, INDEXES, DamagedIndex
from graphql_api.observability.metrics import INDEX_CORRUPT_FILES

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows has no file locks: each process crawls
    fcntl = None  # type: ignore[assignment]  # a module, or None

log = logging.getLogger(__name__)

WORKBOOK = "workbook-"
"""How the origins of workbooks start, and their part of the names of files."""

FileId = tuple[int, int]
"""Device and inode: identifies an opened file, even after it was replaced."""


class IndexFile:
    """The index file of a release of one upstream API, in a folder that several processes may share."""

    def __init__(self, folder: Path, origin: str, release: str) -> None:
        self.folder = folder
        self.path = folder / f"{_stem(origin, release)}.sqlite"
        self.part = self.path.with_suffix(".part")

    def is_there(self) -> bool:
        """Whether a finished index exists that this version can read."""
        if not self.path.exists():
            return False
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return _format(connection) == FORMAT
        except sqlite3.DatabaseError:
            return False

    def is_complete(self) -> bool:
        """Whether a finished index exists that lacks no documents."""
        try:
            with closing(read_only(self.path)) as connection:
                return _format(connection) == FORMAT and not connection.execute("SELECT 1 FROM missing").fetchone()
        except sqlite3.DatabaseError:
            return False

    def id(self) -> FileId | None:
        """The identity of the current file; None if there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def check(self) -> bool:
        """Whether a finished, sound index exists; a corrupt one is moved aside.

        Reads the whole file (37 MB in 60 ms), so do not call it on the event loop. Raises OSError if it cannot be moved.
        """
        before = self.id()
        if not self.is_there():
            return False
        try:
            with closing(read_only(self.path)) as connection:
                _require_sound(connection)
        except (sqlite3.DatabaseError, DamagedIndex) as error:
            self.set_aside(before, error)
            return False
        return True

    def set_aside(self, damaged: FileId | None, error: Exception) -> None:
        """Rename the corrupt file, unless another process has replaced it already.

        The last one stays for the operator. Raises OSError if the folder is not writable.
        """
        if damaged is None or self.id() != damaged:
            return
        INDEX_CORRUPT_FILES.inc()
        log.warning("index file %s is corrupt and will be rebuilt: %r", self.path.name, error)
        self.path.replace(self.path.with_suffix(".damaged"))

    def begin(self) -> sqlite3.Connection:
        """Open the part file: one left by an earlier crawl, else a copy of the finished index to complete, else a new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.part.exists() and self.is_there():
            shutil.copyfile(self.path, self.part)
        try:
            return _part(self.part)
        except (sqlite3.DatabaseError, DamagedIndex) as error:
            if is_full(error):
                raise
            self.discard_part()
            return _part(self.part)

    def finish(self, connection: sqlite3.Connection) -> None:
        """Write the derived tables, and move the part file to its final name. Always closes the connection."""
        with closing(connection):
            _write_positions(connection)
            connection.executescript(INDEXES)
            write_elements(connection)
            write_facets(connection, _sort_key)
            write_search(connection)
            connection.execute("ANALYZE")
            connection.commit()
        _sync(self.part)  # the first sync: after a power loss the name must not lead to a half-written file
        self.part.replace(self.path)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Yield whether this process may write the part file; only one may at a time. The lock ends with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.path.with_suffix(".lock")) as mine:
            yield mine

    def discard_part(self) -> None:
        """Delete the part file."""
        for suffix in ("", "-journal"):
            with suppress(FileNotFoundError):
                self.part.with_name(self.part.name + suffix).unlink()


def _stem(origin: str, release: str) -> str:
    mark = WORKBOOK if origin.startswith(WORKBOOK) else ""
    return f"{release}-{mark}{blake2s(origin.encode(), digest_size=8).hexdigest()}"


def delete_unusable(folder: Path, usable: Iterable[tuple[str, str]]) -> None:
    """Delete the files of workbooks in a folder that no process can use any more.

    `usable` has the origins and numbers of all releases whose data still exists. Other files stay, since their
    data can be had again.
    """
    stems = {_stem(origin, release) for origin, release in usable}
    for file in folder.glob(f"*-{WORKBOOK}*"):
        if (match := _NAME.match(file.name)) and match[0] not in stems:
            with suppress(OSError):
                file.unlink()


def releases_in(folder: Path) -> set[str]:
    """The releases that have index files in a folder, of whichever data."""
    matches = (_RELEASE.match(file.stem) for file in folder.glob("*.sqlite"))
    return {match["release"] for match in matches if match}


_RELEASE = re.compile(rf"(?P<release>.+?)-(?:{WORKBOOK})?[0-9a-f]{{16}}$")
_NAME = re.compile(rf".+-{WORKBOOK}[0-9a-f]{{16}}(?=\.)")


@contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Lock a file among processes; yields whether this process has the lock. The lock ends with the process."""
    with path.open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError as error:  # a file system without locks: each process crawls
                log.warning("cannot lock a file next to the index: %s", os.strerror(error.errno or 0))
        yield True


def _part(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        # A lost part file is crawled again, so do not wait for the disk. A killed process loses nothing.
        connection.execute("PRAGMA synchronous = OFF")
        if _format(connection) not in (0, FORMAT):
            raise DamagedIndex("of another format")
        _require_sound(connection)
        tables.create(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def read_only(file: Path) -> sqlite3.Connection:
    """Open a read-only connection to a finished index.

    Without memory mapping, so that a truncated file raises an error instead of killing the process.
    """
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        connection.execute("PRAGMA mmap_size = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def is_damage(error: BaseException) -> bool:
    """Whether an error of a query means that the file is corrupt."""
    if isinstance(error, DamagedIndex):
        return True
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.ProgrammingError):
        return False
    # Python raises OperationalError without a code for text that is not UTF-8.
    return _code(error) in _DAMAGED or str(error).startswith(("no such table", "Could not decode"))


def is_full(error: BaseException) -> bool:
    """Whether an error means that the file cannot be written: disk full, no permission, or I/O error."""
    if isinstance(error, OSError):
        return error.errno in _UNWRITABLE
    return isinstance(error, sqlite3.Error) and _code(error) in _NOT_WRITTEN


_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FORMAT}
_NOT_WRITTEN = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}


def _code(error: sqlite3.Error) -> int:
    # The low byte is the primary code. Errors of the Python module itself have none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _require_sound(connection: sqlite3.Connection) -> None:
    result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        raise DamagedIndex(result)


def _sync(file: Path) -> None:
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _format(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


_POSITIONS = (
    "CREATE TEMP TABLE ordered_concept (n INTEGER PRIMARY KEY, concept_type INTEGER NOT NULL, position INTEGER NOT NULL)",
    """
    INSERT INTO ordered_concept SELECT n, concept_type,
        row_number() OVER (PARTITION BY concept_type ORDER BY sort_key(coalesce(code, '')), uuid) - 1 FROM concept
    """,
    "UPDATE concept SET position = ordered.position FROM ordered_concept AS ordered WHERE ordered.n = concept.n",
)
"""`ordered_concept` has the type and position of each concept, for faster lookups: its rows are small."""


def _write_positions(connection: sqlite3.Connection) -> None:
    connection.create_function("sort_key", 1, _sort_key, deterministic=True)
    for statement in _POSITIONS:
        connection.execute(statement)


def _sort_key(code: str) -> str:
    """A text that sorts as a code in natural order: numbers follow their length, other pieces end in a character below all."""
    return _NUMBER.sub(_number_after_its_length, code[:100]) + "\1"


def _number_after_its_length(match: re.Match[str]) -> str:
    number = str(int(match[0]))
    return f"\1{chr(len(number))}{number}"


_NUMBER = re.compile(r"\d+")
