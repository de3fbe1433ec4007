"""The response cache: the same bytes, after the same checks, and never after a source has changed."""

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from graphql_api.execution.response_cache import CachedResponse
from graphql_api.http.auth.keys import Keys
from graphql_api.sandbox import Fault, Releases, create_sandbox
from graphql_api.schema.dependencies import Dependencies
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, alive, counted
from tests.http.graphql.test_cache_control import get

PINNED = (
    f'query A {{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ code skill {{ description {{ text }} }} }} }}'
)
CURRENT = f'query A {{ technicalCompetence(uuid: "{CP_7}") {{ id code release {{ number }} }} }}'
LISTED = """query ($first: Int!) { occupationalProfiles(release: "3.11", first: $first) {
  nodes { code title { nl fr en } essentialCompetences { code skill { description { nl fr } } } } } }"""
DAY = 86_400.0

Change = Callable[[str, Any], Any]


class Moving(Server):
    """A server whose clock is moved by hand, over an upstream whose documents may change."""

    def __init__(self, releases: Releases, settings: Settings) -> None:
        self.now = 1_800_000_000.0
        self.change: Change = lambda path, document: document
        super().__init__(releases, settings, lambda _: self._changed, lambda: self.now)

    async def _changed(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.sandbox(scope, receive, keep)
        start, body = messages[0], b"".join(item.get("body", b"") for item in messages[1:])
        if start["status"] == 200:
            body = orjson.dumps(self.change(scope["path"], orjson.loads(body)))
            start["headers"] = [header for header in start["headers"] if header[0] not in (b"content-length", b"etag")]
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def wait_for_revalidation(self) -> None:
        """Wait until stale documents are revalidated."""
        await self.app.state.services.store.wait_idle()


@asynccontextmanager
async def moving_server(releases: Releases, settings: Settings) -> AsyncIterator[Moving]:
    async with alive(Moving(releases, settings)) as started:
        yield started


@pytest.fixture
async def server(releases: Releases, settings: Settings) -> AsyncIterator[Moving]:
    async with moving_server(releases, settings) as started:
        yield started


def cache_hits() -> float:
    """The number of response cache hits so far."""
    return counted("competent_executions_total", executor="response-cache")


async def ask_again(server: Server, query: str, variables: Any = None, **headers: str) -> tuple[httpx.Response, float]:
    """The response once everything is cached, and the number of response cache hits for it: 1 or 0."""
    await server.post(query, variables, **headers)  # waits for documents
    await server.post(query, variables, **headers)  # finds them
    before = cache_hits()
    return await server.post(query, variables, **headers), cache_hits() - before


@pytest.mark.parametrize(("query", "variables"), [(PINNED, None), (CURRENT, None), (LISTED, {"first": 3})])
async def test_a_cached_response_has_the_same_headers_and_stats(
    server: Moving, query: str, variables: dict[str, Any] | None
) -> None:
    await server.post(query, variables)  # from here on everything is cached
    server.upstream_paths()
    messages = [await server.post(query, variables, x_competent_explain="1") for _ in range(2)]
    answers = [await server.post(query, variables, x_request_id="r") for _ in range(2)]

    assert cache_hits() >= 3
    assert messages[0].content == messages[1].content
    assert answers[0].content == answers[1].content
    assert answers[0].headers == answers[1].headers
    assert answers[0].json()["data"] == messages[0].json()["data"]
    assert server.upstream_paths() == []


async def test_responses_are_equal_with_and_without_the_cache(releases: Releases, settings: Settings) -> None:
    async with moving_server(releases, replace(settings, response_cache_bytes=0)) as without:
        plain, none = await ask_again(without, LISTED, {"first": 3})
    async with moving_server(releases, settings) as started:
        repeated, one = await ask_again(started, LISTED, {"first": 3})

    assert (none, one) == (0, 1)
    assert plain.content == repeated.content


async def test_requests_that_differ_have_separate_cache_entries(server: Moving) -> None:
    text = "query A($r: String!) { release(number: $r) { number } } query B($r: String!) { a: release(number: $r) { number } }"
    requests: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"query": text, "operationName": "A", "variables": {"r": "3.11"}}, {}),
        ({"query": text, "operationName": "B", "variables": {"r": "3.11"}}, {}),
        ({"query": text, "operationName": "A", "variables": {"r": "3.10"}}, {}),
        ({"query": PINNED}, {"Accept-Language": "nl"}),
        ({"query": PINNED}, {"Accept-Language": "fr"}),
        ({"query": LISTED, "variables": {"first": 1}}, {}),
        ({"query": LISTED, "variables": {"first": 2}}, {}),
    ]
    rounds = [
        [(await server.client.post("/graphql", json=body, headers=messages)).text for body, messages in requests]
        for _ in range(3)
    ]

    assert rounds[0] == rounds[1] == rounds[2]
    assert len(set(rounds[0])) == len(requests)


async def test_a_replaced_document_evicts_its_cached_responses(server: Moving) -> None:
    assert (await ask_again(server, PINNED))[1] == 1
    server.change = lambda path, document: document | {"code": "CP-new"} if path.endswith(CP_7) else document
    server.now += 31 * DAY

    before = cache_hits()
    stale = (await server.post(PINNED)).json()
    await server.wait_for_revalidation()
    wait_for_revalidation = (await server.post(PINNED)).json()

    assert cache_hits() == before
    assert stale["data"]["technicalCompetence"]["code"] == "CP-7"
    assert stale["extensions"]["upstream"]["stale"] > 0
    assert wait_for_revalidation["data"]["technicalCompetence"]["code"] == "CP-new"
    assert "extensions" not in wait_for_revalidation


