"""Vectors of a whole server: made in the background, reported to operators, and made or read by `mirror`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api import services
from graphql_api.cli.mirror import run_mirror
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.index.semantic.vectorizer import VectorJob
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.services import Services
from graphql_api.settings import Settings
from tests.conftest import Server, counted, running
from tests.index.semantic.fake_embedder import FakeEmbedder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
    embedder = FakeEmbedder()
    monkeypatch.setattr(services, "_embedder", lambda *_: embedder)
    return embedder


@pytest.fixture
async def server(
    releases: Releases, settings: Settings, tmp_path: Path, embedder: FakeEmbedder
) -> AsyncIterator[Server]:
    """A server with a folder of its own, and an open index."""
    async with running(releases, replace(settings, cache_dir=tmp_path)) as started:
        await started.app.state.services.indexes.ready("3.11")
        yield started
        embedder.gate.set()


async def health(server: Server) -> object:
    response = await server.client.get("/health/ready")
    assert response.status_code == 200
    return response.json()["index"]["vectors"]


def job(server: Server) -> VectorJob:
    vectors = server.app.state.services.indexes.get_cached("3.11").vectors
    assert isinstance(vectors, VectorJob)
    return vectors


def wait(server: Server) -> None:
    """Wait for the thread that makes vectors."""
    server.app.state.services.indexes._vectors._thread.submit(lambda: None).result(30)


async def test_health_and_metrics_report_the_progress(server: Server, embedder: FakeEmbedder) -> None:
    wait(server)
    server.app.state.services.indexes.measure()

    texts = len(set(embedder.embedded))
    assert texts > 1000
    assert await health(server) == {"state": "complete", "progress": 1.0, "texts": texts}
    assert counted("competent_vectors_progress_ratio", release="3.11") == 1.0


async def test_the_index_is_ready_before_its_vectors(
    releases: Releases, settings: Settings, tmp_path: Path, embedder: FakeEmbedder
) -> None:
    embedder.gate.clear()
    async with running(releases, replace(settings, cache_dir=tmp_path)) as server:
        await server.app.state.services.indexes.ready("3.11")
        embedder.calls.acquire()

        data = await server.ask('{ search(text: "verpleegkundige", first: 1) { totalCount } }')
        assert data["search"]["totalCount"] > 0
        state = await health(server)
        assert isinstance(state, dict)
        assert (state["state"], state["progress"]) == ("computing", 0.0)
        embedder.gate.set()

    assert len(embedder.embedded) < 1000, "the server did not wait for all vectors to stop"
    assert not [*tmp_path.rglob("*.vectors")]


async def test_a_replaced_index_has_vectors(server: Server, embedder: FakeEmbedder) -> None:
    wait(server)
    before, embedded = job(server), len(embedder.embedded)
    await server.app.state.services.indexes.begin("3.11").task
    wait(server)

    assert job(server) is not before
    assert job(server).meaning is not None
    assert len(embedder.embedded) == embedded


async def test_mirror_waits_for_the_vectors(
    releases: Releases, settings: Settings, tmp_path: Path, embedder: FakeEmbedder, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        parts = Services(replace(settings, cache_dir=tmp_path), create_sandbox(releases))
        assert await run_mirror(parts, "3.11") == 0
        embedded = len(embedder.embedded)

    assert [file.suffix for file in (tmp_path / "index").glob("3.11-*.vectors")] == [".vectors"]
    assert embedded == len(set(embedder.embedded)), "the second run reads the file"
    assert capsys.readouterr().out.count("Release 3.11 is stored.") == 2


async def test_mirror_reports_missing_vectors(
    releases: Releases, settings: Settings, tmp_path: Path, embedder: FakeEmbedder, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder.is_down = True
    parts = Services(replace(settings, cache_dir=tmp_path), create_sandbox(releases))

    assert await run_mirror(parts, "3.11") == 0
    assert "could not be computed" in capsys.readouterr().err


SEARCH = """query ($text: String!, $mode: SearchMode! = AUTO, $after: String) {
  search(text: $text, mode: $mode, types: [OCCUPATIONAL_PROFILE], first: 2, after: $after) {
    mode reason pageInfo { endCursor hasNextPage }
    edges { node { ... on OccupationalProfile { code } } match { kind text } }
  }
}"""


async def search(server: Server, text: str, **variables: object) -> Any:
    return (await server.ask(SEARCH, {"text": text, **variables}))["search"]


async def test_a_search_is_hybrid_once_the_vectors_are_built(server: Server) -> None:
    wait(server)
    result = await search(server, "zzz ziekenhuis")

    assert (result["mode"], result["reason"]) == ("HYBRID", None)
    assert {edge["match"]["kind"] for edge in result["edges"]} <= {"WORDS", "MEANING"}
    lexical = await search(server, "zzz ziekenhuis", mode="LEXICAL")
    assert (lexical["mode"], lexical["reason"]) == ("LEXICAL", None)


async def test_a_cursor_is_valid_only_for_its_mode_and_model(server: Server) -> None:
    wait(server)
    page = await search(server, "verpleegkundige")
    after = page["pageInfo"]["endCursor"]

    following = await search(server, "verpleegkundige", after=after)
    assert following["edges"]
    assert following["edges"][0] not in page["edges"]
    assert await server.codes(SEARCH, {"text": "verpleegkundige", "mode": "LEXICAL", "after": after}) == [
        "BAD_USER_INPUT"
    ]


async def test_a_search_before_the_vectors_is_lexical_and_never_cached(
    releases: Releases, settings: Settings, tmp_path: Path, embedder: FakeEmbedder
) -> None:
    embedder.gate.clear()
    async with running(releases, replace(settings, cache_dir=tmp_path)) as server:
        await server.app.state.services.indexes.ready("3.11")
        for _ in range(2):
            response = await server.post(SEARCH, {"text": "verpleegkundige"})
            result = response.json()["data"]["search"]
            assert (result["mode"], result["reason"]) == ("LEXICAL", "NOT_READY")
            assert response.headers["cache-control"] == "no-store"
        lexical = await server.post(SEARCH, {"text": "verpleegkundige", "mode": "LEXICAL"})
        assert lexical.headers["cache-control"] != "no-store"
        embedder.gate.set()
        wait(server)

        response = await server.post(SEARCH, {"text": "verpleegkundige"})
        assert response.json()["data"]["search"]["mode"] == "HYBRID"
        assert response.headers["cache-control"] != "no-store"


async def test_a_search_is_lexical_while_the_embedder_is_down(server: Server, embedder: FakeEmbedder) -> None:
    wait(server)
    embedder.is_down = True
    response = await server.post(SEARCH, {"text": "verpleegkundige", "mode": "HYBRID"})
    result = response.json()["data"]["search"]

    assert (result["mode"], result["reason"]) == ("LEXICAL", "UNAVAILABLE")
    assert result["edges"][0]["node"]["code"] == "OP-101"
    assert response.headers["cache-control"] == "no-store"
    embedder.is_down = False
    assert (await search(server, "verpleegkundige", mode="HYBRID"))["mode"] == "HYBRID"


@pytest.mark.parametrize("reason", [NoVectors.OFF, NoVectors.NOT_INSTALLED])
async def test_a_server_without_vectors_reports_the_reason(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch, reason: NoVectors
) -> None:
    monkeypatch.setattr(services, "_embedder", lambda *_: reason)
    async with running(releases, settings) as server:
        response = await server.post(SEARCH, {"text": "verpleegkundige"})
        result = response.json()["data"]["search"]

        assert (result["mode"], result["reason"]) == ("LEXICAL", reason.name)
        assert response.headers["cache-control"] != "no-store"
