"""Looks up concepts in an index: by row id, uuid, code or position in their list.

A lookup of several concepts is one statement per CHUNK keys.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.competent.hal import JsonObject
from graphql_api.index.tables import TYPES, DamagedIndex, numbers

T = TypeVar("T")

CHUNK = 10_000
"""Maximum values in one statement; SQLite's limit is 32,766."""

_COLUMNS = "n, concept_type, uuid, code, item"


class IndexedConcept(NamedTuple):
    """A concept in an index.

    `item` is the part of its normalised document that queries need: all of a block; id, code, and title or skill of others.
    """

    row_id: int
    type: ConceptType
    uuid: UUID
    code: str | None
    item: JsonObject


def by_row_id(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, IndexedConcept]:
    """Concepts by row id. Raises DamagedIndex if one is missing, since row ids come from the same index."""
    concepts = {
        concept.row_id: concept
        for chunk in chunks(numbers)
        for concept in _select(connection, f"n IN ({_marks(chunk)})", chunk)
    }
    if missing := [n for n in numbers if n not in concepts]:
        raise DamagedIndex(f"no concept has the number {missing[0]}")
    return concepts


def by_uuid(
    connection: sqlite3.Connection, keys: Sequence[tuple[ConceptType, UUID]]
) -> dict[tuple[ConceptType, UUID], IndexedConcept]:
    """Concepts by type and uuid; missing ones are left out."""
    concepts: dict[tuple[ConceptType, UUID], IndexedConcept] = {}
    for type in {type for type, _ in keys}:
        uuids = [str(uuid) for key_type, uuid in keys if key_type is type]
        for chunk in chunks(uuids):
            where = f"concept_type = ? AND uuid IN ({_marks(chunk)})"
            concepts |= {(type, concept.uuid): concept for concept in _select(connection, where, [type.number, *chunk])}
    return concepts


Key = tuple[int, str]
"""The number of its type and the uuid of a concept: what it is known by in every release."""


def by_key(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, IndexedConcept]:
    """Concepts as `by_uuid` finds them, by key."""
    concepts = by_uuid(connection, [(TYPES[type], UUID(uuid)) for type, uuid in keys])
    return {(type.number, str(uuid)): concept for (type, uuid), concept in concepts.items()}


def by_code(
    connection: sqlite3.Connection, keys: Sequence[tuple[ConceptType, str]]
) -> dict[tuple[ConceptType, str], IndexedConcept]:
    """Concepts by type and code; missing ones are left out."""
    concepts: dict[tuple[ConceptType, str], IndexedConcept] = {}
    for type in {type for type, _ in keys}:
        for chunk in chunks([code for key_type, code in keys if key_type is type]):
            where = f"concept_type = ? AND code IN ({_marks(chunk)}) ORDER BY position DESC"  # the first of equal codes wins
            concepts |= {
                (type, concept.code or ""): concept for concept in _select(connection, where, [type.number, *chunk])
            }
    return concepts


def row_ids_by_uuid(connection: sqlite3.Connection, keys: Sequence[UUID]) -> dict[UUID, list[int]]:
    """Row ids of the concepts of any type with each uuid, in the order of types; missing uuids are left out."""
    rows = _select_row_ids(connection, "uuid", [str(uuid) for uuid in keys])
    return {UUID(uuid): row_ids for uuid, row_ids in rows.items()}


def row_ids_by_code(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, list[int]]:
    """Row ids of the concepts with each code, at most one of each type, in the order of types; missing codes are left out."""
    return _select_row_ids(connection, "code", keys)


def listed(connection: sqlite3.Connection, type: ConceptType, start: int, stop: int) -> list[IndexedConcept]:
    """The concepts of a type in order of code, from `start` up to, not including, `stop`."""
    where = "concept_type = ? AND position >= ? AND position < ? ORDER BY position"
    return list(_select(connection, where, [type.number, start, stop]))


def count(connection: sqlite3.Connection, type: ConceptType) -> int:
    """The number of concepts of a type."""
    # Positions are 0, 1, 2, …, so the last one gives the count; count(*) would read all rows.
    rows = connection.execute("SELECT max(position) FROM concept WHERE concept_type = ?", (type.number,))
    last: int | None = rows.fetchone()[0]
    return 0 if last is None else last + 1


def count_documents(connection: sqlite3.Connection) -> int:
    """The number of concepts that have documents of their own."""
    return sum(count(connection, type) for type in CONCEPT_TYPES if type.route is not None)


def failed(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """(path, error code) of the documents that are missing from the index."""
    return connection.execute("SELECT path, code FROM missing ORDER BY path").fetchall()


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split values into chunks that fit in one statement."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _select_row_ids(connection: sqlite3.Connection, column: str, keys: Sequence[str]) -> dict[str, list[int]]:
    row_ids: dict[str, dict[int, int]] = {}
    for chunk in chunks(keys):
        sql = f"""
            SELECT {column}, concept_type, n FROM concept
            WHERE concept_type IN ({numbers(TYPES)}) AND {column} IN ({_marks(chunk)}) ORDER BY concept_type, position
        """  # noqa: S608  # a column, numbers of types and placeholders of this module
        for key, number, n in connection.execute(sql, chunk):
            row_ids.setdefault(key, {}).setdefault(number, n)  # the first of equal codes wins
    return {key: list(by_type.values()) for key, by_type in row_ids.items()}


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _select(connection: sqlite3.Connection, where: str, values: Iterable[object]) -> Iterator[IndexedConcept]:
    sql = f"SELECT {_COLUMNS} FROM concept WHERE {where}"  # noqa: S608  # columns and placeholders of this module
    for n, number, uuid, code, item in connection.execute(sql, list(values)):
        try:
            yield IndexedConcept(n, TYPES[number], UUID(uuid), code, orjson.loads(item))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedIndex(f"the row of concept {n}") from error
