"""Career paths: from one profile to another in at most two steps, through profiles that share technical competences with both."""

import sqlite3
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from graphql_api.competent.declarations import TECHNICAL_COMPETENCE
from graphql_api.index.similarity import Gap, concepts_of, difference


class Step(NamedTuple):
    """One step: the row ids of two profiles, and the gap from one to the other."""

    start: int
    goal: int
    gap: Gap


class Path(NamedTuple):
    """The steps of a path, and its effort: the sum of 1 - coverage over them (0 to 2)."""

    effort: float
    steps: tuple[Step, ...]


def career_paths(connection: sqlite3.Connection, start: int, goal: int, most: int) -> list[Path]:
    """The at most `most` paths with the least effort, which include the direct one.

    Of equal ones the direct path is first, the others are in order of code of the profile between. The path from a profile to
    itself has no steps. Reads the concepts of at most `most` + 2 profiles.
    """
    if start == goal:
        return [Path(0.0, ())][:most]
    values = {"start": start, "goal": goal, "concept_type": TECHNICAL_COMPETENCE.number}
    ranking = [
        (Fraction(need - got, need) + Fraction(goal_need - goal_got, goal_need), position, row_id)
        for row_id, position, got, need, goal_got, goal_need in connection.execute(_BETWEEN, values)
    ]
    got, need = connection.execute(_DIRECT, values).fetchone()
    ranking.append((Fraction(need - got, need) if need else Fraction(0), -1, goal))
    best = sorted(ranking)[: max(most, 0)]
    held = concepts_of(connection, [start, goal, *(row_id for *_, row_id in best if row_id != goal)])
    stops = [(start, goal) if row_id == goal else (start, row_id, goal) for *_, row_id in best]
    return [
        Path(float(effort), tuple(Step(a, b, difference(held[a], held[b])) for a, b in pairwise(path)))
        for (effort, *_), path in zip(best, stops, strict=True)
    ]


# What `got` means: the weight, in the profile that a step goes to, of the competences that both profiles of the step hold.

_BETWEEN = """
    SELECT concept.n, concept.position, reached.got, reached_weight.weight, leading.got, goal_weight.weight
    FROM (
        SELECT other.profile, sum(other.weight) AS got
        FROM profile_member AS own CROSS JOIN profile_member AS other ON other.member = own.member
        WHERE own.profile = :start AND own.concept_type = :concept_type AND other.profile NOT IN (:start, :goal)
        GROUP BY other.profile
    ) AS reached
    JOIN (
        SELECT other.profile, sum(own.weight) AS got
        FROM profile_member AS own CROSS JOIN profile_member AS other ON other.member = own.member
        WHERE own.profile = :goal AND own.concept_type = :concept_type AND other.profile NOT IN (:start, :goal)
        GROUP BY other.profile
    ) AS leading ON leading.profile = reached.profile
    JOIN profile_weight AS reached_weight
        ON reached_weight.profile = reached.profile AND reached_weight.concept_type = :concept_type
    JOIN profile_weight AS goal_weight ON goal_weight.profile = :goal AND goal_weight.concept_type = :concept_type
    JOIN concept ON concept.n = reached.profile
"""

_DIRECT = """
    SELECT coalesce(sum(theirs.weight) FILTER (WHERE own.member IS NOT NULL), 0), coalesce(sum(theirs.weight), 0)
    FROM profile_member AS theirs
    LEFT JOIN profile_member AS own ON own.profile = :start AND own.member = theirs.member
    WHERE theirs.profile = :goal AND theirs.concept_type = :concept_type
"""
