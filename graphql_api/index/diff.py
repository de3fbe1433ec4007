"""The diff of two releases: concepts added, removed and changed, and which of their fields differ.

Reads facts only of concepts whose digests differ. The result is deterministic.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from operator import attrgetter
from typing import Literal, NamedTuple

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.index.facts import Facts
from graphql_api.index.labels import are_alike, labels
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import LANGUAGES, DamagedIndex


class Change(NamedTuple):
    """One concept that differs: `before` and `after` are its row ids in the two indexes, None if it is absent.

    `fields` names the facts of a CHANGED concept that differ, in declared order, texts by language (`title.nl`); `uuid`
    comes first if the uuid differs. Empty for others. CODE_MOVED is about a code: `before` had it, and `after`, another concept,
    has it now.
    """

    change: Literal["ADDED", "REMOVED", "CHANGED", "CODE_MOVED"]
    type: ConceptType
    before: int | None
    after: int | None
    fields: tuple[str, ...]


def changes(before: sqlite3.Connection, after: sqlite3.Connection) -> list[Change]:
    """The changes from one release to another.

    Concepts are matched by uuid, and the rest by code (of duplicate codes, the first in order with the first). Changes are
    ordered by type, then as in `after`; removed concepts follow the others of their type, as in `before`, and moved codes follow
    those. Facts that are unknown on one side (digest 0) do not differ.
    """
    differing: list[Change] = []
    for type in CONCEPT_TYPES:
        olds, news = _differing(before, after, type)
        pairs = list(_pairs(olds, news))
        fields = _fields(before, after, pairs)
        differing += (change for pair in pairs if (change := _change(type, *pair, fields)))
        moved = _moved(before, after, type, olds, news)
        differing += (Change("CODE_MOVED", type, old.n, new.n, ()) for old, new in moved)
    return differing


def selected(
    changes: Iterable[Change], types: Collection[ConceptType] | None, kinds: Collection[str] | None
) -> list[Change]:
    """The changes of these types and kinds; None means all."""
    return [
        change
        for change in changes
        if (types is None or change.type in types) and (kinds is None or change.change in kinds)
    ]


def counts(changes: Iterable[Change]) -> dict[ConceptType, Counter[str]]:
    """The number of changes by type, in their order, and by kind."""
    by_type: dict[ConceptType, Counter[str]] = {}
    for change in changes:
        by_type.setdefault(change.type, Counter())[change.change] += 1
    return by_type


class _ConceptRow(NamedTuple):
    n: int
    uuid: str
    code: str | None
    digest: int
    position: int


_Pair = tuple[_ConceptRow | None, _ConceptRow | None]
"""A concept before and after; None if it is absent."""

_ROWS = "SELECT n, uuid, code, digest, position FROM concept WHERE concept_type = ? ORDER BY uuid"
_WITH_CODES = """
    SELECT n, code FROM json_each(?) AS input CROSS JOIN concept ON concept_type = ? AND code = input.value
