"""The fast path and the ASGI path send the same bytes, and count and log the same, for all requests and settings.

Each case says which path it takes.
"""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from graphql_api.sandbox import Fault, Releases
from graphql_api.server.protocol import Unanswered
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server
from tests.server.fast_path.conftest import Made
from tests.server.fast_path.memory_transport import post, request
from tests.server.fast_path.requests import (
    CP,
    CURRENT,
    FAST,
    KINDS,
    LISTED,
    LONG,
    LOOKED_UP,
    PINNED,
    PLAIN,
    get,
    hashed,
)
from tests.server.fast_path.two_connections import Both, counts

pytestmark = pytest.mark.slow


async def differences_of(two: Both, cases: dict[str, bytes], fast: bool) -> list[str]:
    """The differences from the expectation, by case."""
    results = []
    for name, sent in cases.items():
        try:
            answer, was_fast = await two.ask_repeated(sent)
        except AssertionError as error:
            results.append(f"{name}: {error}")
        else:
            if was_fast != fast or (fast and (answer.status != 200 or list(answer.json) != ["data"])):
                results.append(f"{name}: {'fast' if was_fast else 'long'} {answer}")
    return results


async def test_cached_documents_are_served_on_the_fast_path_with_equal_responses(two: Both) -> None:
    assert await differences_of(two, FAST, fast=True) == []


SEVERAL = """query Several($uuid: UUID!) {
  a: technicalCompetence(uuid: $uuid, release: "3.11") { code }
  release(number: "3.11") { number }
  b: technicalCompetence(uuid: $uuid, release: "3.11") { code skill { description { text } } }
}"""


async def test_responses_joined_from_cached_fragments_are_equal(made: Made) -> None:
    several = {f"several {item}": post(SEVERAL, CP, Accept_Language=item) for item in ("nl", "fr", "nl")}
    async with made(response_cache_bytes=0) as two:
        assert await differences_of(two, FAST | several, fast=True) == []
        answer, _ = await two.ask_repeated(post(SEVERAL, CP))

    assert list(answer.json["data"]) == ["a", "release", "b"]
    assert answer.json["data"]["b"]["code"] == "CP-7"


async def test_all_other_requests_skip_the_fast_path_with_equal_responses(two: Both) -> None:
    await two.ask_uncached(get("{ __typename }"))
    assert (await two.ask_repeated(PLAIN))[1]  # something is known, and with nearly the same head

    assert await differences_of(two, LONG, fast=False) == []


async def test_a_miss_on_the_fast_path_is_counted_and_logged_once(two: Both) -> None:
    """Also when repeated, although the fast path skips some requests after a miss."""
    for name in ("introspection", "a bad id beside what is well", "a search", "a variable that does not fit"):
        differences = []
        await two.ask_uncached(LONG[name])
        for line in (two.fast, two.long):
            two.take_lines()
            before = counts()
            for _ in range(12):
                await line.ask(LONG[name])
            differences.append((two.take_lines(), counts() - before))

        assert differences[0] == differences[1]


async def test_the_fast_path_starts_no_index_lookup(made: Made) -> None:
    """Of two sets requested by the same document, only one was looked up before."""
    query = """query ($uuid: UUID!) { competenceSet(uuid: $uuid, release: "3.11") { skills { code } } }"""
    async with made(response_cache_bytes=0) as two:
        await two.server.app.state.services.indexes.ready("3.11")
        listed = '{ competenceSets(release: "3.11") { uuid } }'
        sets = (await two.ask_uncached(post(listed))).json["data"]["competenceSets"]
        cached, unknown = (post(query, {"uuid": one["uuid"]}) for one in sets[:2])
        assert (await two.ask_repeated(cached))[1]
        before = asyncio.all_tasks()

        assert two.fast_path.respond(unknown, ()) is Unanswered.DECLINED
        for _ in range(5):
            assert asyncio.all_tasks() == before
            await asyncio.sleep(0)

        assert (await two.ask_repeated(unknown))[1]


async def test_cached_index_lookups_are_served_on_the_fast_path(two: Both) -> None:
    await two.server.app.state.services.indexes.ready("3.11")

    assert await differences_of(two, LOOKED_UP, fast=True) == []


