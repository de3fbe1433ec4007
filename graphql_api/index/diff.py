"""What changed between two releases: concepts added, removed and changed, and which of their fields.

Facts are read of those concepts only whose digests differ; the same two indexes always give the same list.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import LANGUAGES, DamagedIndex


class Change(NamedTuple):
    """One concept that differs: `before` and `after` are its row in either index, None if it is not there.

    `fields` are the facts of a CHANGED concept that differ, in their own order, a text by language (`title.nl`); `uuid`
    stands first if the concept has another uuid now. Empty for what is ADDED or REMOVED.
    """

    change: Literal["ADDED", "REMOVED", "CHANGED"]
    type: ConceptType
    before: int | None
    after: int | None
    fields: tuple[str, ...]


def changes(
    before: sqlite3.Connection,
    after: sqlite3.Connection,
    types: Collection[ConceptType] | None,
    changes: Collection[str] | None,
) -> list[Change]:
    """The changes from one release to another, only those of `types` and `changes` if given.

    Two concepts are one if their uuids are the same; of what is left over on both sides, if their codes are (if a code
    stands twice, the first by place with the first). The order is by type, then by place in `after`; what is removed
    follows the others of its type, by place in `before`. Facts that are not known on one side (digest 0) differ in nothing.
    """
    found: list[Change] = []
    for type in CONCEPT_TYPES:
        if types is None or type in types:
            pairs = list(_pairs(*_differing(before, after, type)))
            fields = _fields(before, after, pairs) if changes is None or "CHANGED" in changes else {}
            found += (change for pair in pairs if (change := _change(type, *pair, fields)))
    return [change for change in found if changes is None or change.change in changes]


class _Thing(NamedTuple):
    n: int
    uuid: str
    code: str | None
    digest: int


_Pair = tuple[_Thing | None, _Thing | None]
"""One thing as it was and as it is."""

_THINGS = "SELECT n, uuid, code, digest FROM thing WHERE kind = ? ORDER BY place, n"
_FACTS = "SELECT n, facts FROM thing WHERE n IN (SELECT value FROM json_each(?))"
_AT_ONCE = 500  # pairs whose facts are in memory together


def _differing(
    before: sqlite3.Connection, after: sqlite3.Connection, type: ConceptType
) -> tuple[list[_Thing], list[_Thing]]:
    """The things of both sides, without those that are there as they were: most are, and go by as plain rows."""
    olds, news = (connection.execute(_THINGS, (type.number,)).fetchall() for connection in (before, after))
    same = {row[1:] for row in olds}.intersection(row[1:] for row in news)
    old, new = ([_Thing._make(row) for row in rows if row[1:] not in same] for rows in (olds, news))
    return old, new


def _pairs(olds: Sequence[_Thing], news: Sequence[_Thing]) -> Iterator[_Pair]:
    """Every thing of both sides once: those of the new side in their order, then what is left of the old one in its."""
    known = {old.uuid: old for old in olds}
    kept = known.keys() & {new.uuid for new in news}
    left = {old.n: old for old in olds if old.uuid not in kept}
    by_code: dict[str | None, list[_Thing]] = {}
    for old in reversed(left.values()):
        by_code.setdefault(old.code, []).append(old)
    for new in news:
        if new.uuid in kept:
            yield known[new.uuid], new
        elif new.code and by_code.get(new.code):
            yield left.pop(by_code[new.code].pop().n), new
        else:
            yield None, new
    yield from ((old, None) for old in left.values())


def _change(
    type: ConceptType, old: _Thing | None, new: _Thing | None, fields: Mapping[int, tuple[str, ...]]
) -> Change | None:
    if old is None:
        return Change("ADDED", type, None, new.n, ()) if new else None
    if new is None:
        return Change("REMOVED", type, old.n, None, ())
    told = fields.get(new.n)
    return Change("CHANGED", type, old.n, new.n, told) if told else None


def _fields(
    before: sqlite3.Connection, after: sqlite3.Connection, pairs: Sequence[_Pair]
) -> dict[int, tuple[str, ...]]:
    """Which fields differ, by the new thing, of everything that is there on both sides."""
    both = [(old, new) for old, new in pairs if old and new]
    fields: dict[int, tuple[str, ...]] = {new.n: ("uuid",) for old, new in both if old.uuid != new.uuid}
    differing = [(old, new) for old, new in both if old.digest != new.digest and old.digest and new.digest]
    for start in range(0, len(differing), _AT_ONCE):
        some = differing[start : start + _AT_ONCE]
        was = _facts(before, [old.n for old, _ in some])
        now = _facts(after, [new.n for _, new in some])
        for old, new in some:
            told = (field for field in _differences(was[old.n], now[new.n]) if field != "uuid")
            fields[new.n] = (*fields.get(new.n, ()), *told)
    return fields


def _facts(connection: sqlite3.Connection, things: Sequence[int]) -> dict[int, dict[str, Any]]:
    try:
        found = {n: orjson.loads(facts) for n, facts in connection.execute(_FACTS, (array(things),))}
    except ValueError as error:
        raise DamagedIndex("the facts of a thing") from error
    return found


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """The fields that differ; what is missing is as good as null."""
    for field in dict.fromkeys([*was, *now]):
        old, new = was.get(field), now.get(field)
        if _is_text(old) and _is_text(new):
            old, new = old or {}, new or {}
            yield from (f"{field}.{language}" for language in LANGUAGES if old.get(language) != new.get(language))
        elif old != new:
            yield field


def _is_text(value: object) -> bool:
    """Whether a fact is a text by language, or not there at all."""
    return value is None or (isinstance(value, dict) and value.keys() <= {*LANGUAGES})