"""
_FACTS = "SELECT n, facts FROM concept WHERE n IN (SELECT value FROM json_each(?))"
_CHUNK = 500  # pairs whose facts are in memory at a time


def _differing(
    before: sqlite3.Connection, after: sqlite3.Connection, type: ConceptType
) -> tuple[list[_ConceptRow], list[_ConceptRow]]:
    """The concepts of both sides in order, without unchanged ones.

    Both sides are read row by row in the order of uuids, so that other threads need not wait, and little is in memory.
    """
    olds, news = (map(_ConceptRow._make, connection.execute(_ROWS, (type.number,))) for connection in (before, after))
    only_old: list[_ConceptRow] = []
    only_new: list[_ConceptRow] = []
    old, new = next(olds, None), next(news, None)
    while old or new:
        if old and new and old[1:4] == new[1:4]:
            old, new = next(olds, None), next(news, None)
        elif old and (not new or old.uuid <= new.uuid):
            only_old.append(old)
            old = next(olds, None)
        elif new:
            only_new.append(new)
            new = next(news, None)
    return _in_order(only_old), _in_order(only_new)


def _in_order(rows: Sequence[_ConceptRow]) -> list[_ConceptRow]:
    """Sort a few rows at a time and merge these: sorting all in one call would let other threads wait."""
    natural_order = attrgetter("position", "n")
    return [
        *merge(
            *(sorted(rows[at : at + _CHUNK], key=natural_order) for at in range(0, len(rows), _CHUNK)),
            key=natural_order,
        )
    ]


def _pairs(olds: Sequence[_ConceptRow], news: Sequence[_ConceptRow]) -> Iterator[_Pair]:
    """Yield each concept of both sides once: those of the new side in order, then the rest of the old side in order."""
    by_uuid = {old.uuid: old for old in olds}
    common = by_uuid.keys() & {new.uuid for new in news}
    left = {old.n: old for old in olds if old.uuid not in common}
    by_code: dict[str | None, list[_ConceptRow]] = {}
    for old in reversed(left.values()):
        by_code.setdefault(old.code, []).append(old)
    for new in news:
        if new.uuid in common:
            yield by_uuid[new.uuid], new
        elif new.code and by_code.get(new.code):
            yield left.pop(by_code[new.code].pop().n), new
        else:
            yield None, new
    yield from ((old, None) for old in left.values())


def _moved(
    before: sqlite3.Connection,
    after: sqlite3.Connection,
    type: ConceptType,
    olds: Sequence[_ConceptRow],
    news: Sequence[_ConceptRow],
) -> list[tuple[_ConceptRow, _ConceptRow]]:
    """The concepts that had a code and others that have it now, in the order of the latter.

    A concept that ended and a new one with an alike label are the same concept under another uuid, whose code has not moved.
    """
    had, has = _by_code(olds), _by_code(news)
    pairs = [(old, new) for code, now in has.items() for old in had.get(code, ()) for new in now]
    stayed = {new.code for old, new in pairs if old.uuid == new.uuid}
    differing = {new.n for new in news}
    codes = orjson.dumps([*{new.code for _, new in pairs} - stayed]).decode()
    stayed.update(code for n, code in after.execute(_WITH_CODES, (codes, type.number)) if n not in differing)
    pairs = [(old, new) for old, new in pairs if new.code not in stayed]
    ended, added = _uuids(olds) - _uuids(news), _uuids(news) - _uuids(olds)
    was, now = labels(before, (old.n for old, _ in pairs)), labels(after, (new.n for _, new in pairs))
    return [
        (old, new)
        for old, new in pairs
        if not (old.uuid in ended and new.uuid in added and _may_be_same(was[old.n], now[new.n]))
    ]


def _may_be_same(was: Mapping[str, str], now: Mapping[str, str]) -> bool:
    return not (was.keys() & now.keys()) or are_alike(was, now)


def _by_code(rows: Sequence[_ConceptRow]) -> dict[str, list[_ConceptRow]]:
    by_code: dict[str, list[_ConceptRow]] = {}
    for row in rows:
        if row.code:
            by_code.setdefault(row.code, []).append(row)
    return by_code


def _uuids(rows: Sequence[_ConceptRow]) -> set[str]:
    return {row.uuid for row in rows}


def _change(
    type: ConceptType, old: _ConceptRow | None, new: _ConceptRow | None, fields: Mapping[int, tuple[str, ...]]
) -> Change | None:
    if old is None:
        return Change("ADDED", type, None, new.n, ()) if new else None
    if new is None:
        return Change("REMOVED", type, old.n, None, ())
    differing = fields.get(new.n)
    return Change("CHANGED", type, old.n, new.n, differing) if differing else None


def _fields(
    before: sqlite3.Connection, after: sqlite3.Connection, pairs: Sequence[_Pair]
) -> dict[int, tuple[str, ...]]:
    """The fields that differ, by new row id, of the concepts that are on both sides."""
    both = [(old, new) for old, new in pairs if old and new]
    fields: dict[int, tuple[str, ...]] = {new.n: ("uuid",) for old, new in both if old.uuid != new.uuid}
    differing = [(old, new) for old, new in both if old.digest != new.digest and old.digest and new.digest]
    for start in range(0, len(differing), _CHUNK):
        chunk = differing[start : start + _CHUNK]
        was = _facts(before, [old.n for old, _ in chunk])
        now = _facts(after, [new.n for _, new in chunk])
        for old, new in chunk:
            differences = (field for field in _differences(was[old.n], now[new.n]) if field != "uuid")
            fields[new.n] = (*fields.get(new.n, ()), *differences)
    return fields


def _facts(connection: sqlite3.Connection, row_ids: Sequence[int]) -> dict[int, Facts]:
    try:
        facts = {n: orjson.loads(row) for n, row in connection.execute(_FACTS, (array(row_ids),))}
    except ValueError as error:
        raise DamagedIndex("the facts of a concept") from error
    return facts


def _differences(was: Facts, now: Facts) -> Iterator[str]:
    """Yield the fields that differ; a missing value equals null."""
    for field in dict.fromkeys([*was, *now]):
        old, new = was.get(field), now.get(field)
        if _is_text(old) and _is_text(new):
            old, new = old or {}, new or {}
            yield from (f"{field}.{language}" for language in LANGUAGES if old.get(language) != new.get(language))
        elif old != new:
            yield field


def _is_text(value: object) -> bool:
    """Whether a fact is a text by language, or missing."""
    return value is None or (isinstance(value, dict) and value.keys() <= {*LANGUAGES})
