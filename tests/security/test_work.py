"""No request blocks others: the work per event-loop iteration is bounded, counted in calls."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, Ticking, running
from tests.security import largest_requests
from tests.security.call_counter import Work
from tests.security.hostile_requests import FAMILIES, Hostile, asks

pytestmark = pytest.mark.slow

BOUND = 600_000
"""Calls: one parse and validation at the limits (410,000), or a time slice (200,000) and what it cannot interrupt."""

EXECUTED, PREPARED = dict(largest_requests.executed()), dict(largest_requests.prepared())


@pytest.fixture
async def server(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server with a ready index that has not seen the requests of these tests."""
    async with running(releases, replace(settings, operation_timeout=60.0)) as started:
        await started.ask("{ skills { totalCount } release { number } }")
        yield started


async def longest_iteration(server: Server, *requests: Hostile) -> int:
    """The longest event-loop iteration while these requests are processed together."""
    work = Work()
    with work.counted(server.app.state.scheduler):
        for response in await asyncio.gather(
            *(
                server.client.request(request.method, request.path, content=request.content, headers=request.headers)
                for request in requests
            )
        ):
            assert len(response.json().get("errors", ())) <= 21
    return work.longest


@pytest.mark.parametrize("name", EXECUTED)
async def test_a_long_operation_is_interrupted(server: Server, name: str) -> None:
    assert await longest_iteration(server, EXECUTED[name]) < BOUND


@pytest.mark.parametrize("field", ["usedInTechnicalCompetences", "usedInOccupationalProfiles"])
@pytest.mark.parametrize("of", ["nodes {{ {} }}", "edges {{ node {{ {} }} }}"])
async def test_a_list_with_an_index_query_per_item_is_interrupted(server: Server, field: str, of: str) -> None:
    selected = of.format(field + "(first: 1) { totalCount }")
    clock = server.app.state.scheduler.clock = Ticking()

    data = await server.ask(f"{{ skills(first: 200) {{ {selected} }} }}")

    assert len(next(iter(data["skills"].values()))) == 200
    assert clock.reads >= 200


@pytest.mark.parametrize("name", PREPARED)
async def test_a_document_at_the_limits_is_parsed_in_bounded_work(server: Server, name: str) -> None:
    assert await longest_iteration(server, PREPARED[name]) < BOUND


@pytest.mark.parametrize("family", ["breadth", "fragments", "tokens", "variables"])
async def test_a_hostile_request_is_refused_in_bounded_work(server: Server, family: str) -> None:
    assert [hostile for hostile in FAMILIES[family]() if await longest_iteration(server, hostile) >= BOUND] == []


@pytest.mark.parametrize("name", ["fields of one name", "99 aliases"])
async def test_each_loop_pass_parses_one_of_many_new_documents(server: Server, name: str) -> None:
    request = PREPARED[name]
    others = [
        replace(request, content=request.content.replace(b"{release{", b"{ " + b" " * n + b"release{"))
        for n in range(3)
    ]

    assert await longest_iteration(server, *others) < BOUND


async def test_simultaneous_introspections_share_the_event_loop(server: Server) -> None:
    query = "{__schema{" + largest_requests.INTROSPECTION + "}}" + largest_requests.TYPE

    assert await longest_iteration(server, *(asks(query + " " * n, "") for n in range(4))) < BOUND


async def test_long_operations_share_the_event_loop(server: Server) -> None:
    request = EXECUTED["5 pages of 500 skills"]
    await longest_iteration(server, request)

    assert await longest_iteration(server, *[request] * 6) < BOUND


async def test_an_execution_ends_at_its_deadline(releases: Releases, settings: Settings) -> None:
    async with running(releases, settings) as server:
        await server.ask("{ skills { totalCount } release { number } }")
        errors = await server.errors(
            "{ skills(first: 500) { nodes { usedInOccupationalProfiles(first: 30) { nodes { id } } } } }",
            X_Competent_Timeout="0.0001",
        )

    assert {error["extensions"]["code"] for error in errors} <= {"UPSTREAM_TIMEOUT", "NOT_INDEXED_YET"}


@pytest.mark.parametrize(
    "query",
    [
        "query ($ids: [ID!]!) { a: nodes(ids: $ids) { id } b: nodes(ids: $ids) { id } }",
        'query ($ids: [ID!]!) { nodes(ids: $ids) { id } skills(first: 230) { nodes { usedInTechnicalCompetences(after: "x") { totalCount } } } }',
    ],
)
async def test_errors_leave_few_reference_cycles(server: Server, query: str) -> None:
    await leaves_little(server, asks(query, "", {"ids": [f"bad{n}" for n in range(400)]}))


async def test_missing_documents_leave_few_reference_cycles(server: Server) -> None:
    await leaves_little(server, EXECUTED["2 lists of 500 nodes"])


async def leaves_little(server: Server, request: Hostile) -> None:
    await longest_iteration(server, request)

    gc.collect()
    gc.disable()
    try:
        await server.client.post("/graphql", content=request.content, headers=request.headers)
        left = gc.collect()
    finally:
        gc.enable()

    assert left < 600  # objects: about one for each error
