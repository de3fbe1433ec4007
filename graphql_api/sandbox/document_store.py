"""The documents of one release in a SQLite file, written once and then read-only.

Bodies are stored as the bytes that are sent, so that a document or list item takes one lookup and no serialization.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import orjson

from graphql_api.competent import declarations
from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.report import Progress, silent
from graphql_api.sandbox.search import SEARCH_TABLES, search_profiles, write_search
from graphql_api.sandbox.serializers import COLLECTIONS, PROFILES, Bodies

VERSION = 5
"""Increase it when tables, bodies or the reading of workbooks change, so that files of older versions are rewritten."""


def _digest() -> str:
    declared = [
        (type.name, [(field.name, field.hal_keys[0], field.value, field.column, field.sheet) for field in type.fields])
        for type in declarations.CONCEPT_TYPES
    ]
    return hashlib.blake2s(repr((VERSION, declared)).encode(), digest_size=6).hexdigest()


FORMAT = _digest()
"""Identifies the format of documents; changes with VERSION and the declarations."""

_TABLES = """
CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE document(collection TEXT, uuid TEXT, body BLOB, UNIQUE(collection, uuid));
CREATE TABLE item(collection TEXT, position INTEGER, body BLOB, PRIMARY KEY(collection, position)) WITHOUT ROWID;
CREATE TABLE used(competence TEXT, profile INTEGER, PRIMARY KEY(competence, profile)) WITHOUT ROWID;
"""


class ReleaseDocuments:
    """The documents of one release. Any thread may use it, one at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        about = dict(connection.execute("SELECT name, value FROM about"))
        self.number: str = about["number"]
        self.published_on: str | None = about["published_on"]
        self.source: str | None = about["data_source"]
        self.notes: list[str] = orjson.loads(about["notes"])
        self.left_out = int(about["left_out"])
        self.digest: str = about["digest"]
        """Identifies the content of the documents."""
        counts = connection.execute("SELECT collection, count(*) FROM item GROUP BY collection")
        self._counts: dict[str, int] = dict(counts)

    def __repr__(self) -> str:
        return f"<ReleaseDocuments of release {self.number}>"

    def count(self, collection: str) -> int:
        """Number of documents in a collection."""
        return self._counts.get(collection, 0)

    def document(self, collection: str, uuid: str) -> bytes | None:
        """A document as JSON; None if it does not exist."""
        query = "SELECT body FROM document WHERE collection = ? AND uuid = ?"
        row = self._connection.execute(query, (collection, uuid.lower())).fetchone()
        return row and bytes(row[0])

    def items(self, collection: str, start: int = 0, limit: int = -1) -> list[bytes]:
        """List items from position `start`, at most `limit` (-1: all)."""
        query = "SELECT body FROM item WHERE collection = ? AND position >= ? ORDER BY position LIMIT ?"
        return [body for (body,) in self._connection.execute(query, (collection, start, limit))]

    def used_in(self, competence: str) -> list[bytes]:
        """List items of the profiles that use a competence, essential or optional."""
        query = (
            "SELECT body FROM used JOIN item ON collection = ? AND position = profile"
            " WHERE competence = ? ORDER BY position"
        )
        return [body for (body,) in self._connection.execute(query, (PROFILES, competence.lower()))]

    def search(self, text: str, language: str | None = None) -> list[int]:
        """Positions of the profiles that loosely match a text, best first; a hit does not prove a match."""
        return search_profiles(self._connection, text, language)

    def items_at(self, positions: Sequence[int]) -> list[bytes]:
        """List items of the profiles at these positions, in this order."""
        return [body for position in positions for body in self.items(PROFILES, position, 1)]

    def close(self) -> None:
        self._connection.close()


def documents_in_memory(dataset: Dataset) -> ReleaseDocuments:
    """The documents of a release, in memory."""
    return documents_of(database_of(dataset))


def documents_of(database: bytes) -> ReleaseDocuments:
    """The documents in a serialized database, opened in memory."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    with ExitStack() as on_error:
        on_error.callback(connection.close)
        connection.deserialize(database)
        documents = ReleaseDocuments(connection)
        on_error.pop_all()
    return documents


def database_of(dataset: Dataset, source: str = "", progress: Progress = silent) -> bytes:
    """The documents of a release as a serialized SQLite database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _write(connection, dataset, source, progress)
        return connection.serialize()


def write_documents(dataset: Dataset, path: Path, source: str, progress: Progress = silent) -> None:
    """Write the documents of a release to a new file. `source` identifies their origin; `read_documents` compares it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 8192")
        _write(connection, dataset, source, progress)


def read_documents(path: Path, source: str) -> ReleaseDocuments | None:
    """The documents in a file; None if it is missing, corrupt, of another format or made from another `source`."""
    if not path.is_file():
        return None
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    with ExitStack() as unless_used, suppress(sqlite3.DatabaseError):
        unless_used.callback(connection.close)
        connection.execute("PRAGMA mmap_size = 0")  # truncating a mapped file would crash the process
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            return None
        about = dict(connection.execute("SELECT name, value FROM about WHERE name IN ('format', 'source')"))
        if about == {"format": FORMAT, "source": source}:
            documents = ReleaseDocuments(connection)
            unless_used.pop_all()
            return documents
    return None


def read_about(path: Path) -> dict[str, str]:
    """What a file says about its documents, of whatever format; empty if it is not such a file."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return dict(connection.execute("SELECT name, value FROM about"))
    except sqlite3.DatabaseError:
        return {}


def _write(connection: sqlite3.Connection, dataset: Dataset, source: str, progress: Progress) -> None:
    connection.executescript(_TABLES + SEARCH_TABLES)
    connection.execute("BEGIN")
    bodies, digest = Bodies(dataset), hashlib.blake2b(FORMAT.encode(), digest_size=16)
    for type_name, collection in COLLECTIONS.items():
        _write_collection(
            connection, collection, bodies.collection(type_name), len(dataset.of_type(type_name)), digest, progress
        )
    used = ((competence.uuid, at) for at, profile in enumerate(dataset.profiles) for competence in profile.competences)
    connection.executemany("INSERT OR IGNORE INTO used VALUES (?, ?)", used)
    write_search(connection, dataset)
    about = {"number": dataset.number, "published_on": dataset.published_on, "format": FORMAT, "source": source}
    about |= {"data_source": dataset.source, "digest": digest.hexdigest()}
    about |= {"notes": orjson.dumps(dataset.notes).decode(), "left_out": str(dataset.left_out)}
    connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
    connection.execute("COMMIT")


def _write_collection(
    connection: sqlite3.Connection,
    collection: str,
    bodies: Iterable[tuple[str, bytes, bytes]],
    total: int,
    digest: "hashlib.blake2b",
    progress: Progress,
) -> None:
    for position, (uuid, body, item) in enumerate(bodies):
        connection.execute("INSERT INTO document VALUES (?, ?, ?)", (collection, uuid, body))
        connection.execute("INSERT INTO item VALUES (?, ?, ?)", (collection, position, item))
        digest.update(body)
        if position % 500 == 499 or position + 1 == total:
            progress(collection, position + 1, total)