SETTINGS: dict[str, dict[str, Any]] = {
    "no response cache": {"response_cache_bytes": 0},
    "little room": {"response_cache_bytes": 20_000},
    "the statuses of 2026": {"status_policy": "2026"},
    "texts are logged": {"log_documents": "on"},
    "current data must be revalidated": {"current_max_age": 0.0},
    "all data must be revalidated": {"current_max_age": 0.0, "release_max_age": 0.0},
    "a subgraph": {"federation": "on"},
    "incremental delivery": {"incremental": "on"},
    "no introspection": {"introspection": "off"},
    "no automatic queries": {"apq_documents": 0},
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
async def test_responses_are_equal_under_any_settings(made: Made, changes: dict[str, Any]) -> None:
    async with made(**changes) as two:
        ways = [(await two.ask_repeated(item))[1] for item in KINDS]

    assert ways == [True, True, True, True, True, False, False]


async def test_the_fast_path_works_below_a_path_prefix(made: Made) -> None:
    async with made(root_path="/competent/") as two:
        ways = [
            (await two.ask_repeated(post(PINNED, CP, line=f"POST {path} HTTP/1.1")))[1]
            for path in ("/competent/graphql", "/competent/graphql/", "/graphql", "/other/graphql", "/competent")
        ]

    assert ways == [True, True, True, False, False]


async def test_without_compiled_queries_the_fast_path_is_never_used(made: Made) -> None:
    async with made(compiled_queries="off") as two:
        ways = [(await two.ask_repeated(item))[1] for item in KINDS]

    assert not any(ways)


async def test_the_setting_off_removes_the_fast_path(releases: Releases, settings: Settings) -> None:
    app = Server(releases, replace(settings, fast_path="off").checked()).app
    async with app.router.lifespan_context(app) as state:
        assert "fast_path" not in (state or {})


@pytest.mark.parametrize("origins", ["https://a.example,https://b.example", "*"])
async def test_cors_headers_are_equal_on_both_paths(made: Made, origins: str) -> None:
    async with made(cors_origins=origins) as two:
        for origin in ("https://a.example", "https://b.example", "https://evil.example", None):
            fields: dict[str, str | None]
            for fields in ({"Origin": origin}, {"Origin": origin, "Cookie": "a=b"}):
                long = {"Accept_Encoding": "gzip"} | fields
                allowed = origin is not None and (origins == "*" or "evil" not in origin)
                for sent in (
                    post(PINNED, CP, **fields),
                    post(LISTED, {"first": 30}, **long),
                    get(PINNED, CP, **fields),
                ):
                    answer, fast = await two.ask_repeated(sent)

                    assert fast
                    assert (answer.field("access-control-allow-origin") is not None) == allowed


async def test_a_matching_etag_gets_304_on_both_paths(two: Both) -> None:
    for fields in ({}, {"Accept_Encoding": "gzip"}):
        for query, variables in ((PINNED, CP), (LISTED, {"first": 30})):
            answer, _ = await two.ask_repeated(get(query, variables, **fields))
            for tag in (answer.field("etag"), "*", f'W/"x", {answer.field("etag")}'):
                held, fast = await two.ask_repeated(get(query, variables, If_None_Match=tag, **fields))
                assert (held.status, held.body, fast) == (304, b"", True)
            other, fast = await two.ask_repeated(get(query, variables, If_None_Match='W/"x"', **fields))
            assert (other.status, fast) == (200, True)


async def test_a_valid_request_id_is_echoed_and_others_are_generated(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    sent = (PLAIN, post(PINNED, CP, X_Request_ID="mine-1"), post(PINNED, CP, X_Request_ID="mine 1"), PLAIN)

    ids = [(await line.ask(item)).request_id for item in sent for line in (two.fast, two.fast, two.long)]

    assert ids[3:6] == ["mine-1"] * 3
    others = [*ids[:3], *ids[6:]]
    assert len(set(others)) == len(others)
    assert all(re.fullmatch("[0-9a-f]{32}", other) for other in others)


async def test_a_fast_response_registers_its_persisted_query(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    alone = post(None, CP, hashed(PINNED))
    assert (await two.long.ask(alone)).codes == ["PERSISTED_QUERY_NOT_FOUND"]

    _, fast = await two.fast.ask_fast(post(PINNED, CP, hashed(PINNED)))

    assert fast
    assert (await two.ask(alone))[1]


async def test_a_registered_hash_is_served_on_the_fast_path(two: Both) -> None:
    await two.ask_uncached(post(PINNED, CP, hashed(PINNED)))

    answer, fast = await two.ask_repeated(post(None, CP, hashed(PINNED)))

    assert fast
    assert answer.json["data"]["technicalCompetence"]["code"] == "CP-7"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"pinned": PINNED}))
    return file


@pytest.mark.parametrize("mode", ["allow", "only"])
async def test_trusted_documents_use_the_fast_path_and_others_only_if_allowed(
    made: Made, manifest: Path, mode: str
) -> None:
    async with made(persisted=(manifest,), persisted_mode=mode) as two:
        named, by_its_id = await two.ask_repeated(post(None, CP, {"documentId": "pinned"}))
        _, by_its_text = await two.ask_repeated(post(PINNED, CP))
        unknown, never = await two.ask_repeated(post(None, CP, {"documentId": "x"}))
        other, otherwise = await two.ask_repeated(post(CURRENT, CP))

    assert (by_its_id, by_its_text, never, otherwise) == (True, True, False, mode == "allow")
    assert named.json["data"]["technicalCompetence"]["code"] == "CP-7"
    assert unknown.codes == ["PERSISTED_QUERY_NOT_FOUND"]
    assert other.status == (200 if mode == "allow" else 403)


@pytest.mark.parametrize("most", [1_000, 200])
async def test_an_oversized_body_is_refused_even_if_its_response_is_cached(made: Made, most: int) -> None:
    small = orjson.dumps({"query": "{ __typename }"})
    large = small + b" " * most
    async with made(max_body_bytes=most) as two:
        _, fast = await two.ask_repeated(request(small + b" " * (most - len(small))))
        answer, never = await two.ask_repeated(request(large))

    assert (fast, never) == (True, False)
    assert answer.status == 413


async def test_cached_responses_stay_fast_while_upstream_fails(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    two.server.faults.add(Fault("**", "status", status=503))

    _, fast = await two.ask_repeated(PLAIN)
    failed = await two.fast.ask_fast(post(PINNED.replace("3.11", "3.10"), CP))

    assert fast
    assert not failed[1]
    assert failed[0].codes == ["UPSTREAM_UNAVAILABLE"]


async def test_field_errors_skip_the_fast_path_with_equal_responses(two: Both) -> None:
    answer, fast = await two.ask_repeated(
        post(f'{{ a: technicalCompetence(uuid: "{CP_7}") {{ code }} node(id: "x") {{ id }} }}')
    )

    assert not fast
    assert answer.json["data"]["a"] == {"code": "CP-7"}
    assert answer.codes == ["BAD_USER_INPUT"]
