"""Records the SQL statements of indexes, for tests that count queries."""

import sqlite3
from pathlib import Path

import pytest

from graphql_api.index.index_file import read_only


def record_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that run from now on, in indexes that are opened afterwards."""
    statements: list[str] = []

    def recorded(file: Path) -> sqlite3.Connection:
        connection = read_only(file)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr("graphql_api.index.index.read_only", recorded)
    return statements
