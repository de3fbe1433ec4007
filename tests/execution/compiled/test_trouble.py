"""Sequences of events: documents that change or hang, concurrent requests for one document, clients that disconnect."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from graphql_api.settings import Settings
from tests.execution.compiled.argument_values import SampleValues
from tests.execution.compiled.run_examples import OFF, ON, Bench
from tests.execution.compiled.scenarios import ALWAYS_EXPIRED, ALWAYS_STALE, SCENARIOS
from tests.execution.compiled.shared_upstream import Upstream
from tests.execution.compiled.two_servers import ClientRequest, Twin, Twins, twins
from tests.variants.mutated_sandbox import as_it_is

DEEP = """{ occupationalProfile(uuid: "UUID") { code title { nl fr } description { nl } lastModified alternativeNames { name language }
  essentialCompetences { code skill { code description { nl text } } knowledgeItems { code description { nl } }
    behaviouralIndicators { code description { nl } } usedInOccupationalProfiles { totalCount nodes { code title { nl } } } }
  softSkills { code description { nl } } economicSectors { code title { nl } } } }"""
"""A long response, with lists at several levels."""


def of_profile(bench: Bench, query: str = DEEP) -> ClientRequest:
    return ClientRequest(query.replace("UUID", bench.data.samples.uuids["OccupationalProfile"][0]))


def with_dutch_text(text: str, collection: str) -> Callable[[str, int, Any], tuple[int, Any]]:
    """Replace every Dutch text in documents of a collection."""

    def change(path: str, status: int, document: Any) -> tuple[int, Any]:
        if status == 200 and f"/{collection}/" in path:
            _say(document, text)
        return status, document

    return change


def _say(value: Any, text: str) -> None:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _say(item, text)
    if isinstance(value, dict) and isinstance(value.get("nl"), str):
        value["nl"] = text


async def response_of_both(pair: Twins, request: ClientRequest) -> str:
    """The body that both return; fails if they differ."""
    assert await pair.ask(request) == []
    assert pair.last is not None
    return pair.last.body.decode()


async def responses_around_changes(settings: Settings, bench: Bench, collection: str, settles: bool) -> list[str]:
    """The responses before a document changes, and two after each of two changes."""
    upstream = Upstream(bench.data.original)
    request, answers = of_profile(bench), []
    async with twins(replace(settings, **OFF), replace(settings, **ON), upstream, *bench.data.numbers) as pair:
        for change in (as_it_is, with_dutch_text("Nieuw.", collection), with_dutch_text("Nog nieuwer.", collection)):
            upstream.change = change
            if settles:
                await response_of_both(pair, request)  # the stale copy, which is revalidated
            answers += [await response_of_both(pair, request), await response_of_both(pair, request)]
    return answers


@pytest.mark.parametrize("collection", ["occupationalprofiles", "technicalcompetences"])
@pytest.mark.parametrize("lifetimes", [ALWAYS_EXPIRED, ALWAYS_STALE], ids=["expired", "stale"])
def test_a_changed_document_changes_the_response(bench: Bench, lifetimes: dict[str, Any], collection: str) -> None:
    settings = replace(bench.data.settings, **lifetimes)

    first, second, *after = bench.run(
        responses_around_changes(settings, bench, collection, settles=lifetimes is ALWAYS_STALE)
    )

    assert first == second
    assert "Nieuw." not in first
    assert [item.count("Nieuw.") > 0 for item in after] == [True, True, False, False]
    assert [item.count("Nog nieuwer.") > 0 for item in after] == [False, False, True, True]


async def while_one_hangs(bench: Bench, switch: dict[str, Any]) -> list[str]:
    """The upstream paths while one document hangs, one is missing, and one field fails before any request."""
    released, samples = asyncio.Event(), bench.data.samples
    hanging, refused = samples.uuids["TechnicalCompetence"][-2:]
    upstream = Upstream(bench.data.original, lambda path, *response: (404, {}) if refused in path else response)
    twin = Twin(replace(bench.data.settings, **switch), upstream.until(released, hanging))
    query = """{ a: technicalCompetence(uuid: "%s") { code } b: technicalCompetence(uuid: "%s") { code } bad: node(id: "x") { id }
      c: occupationalProfile(uuid: "%s") { title { nl } } }"""
    asking = asyncio.ensure_future(
        twin.ask(ClientRequest(query % (hanging, refused, samples.uuids["OccupationalProfile"][0])))
    )
    try:
        for _ in range(500):
            await asyncio.sleep(0)
        assert not asking.done()
        return sorted(twin.upstream_paths)
    finally:
        released.set()
        await asking
        await twin.services.aclose()


def test_an_immediate_failure_prevents_no_request_while_another_hangs(bench: Bench) -> None:
    without, with_plans = (bench.run(while_one_hangs(bench, item)) for item in (OFF, ON))

    assert len(without) == 4
    assert with_plans == without


async def concurrently(bench: Bench, switch: dict[str, Any], times: int) -> tuple[set[bytes], list[str]]:
    twin = Twin(replace(bench.data.settings, **switch), Upstream(bench.data.original))
    try:
        replies = await asyncio.gather(*(twin.ask(of_profile(bench)) for _ in range(times)))
        return {reply.body for reply in replies}, sorted(twin.upstream_paths)
    finally:
        await twin.services.aclose()


def test_concurrent_requests_share_one_upstream_call(bench: Bench) -> None:
    without, with_plans = (bench.run(concurrently(bench, item, 8)) for item in (OFF, ON))

    assert len(without[0]) == 1
    assert len(set(without[1])) == len(without[1]) > 3
    assert with_plans == without


async def after_a_cancellation(bench: Bench, switch: dict[str, Any]) -> tuple[bytes, list[str]]:
    """What the second of two clients gets if the first is cancelled while both wait for the same document."""
    released = asyncio.Event()
    upstream = Upstream(bench.data.original).until(released, "occupationalprofiles")
    twin = Twin(replace(bench.data.settings, **switch), upstream)
    try:
        leaving, staying = (asyncio.ensure_future(twin.ask(of_profile(bench))) for _ in range(2))
        for _ in range(200):
            await asyncio.sleep(0)
        leaving.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        released.set()
        return (await staying).body, sorted(twin.upstream_paths)
    finally:
        await asyncio.gather(leaving, return_exceptions=True)
        await twin.services.aclose()


def test_a_disconnected_client_does_not_affect_the_others(bench: Bench) -> None:
    without, with_plans = (bench.run(after_a_cancellation(bench, item)) for item in (OFF, ON))

    assert orjson.loads(without[0])["data"]["occupationalProfile"]["essentialCompetences"]
    assert with_plans == without


def test_compiled_queries_read_the_same_sample_values(bench: Bench) -> None:
    async def read() -> SampleValues:
        async with SCENARIOS[0].twins(bench.data, 0, OFF, ON) as (pair, _):
            return await SampleValues.of(pair.second)

    assert bench.run(read()) == bench.data.samples


def test_a_null_condition_logs_no_error(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    request = ClientRequest("query ($c: Boolean = true) { releases { id @include(if: $c) } }", {"c": None})

    bench.compare(SCENARIOS[0], 0, [request])

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
