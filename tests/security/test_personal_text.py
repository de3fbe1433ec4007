"""Texts of people are accepted by POST only, and are in no cache, log, error, metric or persisted query of the server."""

import gc
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from graphql_api import services
from graphql_api.caching import LRUCache
from graphql_api.sandbox import Releases
from graphql_api.server.fast_path.header_profile import HeaderProfiles
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.index.semantic.fake_embedder import FakeEmbedder

pytestmark = pytest.mark.slow

SECRET = "Zjefke"
TEXT = f"{SECRET} werkt als verpleegkundige, en rijdt graag paard 😀."
BY_VARIABLE = "query ($text: String!) { %s(text: $text) { %s } }"
FIELDS = {"profilesForText": "totalCount edges { cursor passage { text } }", "competencesInText": "unresolved { text }"}
LITERAL = f'{{ profilesForText(text: "{TEXT}") {{ totalCount }} }}'


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


@pytest.fixture
async def server(
    releases: Releases, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """A server that logs documents and has vectors; `embedder` is in its state."""
    embedder = FakeEmbedder()
    monkeypatch.setattr(services, "_embedder", lambda *_: embedder)
    async with running(releases, replace(settings, cache_dir=tmp_path, log_documents="on")) as started:
        await started.app.state.services.indexes.ready("3.11")
        started.app.state.services.indexes._vectors._thread.submit(lambda: None).result(30)
        started.app.state.embedder = embedder
        yield started


async def post(server: Server, query: str, **body: Any) -> Any:
    return await server.client.post("/graphql", json={"query": query, **body})


@pytest.mark.parametrize("field", FIELDS)
async def test_a_text_is_compared_and_the_response_is_not_stored(server: Server, field: str) -> None:
    query = BY_VARIABLE % (field, FIELDS[field])
    for _ in range(3):
        response = await post(server, query, variables={"text": TEXT})
        assert response.json()["data"][field]
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers

    assert len(server.app.state.embedder.searched) % 3 == 0
    assert cached_with("verpleegkundige, en rijdt") == []


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("in_release", [False, True])
async def test_get_with_a_personal_text_is_refused_before_any_comparison(
    server: Server, field: str, in_release: bool
) -> None:
    query = BY_VARIABLE % (field, FIELDS[field])
    if in_release:
        query = query.replace(") { ", ") { release { ", 1) + " }"
    response = await server.client.get("/graphql", params={"query": query, "variables": json.dumps({"text": TEXT})})

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert server.app.state.embedder.searched == []


async def test_a_persisted_query_with_a_personal_text_is_refused_by_get(server: Server) -> None:
    query = BY_VARIABLE % ("profilesForText", "totalCount")
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    stored = await post(server, query, variables={"text": TEXT}, extensions=extensions)
    assert stored.json()["data"]["profilesForText"]["totalCount"] >= 0
    params = {"extensions": json.dumps(extensions), "variables": json.dumps({"text": TEXT})}

    assert (await server.client.get("/graphql", params=params)).status_code == 405


async def test_a_subscription_refuses_a_personal_text(server: Server) -> None:
    query = 'subscription { releasePublished { profilesForText(text: "verpleegkundige") { totalCount } } }'
    response = await server.client.post("/graphql", json={"query": query}, headers={"accept": "text/event-stream"})

    assert "BAD_REQUEST" in response.text
    assert server.app.state.embedder.searched == []


async def test_event_streams_accept_a_personal_text_only_by_post(server: Server) -> None:
    query = BY_VARIABLE % ("profilesForText", "totalCount")
    accept = {"accept": "text/event-stream"}
    body = {"query": query, "variables": {"text": TEXT}}
    by_post = await server.client.post("/graphql", json=body, headers=accept)
    params = {"query": query, "variables": json.dumps({"text": TEXT})}
    by_get = await server.client.get("/graphql", params=params, headers=accept)

    assert '"totalCount"' in by_post.text
    assert by_post.headers["cache-control"] == "no-store"
    assert "BAD_REQUEST" in by_get.text


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (BY_VARIABLE % ("profilesForText", "totalCount"), {"text": [SECRET]}),
        (BY_VARIABLE % ("profilesForText", "totalCount"), {"text": {"a": SECRET}}),
        (BY_VARIABLE % ("profilesForText", "totalCount"), {"text": SECRET + "\ud800"}),
        (BY_VARIABLE % ("competencesInText", "unresolved { text }"), {"text": SECRET + "a" * 10_000}),
        (
            'query ($text: Int!) { competencesInText(text: "a", first: $text) { unresolved { text } } }',
            {"text": SECRET},
        ),
        (f'{{ profilesForText(text: ["{SECRET}"]) {{ totalCount }} }}', None),
        (f'{{ profilesForText(text: "{SECRET}", first: "{SECRET}") {{ totalCount }} }}', None),
        (f'{{ profilesForText(text: "{SECRET}" {{ totalCount }} }}', None),
        (f'{{ profileForText(text: "{SECRET}") {{ totalCount }} }}', None),
        (f'{{ profilesForText(text: """{SECRET}""") {{ nothing }} }}', None),
    ],
)
async def test_errors_do_not_quote_the_text(server: Server, query: str, variables: Any) -> None:
    content = json.dumps({"query": query, "variables": variables}).replace("\\\\ud800", "\\ud800")
    response = await server.client.post("/graphql", content=content, headers={"content-type": "application/json"})

    assert response.json()["errors"]
    assert SECRET not in response.text


