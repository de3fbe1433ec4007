"""A query whose documents are not cached: one round trip per level of links, each level concurrently, each document once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from graphql_api.upstream.transport import ASGIApp
from tests.conftest import CP_7, Server

NURSE = "c57a845b-4637-5441-86da-4ef6e8f30ea8"
"""OP-101 of the bundled releases."""
COMPETENCES = "code uuid skill { description { nl } } knowledgeItems { code } behaviouralIndicators { code }"
QUERY = f"""query($uuid: UUID, $code: String, $release: String!) {{ occupationalProfile(uuid: $uuid, code: $code, release: $release)
    {{ title {{ nl }} essentialCompetences {{ {COMPETENCES} }} }} }}"""


class Rounds:
    """A Competent API that answers requests in rounds: those that arrive before it would be idle are one round."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.rounds: list[list[str]] = []
        self._round: list[str] = []
        self._over = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        self._round.append(scope["path"] + f"?{query}" * bool(query))
        if len(self._round) == 1:
            self._ending = asyncio.create_task(self._end())
        await self._over.wait()
        await self.app(scope, receive, send)

    async def _end(self) -> None:
        before, still = 0, 0
        while still < 20:
            await asyncio.sleep(0)
            before, still = len(self._round), still + 1 if len(self._round) == before else 0
        self.rounds.append(sorted(self._round))
        self._round = []
        self._over.set()
        self._over = asyncio.Event()


class Cold(Server):
    """A server without cached documents, and the rounds of its upstream calls."""

    def __init__(self, releases: Releases, settings: Settings) -> None:
        super().__init__(releases, settings, Rounds)
        self.upstream: Rounds = self.competent


@asynccontextmanager
async def cold_server(releases: Releases, settings: Settings) -> AsyncIterator[Cold]:
    """A server without an index; not started, because lookups at the start would count as rounds."""
    made = Cold(releases, replace(settings, index="off"))
    try:
        async with made.client:
            yield made
    finally:
        await made.app.state.services.aclose()


@pytest.fixture
async def cold_start(releases: Releases, settings: Settings) -> AsyncIterator[Cold]:
    async with cold_server(releases, settings) as made:
        yield made


def release_paths(*rest: str) -> list[str]:
    return sorted(f"/releases/3.11{item}" for item in rest)


@pytest.mark.parametrize("release", ["current", "3.11"])
@pytest.mark.parametrize("by", ["uuid", "code"])
async def test_a_nested_query_takes_a_round_per_level_and_fetches_documents_once(
    cold_start: Cold, release: str, by: str
) -> None:
    thing = {"uuid": NURSE} if by == "uuid" else {"code": "OP-101"}

    answer = await cold_start.ask(QUERY, {"release": release, **thing})

    competences = answer["occupationalProfile"]["essentialCompetences"]
    assert len(competences) == 12
    assert all(
        competence["skill"]["description"]["nl"] and competence["behaviouralIndicators"] for competence in competences
    )
    assert cold_start.upstream.rounds == [
        *([["/releases/current"]] if release == "current" else []),
        *([release_paths("/occupationalprofiles?page=0&size=500")] if by == "code" else []),
        release_paths(f"/occupationalprofiles/{NURSE}"),
        release_paths(*(f"/technicalcompetences/{competence['uuid']}" for competence in competences)),
    ]


async def test_embedded_values_are_not_fetched(cold_start: Cold) -> None:
    query = QUERY.replace("behaviouralIndicators { code }", "")

    await cold_start.ask(query, {"release": "current", "uuid": NURSE})

    assert cold_start.upstream.rounds == [["/releases/current"], release_paths(f"/occupationalprofiles/{NURSE}")]


async def test_missing_documents_of_two_profiles_are_fetched_once_in_one_round(cold_start: Cold) -> None:
    query = f"""{{ occupationalProfiles(first: 2) {{ nodes {{ essentialCompetences {{ {COMPETENCES} }} }} }} }}"""

    nodes = (await cold_start.ask(query))["occupationalProfiles"]["nodes"]

    uuids = {competence["uuid"] for node in nodes for competence in node["essentialCompetences"]}
    assert len(uuids) < sum(len(node["essentialCompetences"]) for node in nodes)
    _, _, profiles, competences = cold_start.upstream.rounds
    assert len(profiles) == 2
    assert competences == release_paths(*(f"/technicalcompetences/{uuid}" for uuid in uuids))


async def test_a_level_beyond_the_concurrency_limit_takes_several_rounds(
    releases: Releases, settings: Settings
) -> None:
    async with cold_server(releases, replace(settings, upstream_concurrency=4)) as made:
        await made.ask(QUERY, {"release": "3.11", "uuid": NURSE})

    assert [len(item) for item in made.upstream.rounds] == [1, 4, 4, 4]


async def test_a_code_on_the_first_page_is_found_without_other_pages(releases: Releases, settings: Settings) -> None:
    query = "query($code: String!) { technicalCompetence(code: $code) { uuid } }"
    async with cold_server(releases, replace(settings, upstream_page_size=10)) as made:
        first = await made.ask(query, {"code": "CP-7"})
        count = len(made.upstream_paths())
        await made.ask(query, {"code": "CP-999"})

    assert first == {"technicalCompetence": {"uuid": CP_7}}
    assert count == 2
    assert len(made.upstream_paths()) > 3
