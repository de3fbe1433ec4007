"""Texts of people on a whole server with vectors: the same with and without compiled queries, and as the documentation says."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api import services
from graphql_api.http.pages.examples import examples
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.index.semantic.fake_embedder import FakeEmbedder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.findall(r"```gql\n(.*?)```", (ROOT / "docs" / "queries.md").read_text(encoding="utf-8"), re.DOTALL)
QUERIES = [example.query for example in examples() if example.needs_vectors] + DOCUMENTED
TEXT = "Verpleegkundige gezocht 😀: je zet geneesmiddelen klaar, verzorgt wonden en houdt het zorgdossier bij. Bel ons!"
PAGE = """query ($text: String!, $first: Int, $after: String, $languages: [Language!]) {
  release { profilesForText(text: $text, first: $first, after: $after, languages: $languages) {
    totalCount pageInfo { hasNextPage endCursor } edges { cursor language node { code } } nodes { code } } }
}"""

COMPETENCES = """query ($text: String!) {
  competencesInText(text: $text) { nodes { skill { id } because spans { start end text } } unresolved { start end text } }
}"""


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


@pytest.fixture
async def servers(
    releases: Releases, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Server]]:
    """A server with compiled queries and one without, with vectors."""
    monkeypatch.setattr(services, "_embedder", lambda *_: FakeEmbedder())
    async with AsyncExitStack() as stack:
        started = []
        for compiled in ("on", "off"):
            changed = replace(settings, cache_dir=tmp_path / compiled, compiled_queries=compiled)
            server = await stack.enter_async_context(running(releases, changed))
            await server.app.state.services.indexes.ready("3.11")
            server.app.state.services.indexes._vectors._thread.submit(lambda: None).result(60)
            started.append(server)
        yield started


async def bodies(servers: list[Server], query: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"query": query, "variables": variables}
    answers = [(await server.client.post("/graphql", json=body)).json() for server in servers]
    for answer in answers:
        for error in answer.get("errors", ()):
            del error["extensions"]["requestId"]
    return answers


async def test_compiled_queries_respond_as_graphql_core_does(servers: list[Server]) -> None:
    valid = {"text": TEXT, "first": 3}
    for query in (*QUERIES, PAGE):
        for variables in (valid, {"text": "?!"}, {"text": "a" * 10_001}, {"text": TEXT, "first": 501}):
            compiled, core = await bodies(servers, query, variables)

            assert compiled == core
            assert variables != valid or "errors" not in compiled


def test_docs_and_examples_contain_the_text_queries() -> None:
    assert len(QUERIES) == 3


async def test_competences_in_the_text_have_spans_in_utf_16(servers: list[Server]) -> None:
    matches = (await servers[0].ask(COMPETENCES, {"text": TEXT}))["competencesInText"]
    units = TEXT.encode("utf-16-le")
    spans = [span for node in matches["nodes"] for span in node["spans"]] + matches["unresolved"]

    assert len(spans) > 3
    for span in spans:
        assert units[2 * span["start"] : 2 * span["end"]].decode("utf-16-le") == span["text"]
    assert {bool(node["spans"]) for node in matches["nodes"] if node["because"] == "LIKELY_PROFILE"} <= {False}
    assert all(node["spans"] for node in matches["nodes"] if node["because"] != "LIKELY_PROFILE")
    assert len({node["skill"]["id"] for node in matches["nodes"]}) == len(matches["nodes"])


async def test_profiles_of_a_text_are_paged_without_gaps(servers: list[Server]) -> None:
    everything = (await servers[0].ask(PAGE, {"text": TEXT, "first": 100}))["release"]["profilesForText"]
    first = (await servers[0].ask(PAGE, {"text": TEXT, "first": 1}))["release"]["profilesForText"]
    rest = (await servers[0].ask(PAGE, {"text": TEXT, "first": 99, "after": first["pageInfo"]["endCursor"]}))["release"]

    assert everything["nodes"][0]["code"] == "OP-101"
    assert first["nodes"] + rest["profilesForText"]["nodes"] == everything["nodes"]
    assert first["totalCount"] == everything["totalCount"] == len(everything["nodes"]) > 1
    dutch = (await servers[0].ask(PAGE, {"text": TEXT, "languages": ["NL"]}))["release"]["profilesForText"]["edges"]
    assert {edge["language"] for edge in dutch} == {"NL"}
    errors = await servers[0].errors(PAGE, {"text": "iets anders", "after": first["pageInfo"]["endCursor"]})
    assert errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_without_vectors_the_reason_is_reported(releases: Releases, settings: Settings) -> None:
    async with running(releases, settings) as server:
        for query in QUERIES:
            for error in await server.errors(query, {"text": TEXT}):
                assert error["extensions"]["code"] == "NOT_AVAILABLE"
                assert error["extensions"]["reason"] in ("NOT_INSTALLED", "OFF", "NOT_READY")
