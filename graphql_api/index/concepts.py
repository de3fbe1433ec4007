"""Things of a release found in its index: by their number in it, by uuid, by code, and by their place in a list.

Questions about several are one statement for all of them.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson

from graphql_api.index.tables import DamagedIndex, Kind

T = TypeVar("T")

AT_ONCE = 10_000
"""Values in one statement; SQLite's own bound is 32,766."""

_COLUMNS = "n, kind, uuid, code, item"


class Thing(NamedTuple):
    """A thing in an index; `item` is what is known of it there, in upstream's own keys."""

    n: int
    kind: Kind
    uuid: UUID
    code: str | None
    item: dict[str, Any]


def things(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, Thing]:
    """Things by their number in the index, where numbers come from: one without a thing is damage."""
    found = {each.n: each for some in chunks(numbers) for each in _select(connection, f"n IN ({_marks(some)})", some)}
    if missing := [n for n in numbers if n not in found]:
        raise DamagedIndex(f"no thing has the number {missing[0]}")
    return found


def by_uuid(connection: sqlite3.Connection, keys: Sequence[tuple[Kind, UUID]]) -> dict[tuple[Kind, UUID], Thing]:
    """Things by kind and uuid; those that are not there are left out."""
    found: dict[tuple[Kind, UUID], Thing] = {}
    for kind in {kind for kind, _ in keys}:
        uuids = [str(uuid) for each, uuid in keys if each is kind]
        for some in chunks(uuids):
            where = f"kind = ? AND uuid IN ({_marks(some)})"
            found |= {(kind, each.uuid): each for each in _select(connection, where, [kind, *some])}
    return found


def by_code(connection: sqlite3.Connection, keys: Sequence[tuple[Kind, str]]) -> dict[tuple[Kind, str], Thing]:
    """Things by kind and code; those that are not there are left out."""
    found: dict[tuple[Kind, str], Thing] = {}
    for kind in {kind for kind, _ in keys}:
        for some in chunks([code for each, code in keys if each is kind]):
            where = f"kind = ? AND code IN ({_marks(some)}) ORDER BY place DESC"  # the first of equal codes wins
            found |= {(kind, each.code or ""): each for each in _select(connection, where, [kind, *some])}
    return found


def listed(connection: sqlite3.Connection, kind: Kind, start: int, stop: int) -> list[Thing]:
    """The things of a kind from one place up to another, by code."""
    return list(_select(connection, "kind = ? AND place >= ? AND place < ? ORDER BY place", [kind, start, stop]))


def count(connection: sqlite3.Connection, kind: Kind) -> int:
    """How many things of a kind there are."""
    # Places go from 0 on, so that the last one tells it; to count the rows is to read all of them.
    last = connection.execute("SELECT max(place) FROM thing WHERE kind = ?", (kind,)).fetchone()[0]
    return 0 if last is None else int(last) + 1


def failed(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Path and error code of the documents that the index goes without."""
    return connection.execute("SELECT path, code FROM missing ORDER BY path").fetchall()


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Values in pieces that fit in one statement."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _select(connection: sqlite3.Connection, where: str, values: Iterable[object]) -> Iterator[Thing]:
    sql = f"SELECT {_COLUMNS} FROM thing WHERE {where}"  # noqa: S608  # columns and question marks of this module
    for n, kind, uuid, code, item in connection.execute(sql, list(values)):
        try:
            yield Thing(n, Kind(kind), UUID(uuid), code, orjson.loads(item))
        except (ValueError, TypeError, AttributeError) as error:
            raise DamagedIndex(f"the row of thing {n}") from error
