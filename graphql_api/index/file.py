"""The file of one release's index: begun as a part, finished, and only then there under its name.

Who finds a file by its name finds it whole. Of several processes one walks at a time; the others wait for its file.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from hashlib import blake2s
from pathlib import Path

from graphql_api.index import tables
from graphql_api.index.elements import write_elements
from graphql_api.index.searched import arrange, read_texts, write_search
from graphql_api.index.tables import DERIVED, FORMAT

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows: then each process walks for itself
    fcntl = None  # type: ignore[assignment]


class IndexFile:
    """Where the index of a release of one API is, in a folder that several processes may share."""

    def __init__(self, folder: Path, origin: str, release: str) -> None:
        self.folder = folder
        self.path = folder / f"{release}-{blake2s(origin.encode(), digest_size=8).hexdigest()}.sqlite"
        self.part = self.path.with_suffix(".part")

    def is_there(self) -> bool:
        """Whether there is a finished index that this version can read."""
        if not self.path.exists():
            return False
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return _format(connection) == FORMAT
        except sqlite3.DatabaseError:
            return False

    def begin(self) -> sqlite3.Connection:
        """The part to walk on: what an earlier walk left, else a copy of a finished index that has gaps, else a new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.part.exists() and self.is_there():
            shutil.copyfile(self.path, self.part)
        try:
            return _part(self.part)
        except sqlite3.DatabaseError:
            self._discard_part()
            return _part(self.part)

    def finish(self, connection: sqlite3.Connection) -> None:
        """Derive what is derived, and put the part in its place under its name. The connection is closed, however it ends."""
        with closing(connection):
            _write_places(connection)
            texts = read_texts(connection)
            with ThreadPoolExecutor(1, "finish") as beside:
                arranged = beside.submit(arrange, *texts)
                # Few statements that take long, in which SQLite leaves Python to the thread.
                connection.executescript(DERIVED)
                write_elements(connection)
                write_search(connection, arranged.result())
            connection.execute("ANALYZE")
            connection.commit()
        self.part.replace(self.path)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """True for the one process at a time that may write the part; ends with the process, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    yield False
                    return
            yield True

    def _discard_part(self) -> None:
        for suffix in ("", "-journal"):
            with suppress(FileNotFoundError):
                self.part.with_name(self.part.name + suffix).unlink()


def _part(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        # A part that is lost is walked again: no need to wait for the disk. A process that is killed loses nothing of it.
        connection.execute("PRAGMA synchronous = OFF")
        if _format(connection) not in (0, FORMAT) or connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("of another format, or damaged")
        tables.create(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _format(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _write_places(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT kind, code, uuid, n FROM thing").fetchall()
    rows.sort(key=lambda row: (row[0], _natural(row[1] or ""), row[2]))
    places: dict[int, int] = {}
    numbered = []
    for kind, _, _, n in rows:
        places[kind] = places.get(kind, -1) + 1
        numbered.append((places[kind], n))
    connection.executemany("UPDATE thing SET place = ? WHERE n = ?", numbered)


def _natural(code: str) -> list[tuple[int, str]]:
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", code[:100])]
