"""The fast path serves only responses that are fresh, in memory and of the current release."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider

from graphql_api.http.admission.loop_budget import PASS_SECONDS
from graphql_api.observability import tracing
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.server.fast_path.handler import SKIP_AFTER_MISS
from graphql_api.server.protocol import Unanswered
from graphql_api.settings import Settings
from tests.conftest import CP_7
from tests.http.graphql.test_response_cache import DAY, Moving
from tests.server.fast_path.memory_transport import Answer, post
from tests.server.fast_path.requests import CP, CURRENT, LISTED, PINNED, PLAIN, get
from tests.server.fast_path.two_connections import Both, both


@pytest.fixture(params=["answers", "documents"])
async def moving_connections(
    request: pytest.FixtureRequest, releases: Releases, settings: Settings
) -> AsyncIterator[Both]:
    """A server whose clock is moved by hand and whose upstream changes; with a response cache, and with documents alone."""
    rooms = {"documents": {"response_cache_bytes": 0}}.get(request.param, {})
    server = Moving(releases, replace(settings, index="off", **rooms))
    async with both(server) as pair:
        yield pair


def server_with_clock(two: Both) -> Moving:
    assert isinstance(two.server, Moving)
    return two.server


async def test_a_stale_document_skips_the_fast_path_until_it_is_revalidated(moving_connections: Both) -> None:
    server = server_with_clock(moving_connections)
    assert (await moving_connections.ask_repeated(PLAIN))[1]
    server.change = lambda path, document: document | {"code": "CP-new"} if path.endswith(CP_7) else document
    server.now += 31 * DAY
    server.upstream_paths()

    stale, never = await moving_connections.fast.ask_fast(PLAIN)
    await server.wait_for_revalidation()
    renewed, fast = await moving_connections.ask_repeated(PLAIN)

    assert (never, fast) == (False, True)
    assert stale.json["data"]["technicalCompetence"]["code"] == "CP-7"
    assert stale.json["extensions"]["upstream"]["stale"] > 0
    assert stale.field("cache-control") == "no-store"
    assert renewed.json["data"]["technicalCompetence"]["code"] == "CP-new"
    assert len([path for path in server.upstream_paths() if path.endswith(CP_7)]) == 1


async def test_a_miss_on_the_fast_path_starts_no_work(moving_connections: Both) -> None:
    server = server_with_clock(moving_connections)
    vain = [
        PLAIN,
        post(CURRENT, CP),
        post(LISTED, {"first": 30}),
        post('{ occupationalProfile(code: "OP-101", release: "3.11") { code } }'),
        post(
            f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ usedInOccupationalProfiles {{ totalCount }} }} }}'
        ),
    ]
    for item in vain:
        await moving_connections.ask_uncached(item)
    server.now += 31 * DAY  # all of it is stale
    server.upstream_paths()
    before = asyncio.all_tasks()
    await asyncio.sleep(0)

    responses = [moving_connections.fast_path.respond(item, ()) for item in vain]

    assert responses == [Unanswered.DECLINED] * len(vain)
    for _ in range(5):
        assert asyncio.all_tasks() == before
        await asyncio.sleep(0)
    assert server.upstream_paths() == []


async def test_a_conditional_request_gets_the_new_response_once_data_changes(moving_connections: Both) -> None:
    server = server_with_clock(moving_connections)
    held, _ = await moving_connections.ask_repeated(get(PINNED, CP))
    sent = get(PINNED, CP, If_None_Match=held.field("etag"))
    unchanged, fast = await moving_connections.ask_repeated(sent)
    server.change = lambda path, document: document | {"code": "CP-new"} if path.endswith(CP_7) else document
    server.now += 38 * DAY

    changed, was_fast = await moving_connections.ask_repeated(sent)

    assert (unchanged.status, fast, changed.status, was_fast) == (304, True, 200, True)
    assert changed.json["data"]["technicalCompetence"]["code"] == "CP-new"
    assert changed.field("etag") not in (None, held.field("etag"))


async def test_fast_responses_cause_no_revalidation_and_no_call(moving_connections: Both) -> None:
    await moving_connections.ask_uncached(PLAIN)
    server_with_clock(moving_connections).upstream_paths()

    for _ in range(5):
        assert (await moving_connections.ask(PLAIN))[1]
    await server_with_clock(moving_connections).wait_for_revalidation()

    assert server_with_clock(moving_connections).upstream_paths() == []


async def test_a_new_release_invalidates_fast_responses_of_current(
    moving_connections: Both, releases: Releases
) -> None:
    server, sent = server_with_clock(moving_connections), post(CURRENT, CP)
    newer, server.sandbox = (
        server.sandbox,
        create_sandbox(Releases(release for release in releases if release.number == "3.10")),
    )
    before, fast = await moving_connections.ask_repeated(sent)
    server.sandbox = newer
    within = await moving_connections.ask(sent)
    server.now += 301
    stale, never = await moving_connections.fast.ask_fast(sent)
    await server.wait_for_revalidation()
    after, was_fast = await moving_connections.ask_repeated(sent)

    assert (fast, within[1], never, was_fast) == (True, True, False, True)
    assert [number(item) for item in (before, within[0], stale, after)] == ["3.10", "3.10", "3.10", "3.11"]
    assert before.field("cache-control") == after.field("cache-control") == "public, max-age=60"


def number(answer: Answer) -> str:
    return str(answer.json["data"]["technicalCompetence"]["release"]["number"])


async def test_an_evicted_document_is_fetched_again(moving_connections: Both) -> None:
    server = server_with_clock(moving_connections)
    assert (await moving_connections.ask_repeated(PLAIN))[1]
    for path in tuple(server.app.state.services.store._memory):
        server.app.state.services.store._memory.drop(path)
    server.upstream_paths()

    answer, fast = await moving_connections.fast.ask_fast(PLAIN)

    assert not fast
    assert any(path.endswith(CP_7) for path in server.upstream_paths())
    assert answer.json["data"]["technicalCompetence"]["code"] == "CP-7"
    assert (await moving_connections.ask_repeated(PLAIN))[1]


async def test_the_fast_path_is_skipped_while_tracing(two: Both) -> None:
    assert (await two.ask_repeated(PLAIN))[1]
    provider = TracerProvider(shutdown_on_exit=False)
    tracing.use(tracing.Tracing(provider))
    try:
        _, fast = await two.ask(PLAIN)
    finally:
        tracing.use(None)
        provider.shutdown()

    assert not fast
    assert (await two.ask(PLAIN))[1]


async def test_fast_responses_are_limited_to_a_time_budget_per_loop_pass(two: Both) -> None:
    """The remaining requests take the ASGI path in turn with other tasks."""
    assert (await two.ask_repeated(PLAIN))[1]
    loop_budget = two.fast_path._loop_budget
    loop_budget.max_fast_path_seconds = PASS_SECONDS / 2
    loop_budget._cpu_start, loop_budget._cpu_clock = 0.0, itertools.count(1.0).__next__
    lines = [two.line() for _ in range(3)]
    lines[0].send(PLAIN)
    loop_budget.spend(PASS_SECONDS / 2)
    for line in lines[1:]:
        line.send(PLAIN)

    answers = [await line.answer() for line in lines]

    assert [item.spy.served[-1] for item in lines if item.spy] == [True, False, False]
    assert len({answer.body for answer in answers}) == 1
    assert (await two.ask(PLAIN))[1]


async def test_only_processor_time_counts_in_the_time_budget(two: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await two.ask_repeated(PLAIN))[1]
    two.fast_path.max_seconds = two.fast_path._loop_budget.max_fast_path_seconds = 5.0
    seconds = itertools.count(step=10.0)
    monkeypatch.setattr("graphql_api.server.fast_path.handler.perf_counter", lambda: next(seconds))
    lines = [two.line() for _ in range(3)]
    for line in lines:
        line.send(PLAIN)
    for line in lines:
        await line.answer()

    assert [line.spy.served[-1] for line in lines if line.spy] == [True] * 3


async def test_a_request_that_is_slow_twice_skips_the_fast_path_for_a_while(two: Both) -> None:
    """By the clock first, as reading it is cheap, and then by processor time."""
    await two.ask_uncached(PLAIN)
    two.fast_path.max_seconds = 0.0
    ways = [(await two.fast.ask_fast(PLAIN))[1] for _ in range(SKIP_AFTER_MISS + 3)]

    assert ways == [True, True, *[False] * SKIP_AFTER_MISS, True]


async def test_a_request_that_was_interrupted_stays_on_the_fast_path(
    two: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two.ask_uncached(PLAIN)
    two.fast_path.max_seconds = 5.0
    seconds = itertools.count(step=10.0)
    monkeypatch.setattr("graphql_api.server.fast_path.handler.perf_counter", lambda: next(seconds))

    assert [(await two.fast.ask_fast(PLAIN))[1] for _ in range(4)] == [True] * 4
