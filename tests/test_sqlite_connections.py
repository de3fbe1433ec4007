"""SQLite connections are closed by their owner, also if opening a second one fails."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphql_api.errors import SettingsError
from graphql_api.index.index import Index
from graphql_api.index.index_file import IndexFile
from graphql_api.sandbox import bundled_data
from graphql_api.sandbox.document_store import documents_in_memory, read_documents
from graphql_api.store.database import Database, FileConnection
from graphql_api.store.sqlite import SqliteFile


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    except sqlite3.Error:
        pass
    return False


@pytest.fixture
def opened_connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """All connections that a test opens."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def recorded(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(connect(*args, **kwargs))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", recorded)
    return connections


def damaged_index(folder: Path) -> None:
    file = IndexFile(folder, "api", "3.26")
    file.path.write_bytes(b"SQLite format 3\x00" + bytes(200))
    Index(file)


def damaged_documents(folder: Path) -> None:
    (folder / "damaged.sqlite").write_bytes(b"this is no database" * 100)
    assert read_documents(folder / "damaged.sqlite", "a workbook") is None
    raise sqlite3.DatabaseError


def store_in_a_folder(folder: Path) -> None:
    SqliteFile(folder, "api")


@pytest.mark.parametrize("fail", [damaged_index, damaged_documents, store_in_a_folder], ids=lambda f: f.__name__)
def test_a_failed_open_leaves_no_connection_open(
    fail: Callable[[Path], None], tmp_path: Path, opened_connections: list[sqlite3.Connection]
) -> None:
    with pytest.raises((sqlite3.Error, SettingsError)):
        fail(tmp_path)

    assert all(map(is_closed, opened_connections))


def test_a_store_whose_second_connection_fails_closes_its_first(
    tmp_path: Path, opened_connections: list[sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = Database.connect

    def second_fails(database: Database, *timeout: float) -> FileConnection:
        if timeout:  # the one that reads; the check before has none either
            return connect(database, *timeout)
        if any(not is_closed(item) for item in opened_connections):
            raise sqlite3.OperationalError("too many open files")
        return connect(database)

    monkeypatch.setattr(Database, "connect", second_fails)

    with pytest.raises(sqlite3.OperationalError):
        SqliteFile(tmp_path / "s.sqlite", "api")

    assert len(opened_connections) >= 2
    assert all(map(is_closed, opened_connections))


def test_documents_that_cannot_be_written_are_closed(
    opened_connections: list[sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any) -> None:
        raise sqlite3.OperationalError("the database or disk is full")

    monkeypatch.setattr("graphql_api.sandbox.document_store.write_search", fails)

    with pytest.raises(sqlite3.OperationalError):
        documents_in_memory(bundled_data.bundled_datasets()[0])

    assert list(map(is_closed, opened_connections)) == [True]