async def test_evicted_documents_are_fetched_again_and_evict_responses(releases: Releases, settings: Settings) -> None:
    async with moving_server(releases, replace(settings, document_cache_bytes=200_000, index="off")) as server:
        assert (await ask_again(server, PINNED))[1] == 1
        for first in (40, 41, 42):  # a full cache admits what is missed twice
            await server.post(LISTED, {"first": first})
        server.upstream_paths()
        before = cache_hits()
        await server.post(PINNED)

    assert any(CP_7 in path for path in server.upstream_paths())
    assert cache_hits() == before


async def test_a_new_current_release_invalidates_cached_responses(releases: Releases, settings: Settings) -> None:
    async with moving_server(releases, replace(settings, index="off")) as server:
        older = create_sandbox(Releases(release for release in releases if release.number == "3.10"))
        newer, server.sandbox = server.sandbox, older
        before, one = await ask_again(server, CURRENT)
        server.sandbox = newer
        server.now += settings.current_ttl + 1
        messages = cache_hits()
        await server.post(CURRENT)  # of the copy that is stale, which is renewed meanwhile
        await server.wait_for_revalidation()
        after = await server.post(CURRENT)

    assert one == 1
    assert cache_hits() == messages
    assert before.json()["data"]["technicalCompetence"]["release"]["number"] == "3.10"
    assert after.json()["data"]["technicalCompetence"]["release"]["number"] == "3.11"


@pytest.mark.parametrize(
    "query",
    [
        '{ node(id: "x") { id } a: __typename }',
        '{ release(number: "9.99") { number } }',
        "{ __typename }",
        "{ __schema { queryType { name } } }",
        "{ nothing }",
    ],
)
async def test_errors_and_responses_without_documents_are_not_cached(server: Moving, query: str) -> None:
    assert (await ask_again(server, query))[1] == 0


async def test_responses_with_missing_documents_are_not_cached(server: Moving) -> None:
    missing = PINNED.replace(CP_7, CP_7.replace("8c15", "8c16"))

    answer, none = await ask_again(server, missing)

    assert answer.json() == {"data": {"technicalCompetence": None}}
    assert none == 0


async def test_cached_responses_survive_an_outage_and_failures_are_not_cached(server: Moving) -> None:
    await ask_again(server, PINNED)
    server.faults.add(Fault("**", "status", status=503))
    well, one = await ask_again(server, PINNED)
    failed, none = await ask_again(server, PINNED.replace("3.11", "3.10"))

    assert (one, none) == (1, 0)
    assert well.json()["data"]["technicalCompetence"]["code"] == "CP-7"
    assert failed.json()["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


async def test_a_cached_response_gets_304_only_if_the_etag_matches(server: Moving) -> None:
    await get(server, PINNED)
    await get(server, PINNED)
    first, before = await get(server, PINNED), cache_hits()
    held = await get(server, PINNED, if_none_match=first.headers["etag"])
    other = await get(server, PINNED, if_none_match=first.headers["etag"], accept_language="fr")

    assert cache_hits() > before
    assert (held.status_code, held.content) == (304, b"")
    assert held.headers["cache-control"] == first.headers["cache-control"] == "public, max-age=86400"
    assert other.status_code == 200
    assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("first", [1, 20])
async def test_compressed_and_plain_responses_share_a_cache_entry(server: Moving, first: int) -> None:
    async def requests(encoding: str) -> httpx.Response:
        return await server.post(LISTED, {"first": first}, accept_encoding=encoding)

    await requests("identity")
    await requests("identity")
    before = cache_hits()
    plain, *compressed = await requests("identity"), await requests("gzip"), await requests("gzip")

    assert cache_hits() == before + 3
    assert [item.content for item in compressed] == [plain.content] * 2
    assert "content-encoding" not in plain.headers
    if first == 20:
        assert [item.headers["content-encoding"] for item in compressed] == ["gzip"] * 2
        assert int(compressed[1].headers["content-length"]) < len(plain.content) / 2
        assert all("Accept-Encoding" in item.headers["vary"] for item in (plain, *compressed))


async def test_the_response_cache_is_bounded_in_bytes(releases: Releases, settings: Settings) -> None:
    async with moving_server(releases, replace(settings, response_cache_bytes=60_000)) as server:
        for first in range(1, 30):
            await ask_again(server, LISTED, {"first": first})
        _, last = await ask_again(server, LISTED, {"first": 2})
        before = cache_hits()
        await server.post(LISTED, {"first": 30})
        largest = cache_hits() - before

    assert last == 1
    assert largest == 0


async def test_keys_and_quotas_are_checked_before_the_response_cache(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    key = Keys(file).new("partner", per_minute=4)
    async with moving_server(releases, replace(settings, access="keys", keys_file=file)) as server:
        _, one = await ask_again(server, PINNED, x_api_key=key)
        unauthenticated = await server.post(PINNED)
        await server.post(PINNED, x_api_key=key)
        too_many = await server.post(PINNED, x_api_key=key)

    assert one == 1
    assert [unauthenticated.status_code, too_many.status_code] == [401, 429]
    assert "CP-7" not in unauthenticated.text + too_many.text


def test_large_or_incompressible_bodies_are_cached_uncompressed() -> None:
    read = Dependencies({}, (), 0.0, False)
    well, badly, long = (
        CachedResponse(body, read) for body in (b"x" * 5000, Random(1).randbytes(5000), b"x" * 200_000)
    )

    assert gzip.decompress(well.gzipped or b"") == well.body
    assert badly.gzipped is None
    assert long.gzipped is None
