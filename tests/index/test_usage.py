"""Reverse links in batches."""

import sqlite3

import pytest
from hypothesis import given

from graphql_api.competent.declarations import (
    BEHAVIOURAL_INDICATOR,
    DIGITAL_SKILL,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
)
from graphql_api.index.usage import Use, competences_using, importances, profiles_using
from tests.index.small_indexes import ESSENTIAL, Part, World, small, worlds


def test_usage_of_a_block_lists_each_profile_once_in_order() -> None:
    with small() as index:
        skill = index.thing(SKILL, "SK-1")
        knowledge = index.thing(KNOWLEDGE, "KN-1")
        indicator = index.thing(BEHAVIOURAL_INDICATOR, "BI-1")
        one = index.competence("CP-1", [skill], [knowledge], [indicator])
        two = index.competence("CP-2", [skill], [], [])
        third = index.profile("OP-3", essential=[one])
        first = index.profile("OP-1", optional=[one, two])
        second = index.profile("OP-2", essential=[two], optional=[one])
        connection = index.finish()
        assert profiles_using(connection, [skill, knowledge, indicator]) == {
            skill: [Use(first, False), Use(second, True), Use(third, True)],
            knowledge: [Use(first, False), Use(second, False), Use(third, True)],
            indicator: [Use(first, False), Use(second, False), Use(third, True)],
        }


def test_usage_of_competences_has_a_role_and_of_other_skills_no_role() -> None:
    with small() as index:
        soft, digital = index.thing(SOFT_SKILL, "SS-1"), index.thing(DIGITAL_SKILL, "DS-1")
        competence = index.competence("CP-1")
        ten = index.profile("OP-10", essential=[competence], soft=[soft])
        nine = index.profile("OP-9", optional=[competence], soft=[soft], digital=[digital])
        connection = index.finish()
        assert profiles_using(connection, [competence, soft, digital]) == {
            competence: [Use(nine, False), Use(ten, True)],
            soft: [Use(nine, None), Use(ten, None)],
            digital: [Use(nine, None)],
        }


def test_importances_are_by_profile_for_each_competence() -> None:
    with small() as index:
        index.competence("CP-1")
        competence = index.competence("CP-2")
        index.profile("OP-1", essential=[competence])
        index.profile("OP-2", optional=[competence])
        index.profile("OP-3")
        connection = index.finish()
        names = ["TechnicalCompetence-CP-1", "TechnicalCompetence-CP-2", "OccupationalProfile-OP-1"]
        assert importances(connection, names) == {
            "TechnicalCompetence-CP-2": {"OccupationalProfile-OP-1": True, "OccupationalProfile-OP-2": False}
        }


def test_competences_with_a_block_are_listed_in_order() -> None:
    with small() as index:
        skill, knowledge = index.thing(SKILL, "SK-1"), index.thing(KNOWLEDGE, "KN-1")
        soft = index.thing(SOFT_SKILL, "SS-1")
        second = index.competence("CP-2", [skill], [knowledge])
        first = index.competence("CP-1", [skill])
        index.profile("OP-1", essential=[first], soft=[soft])
        connection = index.finish()
        assert competences_using(connection, [skill, knowledge, soft, first]) == {
            skill: [first, second],
            knowledge: [second],
            soft: [],
            first: [],
        }


def test_unused_concepts_have_an_empty_list_and_duplicates_one_result() -> None:
    with small() as index:
        skill = index.thing(SKILL, "SK-1")
        unused = index.thing(SKILL, "SK-2")
        competence = index.competence("CP-1", [skill])
        profile = index.profile("OP-1", essential=[competence])
        connection = index.finish()
        concepts = [skill, unused, skill, 999_999]
        assert profiles_using(connection, concepts) == {skill: [Use(profile, True)], unused: [], 999_999: []}
        assert competences_using(connection, concepts) == {skill: [competence], unused: [], 999_999: []}
        assert profiles_using(connection, []) == competences_using(connection, []) == {}


def test_forty_thousand_concepts_take_one_statement() -> None:
    with small() as index:
        skill = index.thing(SKILL, "SK-1")
        competence = index.competence("CP-1", [skill])
        profile = index.profile("OP-1", essential=[competence])
        connection = index.finish()
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1)
        statements: list[str] = []
        connection.set_trace_callback(lambda sql: statements.append(sql[:10]))
        concepts = range(1, 40_001)
        used, held = profiles_using(connection, concepts), competences_using(connection, concepts)
        assert len(statements) == 2
        assert {part: uses for part, uses in used.items() if uses} == {
            skill: [Use(profile, True)],
            competence: [Use(profile, True)],
        }
        assert {part: results for part, results in held.items() if results} == {skill: [competence]}
        assert len(used) == len(held) == 40_000


@pytest.mark.slow
@given(worlds())
def test_usage_equals_a_scan_of_every_profile(world: World) -> None:
    expected: dict[int, list[Use]] = {}
    with small() as index:
        connection = world.write(index)
        for profile, roles in enumerate(world.roles):
            results: dict[Part, bool | None] = {(SOFT_SKILL.number, position): None for position in world.soft[profile]}
            results |= {(DIGITAL_SKILL.number, position): None for position in world.digital[profile]}
            for competence, role in roles.items():
                for part in ((TECHNICAL_COMPETENCE.number, competence), *world.blocks[competence]):
                    results[part] = results.get(part) or role is ESSENTIAL
            for part, essential in results.items():
                expected.setdefault(world.n[part], []).append(
                    Use(world.n[OCCUPATIONAL_PROFILE.number, profile], essential)
                )
        assert {
            part: uses for part, uses in profiles_using(connection, [*world.n.values()]).items() if uses
        } == expected
