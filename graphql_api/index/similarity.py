"""Profiles compared by what they hold: the gap between two, those like one, those that fit what somebody has.

Measures are counted in whole numbers and ordered exactly, and become floats only where they are told. A technical
competence that is essential in a profile weighs 2 there, an optional one 1.
"""

import sqlite3
from collections.abc import Callable, Collection, Container, Sequence
from typing import NamedTuple

from graphql_api.competent.declarations import CONCEPT_TYPES, TECHNICAL_COMPETENCE
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import NESTED_ROLES, numbers

GROUPED = [each for each in CONCEPT_TYPES if each.group_length is not None]
"""The types that are compared, in the order of `Groups`."""
HAVE = [each for each in CONCEPT_TYPES if each.can_be_had]
"""The types of what somebody can have."""


class Groups(tuple[tuple[int, ...], ...]):
    """Concepts by type, each group ordered by place."""

    __slots__ = ()

    def within(self, concepts: Container[int]) -> "Groups":
        """Those that are among these concepts."""
        return Groups(tuple(n for n in group if n in concepts) for group in self)

    def without(self, concepts: Container[int]) -> "Groups":
        """Those that are not among these concepts."""
        return Groups(tuple(n for n in group if n not in concepts) for group in self)


class Gap(NamedTuple):
    """What lies between two profiles; `coverage` is how much of what the goal needs the start has."""

    coverage: float
    shared: Groups
    missing: Groups
    surplus: Groups


class Similar(NamedTuple):
    """A profile like another; `shared` are technical competences, those essential in both first, then by place."""

    profile: int
    score: float
    shared: tuple[int, ...]


class Match(NamedTuple):
    """A profile beside what somebody has: how much of it, what of it, and what of it not."""

    profile: int
    coverage: float
    matched: Groups
    missing: Groups


def gap(connection: sqlite3.Connection, start: int, goal: int) -> Gap:
    """The gap from one profile to another.

    A profile holds its technical competences, through them their skills, knowledge and indicators, and its soft skills.
    By kind, `shared` is what both hold, `missing` what only the goal holds, `surplus` what only the start holds.
    `coverage` is the weight, in the goal, of those of its technical competences that the start holds in either role,
    divided by the weight of all of them; 1.0 where the goal has none.
    """
    held = _held(connection, (start, goal))
    has, needs = held[start], held[goal]
    total = sum(needs.weights.values())
    covered = sum(weight for competence, weight in needs.weights.items() if competence in has.weights)
    return Gap(
        coverage=covered / total if total else 1.0,
        shared=needs.groups.within(has.things),
        missing=needs.groups.without(has.things),
        surplus=has.groups.without(needs.things),
    )


def similar(connection: sqlite3.Connection, profile: int, most: int) -> list[Similar]:
    """The profiles most like one, not more than `most`: the highest score first, equal ones by place; never itself.

    The score is the weighted Jaccard index of the technical competences: of every competence that either holds the
    lesser of its two weights, summed, divided by the greater, summed; what a profile does not hold weighs 0 there.
    Profiles without a common technical competence are left out.
    """
    rows = connection.execute(_ALIKE, {"profile": profile, "kind": TECHNICAL_COMPETENCE.number}).fetchall()
    rows.sort(key=lambda row: (-_rank(row[1], row[2]), row[3], row[0]))
    best = rows[: max(most, 0)]
    shared = _shared(connection, profile, [other for other, *_ in best])
    return [Similar(other, lesser / greater, tuple(shared[other])) for other, lesser, greater, _ in best]


def matches(
    connection: sqlite3.Connection, have: Collection[int], page: Callable[[int], tuple[int, int]]
) -> tuple[list[Match], int]:
    """A page of the profiles that fit what somebody has, and how many there are in all.

    `page` gives the first place of the page, and the one after its last, for a number of profiles.

    `have` holds technical competences, skills, knowledge and soft skills; anything else in it is left aside. Who has a
    technical competence has its skill, knowledge and indicators too.

    `coverage` counts the kinds that `have` names directly: the weight of what the profile needs of those kinds and is
    had, directly or through a competence, divided by the weight of all that it needs of those kinds. What the profile
    reaches through an essential competence weighs 2, through optional ones only 1, a soft skill 1. Profiles of which
    nothing of those kinds is had are left out. The order is by coverage, then by the weight of what is had, both from
    the greatest on, then by place.

    `matched` and `missing` tell, of every kind, what the profile holds and is had, or is not.
    """
    named = dict(connection.execute(_NAMED, {"things": array(have)}))
    kinds = set(named.values())
    had = named | dict(connection.execute(_BLOCKS, {"things": array(named)}))
    counted = array(n for n, kind in had.items() if kind in kinds)
    rows = connection.execute(_FITTING, {"parts": counted, "kinds": array(kinds)}).fetchall()
    rows.sort(key=lambda row: (-_rank(row[1], row[2]), -row[1], row[3], row[0]))
    start, stop = page(len(rows))
    window = rows[start:stop]
    held = {n: each.groups for n, each in _held(connection, [n for n, *_ in window]).items()}
    return [Match(n, got / need, held[n].within(had), held[n].without(had)) for n, got, need, _ in window], len(rows)


