"""Comparisons of profiles, checked against brute force with sets and fractions."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.competent.declarations import (
    BEHAVIOURAL_INDICATOR,
    DIGITAL_SKILL,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.index.career_paths import career_paths
from graphql_api.index.similarity import HAVE, Gap, Groups, Match, Similar, gap, matches, similar
from tests.index.small_indexes import ESSENTIAL, Part, World, small, worlds

GROUPED = [
    type.number for type in (TECHNICAL_COMPETENCE, SKILL, KNOWLEDGE, BEHAVIOURAL_INDICATOR, SOFT_SKILL, DIGITAL_SKILL)
]


def needs(world: World, profile: int) -> dict[Part, int]:
    """What a profile needs, with its weight."""
    results = {(SOFT_SKILL.number, position): 1 for position in world.soft[profile]}
    results |= {(DIGITAL_SKILL.number, position): 1 for position in world.digital[profile]}
    for competence, role in world.roles[profile].items():
        weight = 2 if role is ESSENTIAL else 1
        for part in ((TECHNICAL_COMPETENCE.number, competence), *world.blocks[competence]):
            results[part] = max(weight, results.get(part, 0))
    return results


def weights(world: World, profile: int, basis: ConceptType = TECHNICAL_COMPETENCE) -> dict[Part, int]:
    return {part: weight for part, weight in needs(world, profile).items() if part[0] == basis.number}


def groups(world: World, parts: Iterable[Part]) -> Groups:
    ordered = sorted(parts)
    return Groups(tuple(world.n[part] for part in ordered if part[0] == concept_type) for concept_type in GROUPED)


def numbered(world: World) -> list[int]:
    return [world.n[OCCUPATIONAL_PROFILE.number, position] for position in range(len(world.roles))]


@pytest.mark.slow
@given(worlds())
def test_a_gap_equals_brute_force_counting(world: World) -> None:
    with small() as index:
        connection = world.write(index)
        for start, n in enumerate(numbered(world)):
            for goal, m in enumerate(numbered(world)):
                has, needed = needs(world, start), needs(world, goal)
                total = sum(weights(world, goal).values())
                covered = sum(weight for part, weight in weights(world, goal).items() if part in has)
                assert gap(connection, n, m) == Gap(
                    float(Fraction(covered, total)) if total else 1.0,
                    groups(world, has.keys() & needed.keys()),
                    groups(world, needed.keys() - has.keys()),
                    groups(world, has.keys() - needed.keys()),
                )


@pytest.mark.slow
@given(worlds(), st.integers(0, 6))
def test_similar_profiles_equal_brute_force_counting_in_order(world: World, most: int) -> None:
    with small() as index:
        connection = world.write(index)
        for profile, n in enumerate(numbered(world)):
            expected = similar_by(world, profile, TECHNICAL_COMPETENCE) or similar_by(world, profile, SKILL)
            assert similar(connection, n, most) == expected[:most]


def similar_by(world: World, profile: int, basis: ConceptType) -> list[Similar]:
    own = weights(world, profile, basis)
    expected = []
    for other, m in enumerate(numbered(world)):
        theirs = weights(world, other, basis)
        shared = own.keys() & theirs.keys()
        if other != profile and shared:
            either = own.keys() | theirs.keys()
            score = Fraction(
                sum(min(own.get(part, 0), theirs.get(part, 0)) for part in either),
                sum(max(own.get(part, 0), theirs.get(part, 0)) for part in either),
            )
            evidence = sorted(shared, key=lambda part: (-min(own[part], theirs[part]), part))
            result = Similar(m, float(score), basis, tuple(world.n[part] for part in evidence))
            expected.append((-score, other, result))
    return [result for *_, result in sorted(expected)]


@pytest.mark.slow
@given(worlds(), st.integers(0, 6))
def test_career_paths_equal_brute_force_counting_in_order(world: World, most: int) -> None:
    with small() as index:
        connection = world.write(index)
        profiles = numbered(world)
        for start, n in enumerate(profiles):
            for goal, m in enumerate(profiles):
                between = [
                    other
                    for other in range(len(profiles))
                    if other not in (start, goal)
                    and all(weights(world, other).keys() & weights(world, end).keys() for end in (start, goal))
                ]
                stops = [[start, goal], *([start, other, goal] for other in between)] if start != goal else [[start]]
                expected = sorted(
                    (sum(1 - coverage(world, a, b) for a, b in pairwise(path)), len(path), path) for path in stops
                )
                paths = career_paths(connection, n, m, most)
                assert [
                    (path.effort, [(step.start, step.goal, step.gap) for step in path.steps]) for path in paths
                ] == [
                    (
                        float(effort),
                        [
                            (profiles[a], profiles[b], gap(connection, profiles[a], profiles[b]))
                            for a, b in pairwise(path)
                        ],
                    )
                    for effort, _, path in expected[:most]
                ]


def coverage(world: World, start: int, goal: int) -> Fraction:
    has, needed = weights(world, start), weights(world, goal)
    got = sum(weight for part, weight in needed.items() if part in has)
    return Fraction(got, sum(needed.values())) if needed else Fraction(1)


@pytest.mark.slow
@given(worlds(), st.data())
def test_matches_equal_brute_force_counting_in_order(world: World, data: st.DataObject) -> None:
    with small() as index:
        connection = world.write(index)
        have = data.draw(st.sets(st.sampled_from(sorted(world.shuffled)), max_size=6))
        start, stop = sorted(data.draw(st.tuples(st.integers(0, 6), st.integers(0, 6))))
        expected = counted_matches(world, have)
        matched = matches(connection, {world.n[part] for part in have}, lambda _: (start, stop))
        assert matched == (expected[start:stop], len(expected))


def counted_matches(world: World, have: set[Part]) -> list[Match]:
    direct = {part for part in have if part[0] in {type.number for type in HAVE}}
    kinds = {concept_type for concept_type, _ in direct}
    had = direct.union(
        *(world.blocks[position] for concept_type, position in direct if concept_type == TECHNICAL_COMPETENCE.number)
    )
    results = []
    for profile, n in enumerate(numbered(world)):
        needed = needs(world, profile)
        got = sum(weight for part, weight in needed.items() if part[0] in kinds and part in had)
        if got:
            coverage = Fraction(got, sum(weight for part, weight in needed.items() if part[0] in kinds))
            match = Match(n, float(coverage), groups(world, needed.keys() & had), groups(world, needed.keys() - had))
            results.append((-coverage, -got, profile, match))
    return [match for *_, match in sorted(results)]


def test_gap_coverage_weighs_by_the_goal_and_accepts_either_role() -> None:
    with small() as index:
        one, two, three = (index.competence(f"CP-{n}") for n in (1, 2, 3))
        start = index.profile("OP-1", optional=[one], essential=[three])
        goal = index.profile("OP-2", essential=[one], optional=[two])
        empty = index.profile("OP-3")
        connection = index.finish()
        assert gap(connection, start, goal).coverage == 2 / 3
        assert gap(connection, goal, start).coverage == 1 / 3
        assert gap(connection, start, empty).coverage == 1.0
        assert gap(connection, empty, start).coverage == 0.0


def test_competences_essential_in_both_profiles_are_listed_first() -> None:
    with small() as index:
        one, two, three = (index.competence(f"CP-{n}") for n in (1, 2, 3))
        profile = index.profile("OP-1", essential=[one, three], optional=[two])
        other = index.profile("OP-2", essential=[three, two], optional=[one])
        connection = index.finish()
        assert similar(connection, profile, 5) == [Similar(other, 4 / 6, TECHNICAL_COMPETENCE, (three, one, two))]


def test_equally_covered_profiles_are_ordered_by_weight_then_position() -> None:
    with small() as index:
        own = index.competence("CP-1")
        others = [index.competence(f"CP-{n}") for n in range(2, 8)]
        last = index.profile("OP-4", optional=[own, others[2]])
        wide = index.profile("OP-3", essential=[own, others[0]])
        narrow = index.profile("OP-2", optional=[own, others[1]])
        complete = index.profile("OP-5", optional=[own])
        connection = index.finish()
        result, total = matches(connection, [own], lambda _: (0, 10))
        ranking = [(match.profile, match.coverage) for match in result]
        assert ranking == [(complete, 1.0), (wide, 0.5), (narrow, 0.5), (last, 0.5)]
        assert total == 4
        result, total = matches(connection, [own], lambda _: (1, 3))
        assert ([match.profile for match in result], total) == ([wide, narrow], 4)


def test_without_a_common_competence_profiles_are_compared_by_skills() -> None:
    with small() as index:
        weld, cut, paint = (index.thing(SKILL, code) for code in ("SK-1", "SK-2", "SK-3"))
        mine = [index.competence("CP-1", [weld]), index.competence("CP-2", [cut])]
        profile = index.profile("OP-1", essential=mine[:1], optional=mine[1:])
        near = index.profile("OP-2", essential=[index.competence("CP-3", [weld])])
        far = index.profile("OP-3", optional=[index.competence("CP-4", [cut]), index.competence("CP-5", [paint])])
        index.profile("OP-4", essential=[index.competence("CP-6", [index.thing(SKILL, "SK-4")])])
        connection = index.finish()
        assert similar(connection, profile, 5) == [
            Similar(near, 2 / 3, SKILL, (weld,)),
            Similar(far, 1 / 4, SKILL, (cut,)),
        ]


def test_one_common_competence_is_enough_to_compare_by_competences() -> None:
    with small() as index:
        weld = index.thing(SKILL, "SK-1")
        mine, theirs = index.competence("CP-1", [weld]), index.competence("CP-2", [weld])
        profile = index.profile("OP-1", essential=[mine])
        near = index.profile("OP-2", optional=[mine])
        index.profile("OP-3", essential=[theirs])
        connection = index.finish()
        assert similar(connection, profile, 5) == [Similar(near, 1 / 2, TECHNICAL_COMPETENCE, (mine,))]


def test_equally_similar_profiles_are_ordered_by_position() -> None:
    with small() as index:
        one, two = index.competence("CP-1"), index.competence("CP-2")
        third = index.profile("OP-3", optional=[one])
        profile = index.profile("OP-9", essential=[one], optional=[two])
        second = index.profile("OP-2", optional=[two])
        first = index.profile("OP-1", essential=[one])
        connection = index.finish()
        ranking = [(item.profile, item.score) for item in similar(connection, profile, 5)]
        assert ranking == [(first, 2 / 3), (second, 1 / 3), (third, 1 / 3)]
        assert [item.profile for item in similar(connection, profile, 2)] == [first, second]


def test_a_competence_counts_for_its_skill_only_if_skills_are_given() -> None:
    with small() as index:
        weld, cut = index.thing(SKILL, "SK-1"), index.thing(SKILL, "SK-2")
        mine, theirs = index.competence("CP-1", [weld]), index.competence("CP-2", [weld])
        cutting = index.competence("CP-3", [cut])
        same = index.profile("OP-1", essential=[mine])
        like = index.profile("OP-2", essential=[theirs], optional=[cutting])
        connection = index.finish()
        result, _ = matches(connection, [mine], lambda _: (0, 10))
        assert [(match.profile, match.coverage) for match in result] == [(same, 1.0)]
        result, _ = matches(connection, [mine, cut], lambda _: (0, 10))
        assert [(match.profile, match.coverage) for match in result] == [(same, 1.0), (like, 3 / 6)]
        assert result[1].matched == Groups(((), (weld, cut), (), (), (), ()))
        assert result[1].missing == Groups(((theirs, cutting), (), (), (), (), ()))


def test_no_concepts_match_no_profiles() -> None:
    with small() as index:
        index.profile("OP-1", essential=[index.competence("CP-1")])
        connection = index.finish()
        assert matches(connection, [], lambda _: (0, 10)) == matches(connection, [999], lambda _: (0, 10)) == ([], 0)
