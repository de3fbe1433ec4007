"""Compares profiles by the concepts that they hold: the gap between two, similar ones, and matches for what a person has.

Scores are computed and ordered exactly, in integers, and converted to floats only in results. A technical competence that is
essential in a profile weighs 2, an optional one 1.
"""

import sqlite3
from collections.abc import Callable, Collection, Container, Sequence
from typing import NamedTuple

from graphql_api.competent.declarations import CONCEPT_TYPES, SKILL, TECHNICAL_COMPETENCE, ConceptType
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import NESTED_ROLES, numbers

GROUPED = [type for type in CONCEPT_TYPES if type.group_length is not None]
"""The compared types, in the order of `Groups`."""
HAVE = [type for type in CONCEPT_TYPES if type.can_be_had]
"""The types of concepts that a person can have."""


class Groups(tuple[tuple[int, ...], ...]):
    """Row ids of concepts, grouped by type as in GROUPED; each group is in order of code."""

    __slots__ = ()

    def within(self, concepts: Container[int]) -> "Groups":
        """The concepts that are in `concepts`."""
        return Groups(tuple(n for n in group if n in concepts) for group in self)

    def without(self, concepts: Container[int]) -> "Groups":
        """The concepts that are not in `concepts`."""
        return Groups(tuple(n for n in group if n not in concepts) for group in self)


class Gap(NamedTuple):
    """The gap between two profiles; `coverage` (0 to 1) is how much of what the goal needs the start holds."""

    coverage: float
    shared: Groups
    missing: Groups
    surplus: Groups


class Similar(NamedTuple):
    """A similar profile; `shared` are concepts of the type `basis`, those essential in both first, then in order of code."""

    profile: int
    score: float
    basis: ConceptType
    shared: tuple[int, ...]


class Match(NamedTuple):
    """A profile matched with what a person has: `coverage` (0 to 1), and the concepts that the person has and lacks."""

    profile: int
    coverage: float
    matched: Groups
    missing: Groups


def gap(connection: sqlite3.Connection, start: int, goal: int) -> Gap:
    """The gap from one profile to another.

    A profile holds its technical competences, through them their skills, knowledge and indicators, and its soft skills.
    By type, `shared` is what both hold, `missing` what only the goal holds, and `surplus` what only the start holds.
    `coverage` is the weight, in the goal, of its technical competences that the start holds (essential or optional), divided by
    the weight of all of them; 1.0 if the goal has none.
    """
    held = concepts_of(connection, (start, goal))
    return difference(held[start], held[goal])


def similar(connection: sqlite3.Connection, profile: int, most: int) -> list[Similar]:
    """The at most `most` profiles that are most similar to one, excluding itself: by descending score, then in order of code.

    The score is the weighted Jaccard index of the technical competences: the sum of the lesser of the two weights of each
    competence, divided by the sum of the greater; a competence that a profile does not hold weighs 0. Profiles without a common
    technical competence are left out. If all are, skills are compared instead, in the same way.
    """
    for basis in (TECHNICAL_COMPETENCE, SKILL):
        rows = connection.execute(_ALIKE, {"profile": profile, "concept_type": basis.number}).fetchall()
        if rows:
            break
    rows.sort(key=lambda row: (-_rank(row[1], row[2]), row[3], row[0]))
    best = rows[: max(most, 0)]
    shared = _shared(connection, profile, [other for other, *_ in best], basis)
    return [Similar(other, lesser / greater, basis, tuple(shared[other])) for other, lesser, greater, _ in best]


def matches(
    connection: sqlite3.Connection, have: Collection[int], page: Callable[[int], tuple[int, int]]
) -> tuple[list[Match], int]:
    """A page of the profiles that match what a person has, and the total number of matches.

    `page` maps the total to the start and stop positions of the page.

    `have` holds row ids of concepts of the types in HAVE; others are ignored. A person who has a
    technical competence also has its skill, knowledge and indicators.

    `coverage` counts only the types that `have` names directly: the weight of what the profile needs of these types and the
    person has (directly or through a competence), divided by the weight of all that it needs of these types. A concept that the
    profile holds through an essential competence weighs 2, through optional ones only 1, a soft skill 1. Profiles of which the
    person has nothing of these types are left out. The order is by descending coverage, then by descending weight of what the
    person has, then by code.

    `matched` and `missing` list, for every type, the concepts of the profile that the person has and lacks.
    """
    named = dict(connection.execute(_NAMED, {"concepts": array(have)}))
    concept_types = set(named.values())
    had = named | dict(connection.execute(_BLOCKS, {"concepts": array(named)}))
    counted = array(n for n, concept_type in had.items() if concept_type in concept_types)
    rows = connection.execute(_FITTING, {"members": counted, "concept_types": array(concept_types)}).fetchall()
    rows.sort(key=lambda row: (-_rank(row[1], row[2]), -row[1], row[3], row[0]))
    start, stop = page(len(rows))
    window = rows[start:stop]
    groups = {n: held.groups for n, held in concepts_of(connection, [n for n, *_ in window]).items()}
    page_of_matches = [
        Match(n, got / need, groups[n].within(had), groups[n].without(had)) for n, got, need, _ in window
    ]
    return page_of_matches, len(rows)