def _rank(part: int, whole: int) -> int:
    """A whole number that orders fractions exactly: those with wholes below 2³² differ by more than 2⁻⁶⁴, or not at all."""
    return (part << 64) // whole


class _Held(NamedTuple):
    """What one profile holds, and the weights of its technical competences."""

    groups: Groups
    weights: dict[int, int]

    @property
    def things(self) -> frozenset[int]:
        return frozenset().union(*self.groups)


def _held(connection: sqlite3.Connection, profiles: Sequence[int]) -> dict[int, _Held]:
    parts: dict[int, dict[int, list[int]]] = {profile: {type.number: [] for type in GROUPED} for profile in profiles}
    weights: dict[int, dict[int, int]] = {profile: {} for profile in profiles}
    for profile, kind, part, weight in connection.execute(_HELD, {"profiles": array(profiles)}):
        parts[profile][kind].append(part)
        if kind == TECHNICAL_COMPETENCE.number:
            weights[profile][part] = weight
    return {n: _Held(Groups(map(tuple, parts[n].values())), weights[n]) for n in parts}


def _shared(connection: sqlite3.Connection, profile: int, others: Sequence[int]) -> dict[int, list[int]]:
    shared: dict[int, list[int]] = {other: [] for other in others}
    values = {"profile": profile, "others": array(others), "kind": TECHNICAL_COMPETENCE.number}
    for other, competence in connection.execute(_SHARED, values):
        shared[other].append(competence)
    return shared


_HELD = f"""
    SELECT element.profile, element.kind, element.part, element.weight
    FROM json_each(:profiles) AS asked CROSS JOIN element ON element.profile = asked.value
    WHERE element.kind IN ({numbers(each.number for each in GROUPED)})
    ORDER BY element.profile, element.kind, element.place, element.part
"""  # noqa: S608  # numbers of types

# Profiles with a competence in common: the lesser weights summed, the greater (all of both without the lesser), place.
_ALIKE = """
    SELECT alike.profile, alike.lesser, own.weight + theirs.weight - alike.lesser, thing.place
    FROM (
        SELECT other.profile, sum(min(own.weight, other.weight)) AS lesser
        FROM element AS own CROSS JOIN element AS other ON other.part = own.part
        WHERE own.profile = :profile AND own.kind = :kind AND other.profile <> :profile GROUP BY other.profile
    ) AS alike
    JOIN total AS own ON own.profile = :profile AND own.kind = :kind
    JOIN total AS theirs ON theirs.profile = alike.profile AND theirs.kind = :kind
    JOIN thing ON thing.n = alike.profile
"""

_SHARED = """
    SELECT other.profile, other.part
    FROM json_each(:others) AS asked CROSS JOIN element AS other ON other.profile = asked.value AND other.kind = :kind
    JOIN element AS own ON own.profile = :profile AND own.part = other.part
    ORDER BY min(own.weight, other.weight) DESC, other.place, other.part
"""

_NAMED = f"""
    SELECT n, kind FROM thing WHERE n IN (SELECT value FROM json_each(:things))
    AND kind IN ({numbers(each.number for each in HAVE)})
"""  # noqa: S608  # numbers of types

_BLOCKS = f"""
    SELECT thing.n, thing.kind
    FROM json_each(:things) AS asked CROSS JOIN holds ON holds.whole = asked.value JOIN thing ON thing.n = holds.part
    WHERE holds.role IN ({numbers(NESTED_ROLES)})
"""  # noqa: S608  # numbers of roles

# Profiles that hold some of what is had: the weight of that, the weight of all that they hold of these kinds, place.
_FITTING = """
    SELECT fitting.profile, fitting.got, sum(total.weight), thing.place
    FROM (
        SELECT element.profile, sum(element.weight) AS got
        FROM json_each(:parts) AS asked CROSS JOIN element ON element.part = asked.value GROUP BY element.profile
    ) AS fitting
    JOIN total ON total.profile = fitting.profile AND total.kind IN (SELECT value FROM json_each(:kinds))
    JOIN thing ON thing.n = fitting.profile
    GROUP BY fitting.profile
"""
