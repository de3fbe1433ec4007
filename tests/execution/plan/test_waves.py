"""What a plan asks upstream, and when: a level at a time, all siblings at once, and nothing that is at hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from graphql.execution.values import VariableValues

from graphql_api.execution.plan import Run, steps
from graphql_api.execution.plan.plan import Asked, Field, Fields, Plan
from graphql_api.execution.plan.planned import _GAVE_UP, _PLANNED, _UNPLANNED
from graphql_api.sandbox import Releases
from graphql_api.schema.time_slices import TIME_SLICE, RoundRobin, TimeSlice
from graphql_api.settings import Settings
from tests.conftest import Server, counting_turns, running

NESTED = """query ($code: String!) { occupationalProfile(code: $code) { code essentialCompetences {
    code knowledgeItems { description { text } } behaviouralIndicators { code description { text(languages: [FR]) } } } } }"""


@pytest.fixture
async def unindexed(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server without an index, also of another test's: its whole way leads over documents."""
    async with running(releases, replace(settings, index="off", cache_dir=tmp_path)) as started:
        yield started


def runs() -> tuple[int, int, int]:
    return _PLANNED.count, _GAVE_UP.count, _UNPLANNED.count


async def code_of_a_profile(server: Server) -> str:
    data = await server.ask("{ occupationalProfiles(first: 1) { nodes { code } } }")
    code: str = data["occupationalProfiles"]["nodes"][0]["code"]
    server.upstream_paths()
    return code


async def test_a_nested_question_is_planned_and_asks_each_document_once(unindexed: Server) -> None:
    code = await code_of_a_profile(unindexed)
    before = runs()
    data = await unindexed.ask(NESTED, {"code": code})

    asked = unindexed.upstream_paths()
    competences = data["occupationalProfile"]["essentialCompetences"]
    assert len(asked) == len(set(asked)) == 1 + len(competences)
    assert runs() == (before[0] + 1, *before[1:])

    assert await unindexed.ask(NESTED, {"code": code}) == data
    assert unindexed.upstream_paths() == []
    assert runs() == (before[0] + 2, *before[1:])


async def test_two_fields_that_wait_for_the_same_document_are_planned(unindexed: Server) -> None:
    code = await code_of_a_profile(unindexed)
    before = runs()
    data = await unindexed.ask(
        f'{{ a: occupationalProfile(code: "{code}") {{ description {{ nl }} }} '
        f'b: occupationalProfile(code: "{code}") {{ workingContext {{ nl }} description {{ nl }} }} }}'
    )

    assert data["a"]["description"] == data["b"]["description"] is not None
    assert len(unindexed.upstream_paths()) == 1
    assert runs() == (before[0] + 1, *before[1:])


async def test_what_fails_is_told_by_graphql_core_and_asks_nothing_twice(unindexed: Server) -> None:
    code = await code_of_a_profile(unindexed)
    before = runs()
    query = f'{{ occupationalProfile(code: "{code}") {{ description {{ nl }} }} skills {{ totalCount }} }}'
    answer = (await unindexed.post(query)).json()

    assert answer["data"]["occupationalProfile"]["description"]["nl"]
    assert [error["path"] for error in answer["errors"]] == [["skills"]]
    asked = unindexed.upstream_paths()
    assert len(asked) == len(set(asked))
    assert runs() == (before[0], before[1] + 1, before[2])


async def test_a_long_list_lets_others_run_and_comes_out_the_same() -> None:
    looks = count()  # each takes a third of a time slice
    time_slice = TimeSlice(RoundRobin(lambda: next(looks) * TIME_SLICE / 3))
    run = Run(SimpleNamespace(loaders=None, languages=()), VariableValues({}, {}), None, time_slice)
    inner = steps.items_in_turns(lambda value, run: value * 2)
    async with counting_turns() as turns:
        made = steps.items_in_turns(inner)([list(range(10)) for _ in range(10)], run)
        assert run.waits
        await run.finish()

    assert made == [[2 * each for each in range(10)]] * 10
    assert not run.failed
    assert turns.count >= 100 / 3


async def test_the_root_fields_that_a_time_slice_does_not_reach_wait_for_the_next() -> None:
    looks = count()
    time_slice = TimeSlice(RoundRobin(lambda: next(looks) * TIME_SLICE))
    run = Run(SimpleNamespace(loaders=None, languages=()), VariableValues({}, {}), None, time_slice)
    fields = [Field(key, steps.constant(key), Asked.of(key, (), frozenset(), False, 1)) for key in "abcde"]
    Plan(Fields("Query", fields)).begin(run)
    assert run.waits
    await run.finish()

    assert list(run.data.items()) == [(key, key) for key in "abcde"]
    assert not run.failed


async def test_a_run_whose_deadline_is_over_leaves_the_operation_to_graphql_core() -> None:
    looks = count()
    time_slice = TimeSlice(RoundRobin(lambda: next(looks) * TIME_SLICE), asyncio.get_running_loop().time())
    run = Run(SimpleNamespace(loaders=None, languages=()), VariableValues({}, {}), None, time_slice)
    steps.items_in_turns(lambda value, run: value)(list(range(10)), run)
    await run.finish()
    run.abandon()

    assert run.failed


@pytest.mark.parametrize(
    "query",
    ["{ __schema { queryType { name } } }", '{ node(id: "x") { __typename } __type(name: "Skill") { name } }'],
)
async def test_introspection_has_no_plan(server: Server, query: str) -> None:
    before = runs()
    await server.post(query)

    assert runs() == (*before[:2], before[2] + 1)


async def test_without_plans_none_is_made(releases: Releases, settings: Settings) -> None:
    before = runs()
    async with running(releases, replace(settings, compiled_queries="off")) as server:
        await server.ask("{ release { number } }")

    assert runs() == before