def _rank(numerator: int, denominator: int) -> int:
    """An integer that orders fractions exactly: two with denominators below 2³² are equal, or differ by more than 2⁻⁶⁴."""
    return (numerator << 64) // denominator


class ProfileConcepts(NamedTuple):
    """The concepts that one profile holds, and the weights of its technical competences."""

    groups: Groups
    weights: dict[int, int]

    @property
    def concepts(self) -> frozenset[int]:
        return frozenset().union(*self.groups)


def concepts_of(connection: sqlite3.Connection, profiles: Sequence[int]) -> dict[int, ProfileConcepts]:
    """The concepts that each of these profiles holds, in one statement."""
    members: dict[int, dict[int, list[int]]] = {profile: {type.number: [] for type in GROUPED} for profile in profiles}
    weights: dict[int, dict[int, int]] = {profile: {} for profile in profiles}
    for profile, concept_type, member, weight in connection.execute(_HELD, {"profiles": array(profiles)}):
        members[profile][concept_type].append(member)
        if concept_type == TECHNICAL_COMPETENCE.number:
            weights[profile][member] = weight
    return {n: ProfileConcepts(Groups(map(tuple, members[n].values())), weights[n]) for n in members}


def difference(has: ProfileConcepts, needs: ProfileConcepts) -> Gap:
    """The gap from a profile that holds `has` to one that holds `needs`."""
    total = sum(needs.weights.values())
    covered = sum(weight for competence, weight in needs.weights.items() if competence in has.weights)
    return Gap(
        coverage=covered / total if total else 1.0,
        shared=needs.groups.within(has.concepts),
        missing=needs.groups.without(has.concepts),
        surplus=has.groups.without(needs.concepts),
    )


def _shared(
    connection: sqlite3.Connection, profile: int, others: Sequence[int], basis: ConceptType
) -> dict[int, list[int]]:
    shared: dict[int, list[int]] = {other: [] for other in others}
    values = {"profile": profile, "others": array(others), "concept_type": basis.number}
    for other, competence in connection.execute(_SHARED, values):
        shared[other].append(competence)
    return shared


_HELD = f"""
    SELECT held.profile, held.concept_type, held.member, held.weight
    FROM json_each(:profiles) AS input CROSS JOIN profile_member AS held ON held.profile = input.value
    WHERE held.concept_type IN ({numbers(type.number for type in GROUPED)})
    ORDER BY held.profile, held.concept_type, held.position, held.member
"""  # noqa: S608  # numbers of types

# Profiles with a common competence: sum of the lesser weights, sum of the greater (total of both minus the lesser), position.
_ALIKE = """
    SELECT alike.profile, alike.lesser, own.weight + theirs.weight - alike.lesser, concept.position
    FROM (
        SELECT other.profile, sum(min(own.weight, other.weight)) AS lesser
        FROM profile_member AS own CROSS JOIN profile_member AS other ON other.member = own.member
        WHERE own.profile = :profile AND own.concept_type = :concept_type AND other.profile <> :profile
        GROUP BY other.profile
    ) AS alike
    JOIN profile_weight AS own ON own.profile = :profile AND own.concept_type = :concept_type
    JOIN profile_weight AS theirs ON theirs.profile = alike.profile AND theirs.concept_type = :concept_type
    JOIN concept ON concept.n = alike.profile
"""

_SHARED = """
    SELECT other.profile, other.member
    FROM json_each(:others) AS input
    CROSS JOIN profile_member AS other ON other.profile = input.value AND other.concept_type = :concept_type
    JOIN profile_member AS own ON own.profile = :profile AND own.member = other.member
    ORDER BY min(own.weight, other.weight) DESC, other.position, other.member
"""

_NAMED = f"""
    SELECT n, concept_type FROM concept WHERE n IN (SELECT value FROM json_each(:concepts))
    AND concept_type IN ({numbers(type.number for type in HAVE)})
"""  # noqa: S608  # numbers of types

_BLOCKS = f"""
    SELECT concept.n, concept.concept_type
    FROM json_each(:concepts) AS input CROSS JOIN embeds ON embeds.container = input.value
    JOIN concept ON concept.n = embeds.member
    WHERE embeds.role IN ({numbers(NESTED_ROLES)})
"""  # noqa: S608  # numbers of roles

# Profiles that hold any of the given concepts: the weight of those, the weight of all that they hold of these types, position.
_FITTING = """
    SELECT fitting.profile, fitting.got, sum(profile_weight.weight), concept.position
    FROM (
        SELECT held.profile, sum(held.weight) AS got
        FROM json_each(:members) AS input CROSS JOIN profile_member AS held ON held.member = input.value
        GROUP BY held.profile
    ) AS fitting
    JOIN profile_weight ON profile_weight.profile = fitting.profile
        AND profile_weight.concept_type IN (SELECT value FROM json_each(:concept_types))
    JOIN concept ON concept.n = fitting.profile
    GROUP BY fitting.profile
"""
