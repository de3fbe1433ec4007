"""What a compiled query loads, and when: one batch per level, without documents in memory."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql.execution.values import VariableValues

from graphql_api.errors import OperationTimeout
from graphql_api.execution.compiled.execution import Execution
from graphql_api.execution.compiled.queries import COMPILED, FELL_BACK, NOT_COMPILED
from graphql_api.execution.compiled.variables import InputVariables
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.sandbox import Releases
from graphql_api.schema.time_slices import TIME_SLICE, RoundRobin
from graphql_api.settings import Settings
from tests.conftest import Server, counting_turns, running

NESTED = """query ($code: String!) { occupationalProfile(code: $code) { code essentialCompetences {
    code knowledgeItems { description { text } } behaviouralIndicators { code description { text(languages: [FR]) } } } } }"""


@pytest.fixture
async def server_without_index(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server without an index (of other tests either), so that it reads documents only."""
    async with running(releases, replace(settings, index="off", cache_dir=tmp_path)) as started:
        yield started


def runs() -> tuple[int, int, int]:
    return COMPILED.count, FELL_BACK.count, NOT_COMPILED.count


async def code_of_a_profile(server: Server) -> str:
    data = await server.ask("{ occupationalProfiles(first: 1) { nodes { code } } }")
    code: str = data["occupationalProfiles"]["nodes"][0]["code"]
    server.upstream_paths()
    return code


async def test_a_nested_query_is_compiled_and_loads_each_document_once(server_without_index: Server) -> None:
    code = await code_of_a_profile(server_without_index)
    before = runs()
    data = await server_without_index.ask(NESTED, {"code": code})

    paths = server_without_index.upstream_paths()
    competences = data["occupationalProfile"]["essentialCompetences"]
    assert len(paths) == len(set(paths)) == 1 + len(competences)
    assert runs() == (before[0] + 1, *before[1:])

    assert await server_without_index.ask(NESTED, {"code": code}) == data
    assert server_without_index.upstream_paths() == []
    assert runs() == (before[0] + 2, *before[1:])


async def test_two_fields_can_wait_for_the_same_document(server_without_index: Server) -> None:
    code = await code_of_a_profile(server_without_index)
    before = runs()
    data = await server_without_index.ask(
        f'{{ a: occupationalProfile(code: "{code}") {{ description {{ nl }} }} '
        f'b: occupationalProfile(code: "{code}") {{ workingContext {{ nl }} description {{ nl }} }} }}'
    )

    assert data["a"]["description"] == data["b"]["description"] is not None
    assert len(server_without_index.upstream_paths()) == 1
    assert runs() == (before[0] + 1, *before[1:])


async def test_a_failing_field_is_reported_by_graphql_core_and_loaded_once(server_without_index: Server) -> None:
    code = await code_of_a_profile(server_without_index)
    before = runs()
    query = f'{{ occupationalProfile(code: "{code}") {{ description {{ nl }} }} skills {{ totalCount }} }}'
    answer = (await server_without_index.post(query)).json()

    assert answer["data"]["occupationalProfile"]["description"]["nl"]
    assert [error["path"] for error in answer["errors"]] == [["skills"]]
    paths = server_without_index.upstream_paths()
    assert len(paths) == len(set(paths))
    assert runs() == (before[0], before[1] + 1, before[2])


def execution(build: Callable[[Execution], None], passed: float, deadline: float = math.inf) -> Execution:
    """An execution of a long operation, in which each look at the clock takes this share of a time slice."""
    looks = count()
    scheduler = RoundRobin(lambda: next(looks) * TIME_SLICE * passed)
    fetch_context = FetchContext(deadline=deadline)
    context: Any = SimpleNamespace(loaders=None, languages=(), scheduler=scheduler, fetch_context=fetch_context)
    return Execution(build, context, InputVariables({}, VariableValues({}, {})))


def doubled_lists(execution: Execution) -> None:
    lists = [list(range(10)) for _ in range(10)]
    execution.root(
        (("lists", lambda: execution.items(lists, lambda row: execution.items(row, lambda n: 2 * n, False), False)),)
    )


async def test_a_long_list_yields_to_the_event_loop_with_an_equal_result() -> None:
    long = execution(doubled_lists, passed=1 / 3)
    async with counting_turns() as turns:
        long.begin()
        assert long.waits
        await long.finish()

    assert long.data == {"lists": [[2 * number for number in range(10)]] * 10}
    assert long.failure is None
    assert turns.count >= 100 / 3


async def test_root_fields_after_the_time_slice_wait_for_the_next() -> None:
    long = execution(lambda it: it.root([(key, lambda key=key: key) for key in "abcde"]), passed=1)  # type: ignore[misc]
    long.begin()
    assert long.waits
    assert len(long.data) < 5
    await long.finish()

    assert list(long.data.items()) == [(key, key) for key in "abcde"]
    assert long.failure is None


async def test_an_execution_after_its_deadline_falls_back_to_graphql_core() -> None:
    late = execution(doubled_lists, passed=1, deadline=asyncio.get_running_loop().time())
    late.begin()
    await late.finish()
    late.abandon()

    assert isinstance(late.failure, OperationTimeout)


async def test_a_long_execution_yields_before_it_is_encoded() -> None:
    complete = execution(doubled_lists, passed=0, deadline=asyncio.get_running_loop().time())
    complete.begin()
    finishing = asyncio.ensure_future(complete.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    await finishing

    assert complete.is_complete  # even after the deadline


@pytest.mark.parametrize(
    "query",
    ["{ __schema { queryType { name } } }", '{ node(id: "x") { __typename } __type(name: "Skill") { name } }'],
)
async def test_introspection_is_not_compiled(server: Server, query: str) -> None:
    before = runs()
    await server.post(query)

    assert runs() == (*before[:2], before[2] + 1)


async def test_compiled_queries_can_be_turned_off(releases: Releases, settings: Settings) -> None:
    before = runs()
    async with running(releases, replace(settings, compiled_queries="off")) as server:
        await server.ask("{ release { number } }")

    assert runs() == before