async def test_an_error_of_a_library_is_logged_without_its_message(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing_query(texts: list[str]) -> None:
        raise KeyError(texts[0])

    monkeypatch.setattr(server.app.state.embedder, "queries", failing_query)
    with caplog.at_level(logging.DEBUG):
        response = await post(server, BY_VARIABLE % ("profilesForText", "totalCount"), variables={"text": TEXT})

    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "KeyError while a text was compared" in caplog.text
    assert SECRET not in caplog.text + response.text


async def test_no_log_line_metric_or_cache_has_the_text(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(LITERAL.encode()).hexdigest()}}
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            for field, selection in FIELDS.items():
                await post(server, BY_VARIABLE % (field, selection), variables={"text": TEXT})
            assert (await post(server, LITERAL, extensions=extensions)).json()["data"]["profilesForText"]
            await post(server, LITERAL.replace("totalCount", "nothing"))
            await server.client.get("/graphql", params={"query": LITERAL})

    assert len(caplog.records) > 10
    ours = [record for record in caplog.records if record.name != "httpx"]  # the client of this test
    assert all(SECRET not in repr(vars(record)) for record in ours)
    assert SECRET not in (await server.client.get("/metrics")).text
    assert cached_with(SECRET) == []
    response = await server.client.post("/graphql", json={"extensions": extensions})
    assert response.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_text_on_a_page_is_compared_but_neither_logged_nor_cached(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        form = {"text": TEXT, "do": "read"}
        page = await server.client.post("/nl/my-skills", data=form, headers={"accept": "text/html"})

    assert "Beroepen waar de tekst over gaat" in page.text
    assert "verpleegkundige, en rijdt" in page.text.partition("<form")[0], "the passage"
    assert page.headers["cache-control"] == "no-store"
    ours = [record for record in caplog.records if record.name != "httpx"]
    assert all(SECRET not in repr(vars(record)) for record in ours)
    assert cached_with(SECRET) == []


def cached_with(secret: str) -> list[LRUCache[Any, Any]]:
    """The caches of this process that have this in a key, or in the text of a value."""
    caches = [cache for cache in gc.get_objects() if isinstance(cache, LRUCache)]
    assert sum(map(len, caches)) > 10
    return [
        cache
        for cache in caches
        if any(secret in f"{key} {getattr(cache.peek(key), 'text', '')} {cache.peek(key)}" for key in cache)
    ]


def test_the_query_string_of_a_get_is_not_cached() -> None:
    query = BY_VARIABLE % ("profilesForText", "totalCount")
    profiles = HeaderProfiles()
    for text in (f"query={quote(query)}&variables={SECRET}", f"query={query.replace('p', '%70')}&variables={SECRET}"):
        scope = {"method": "GET", "raw_path": b"/graphql", "query_string": text.encode(), "headers": []}
        assert profiles.of(scope) is None

    assert profiles.bytes == 0
    plain = {"method": "GET", "raw_path": b"/graphql", "query_string": b"query={a}", "headers": []}
    assert profiles.of(plain) is not None
