"""Queries while the index is built: crawled concepts are returned, and others are never reported as missing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import Server, counted, running
from tests.index.test_crawler import PROFILE

FIRST = """{ technicalCompetences(first: 1) { nodes { uuid code
    skill { id uuid code description { nl } regions } knowledgeItems { id uuid code } behaviouralIndicators { id uuid code } } } }"""
MET = """query ($skill: UUID!, $knowledge: UUID!, $indicator: UUID!, $id: ID!) {
    skill(uuid: $skill) { id uuid code description { nl } regions }
    knowledge(uuid: $knowledge) { id uuid code }
    behaviouralIndicator(uuid: $indicator) { id uuid code }
    node(id: $id) { ... on Skill { code } }
    concepts(refs: [{ uuid: $skill }, { id: $id }, { uuid: $indicator }]) { uuid } }"""
UNMET = """query ($id: ID!) {
    skill(uuid: "00000000-0000-4000-8000-000000000001") { uuid }
    node(id: $id) { id }
    byCode: skill(code: "SK-3851") { uuid }
    concepts(refs: [{ uuid: "00000000-0000-4000-8000-000000000001" }, { code: "SK-3851" }, { code: "x", }]) { uuid } }"""


@pytest.fixture
async def crawling_server(few_releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server whose crawl waits for one profile, and whose clients do not wait for the crawl."""
    async with running(few_releases, replace(settings, cache_dir=tmp_path)) as server:
        server.faults.add(Fault(PROFILE, "hang"))
        indexes = server.app.state.services.indexes
        indexes._patient = False
        build = indexes.begin("3.11")
        while not build.progress.total or build.progress.done < build.progress.total - 1:
            await asyncio.wait([build.task], timeout=0.001)
        yield server
        server.faults.clear()


async def test_crawled_concepts_are_returned_before_the_index_is_complete(crawling_server: Server) -> None:
    (competence,) = (await crawling_server.ask(FIRST))["technicalCompetences"]["nodes"]
    skill, knowledge, indicator = (
        competence["skill"], competence["knowledgeItems"][0], competence["behaviouralIndicators"][0],
    )  # fmt: skip
    variables = {
        "skill": skill["uuid"],
        "knowledge": knowledge["uuid"],
        "indicator": indicator["uuid"],
        "id": skill["id"],
    }

    response = await crawling_server.post(MET, variables)

    assert response.json()["data"] == {
        "skill": skill,
        "knowledge": knowledge,
        "behaviouralIndicator": indicator,
        "node": {"code": skill["code"]},
        "concepts": [{"uuid": skill["uuid"]}, {"uuid": skill["uuid"]}, {"uuid": indicator["uuid"]}],
    }
    assert "errors" not in response.json()
    assert response.headers["cache-control"] == "no-store"
    used = "query ($skill: UUID!) { skill(uuid: $skill) { code usedInOccupationalProfiles { totalCount } } }"
    body = (await crawling_server.post(used, {"skill": skill["uuid"]})).json()
    assert body["data"]["skill"] == {"code": skill["code"], "usedInOccupationalProfiles": None}
    assert [error["extensions"]["code"] for error in body["errors"]] == ["NOT_INDEXED_YET"]


async def test_no_concept_is_reported_missing_before_the_index_is_complete(crawling_server: Server) -> None:
    (competence,) = (await crawling_server.ask(FIRST))["technicalCompetences"]["nodes"]
    assert competence["code"]
    of_skill = "U2tpbGw6My4xMTowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDE"  # Skill:3.11:00000000-…-000000000001
    errors = await crawling_server.errors(UNMET, {"id": of_skill})

    assert {error["extensions"]["code"] for error in errors} == {"NOT_INDEXED_YET"}
    assert sorted((error["path"] for error in errors), key=str) == [
        ["byCode"], ["concepts", 0], ["concepts", 1], ["concepts", 2], ["node"], ["skill"],
    ]  # fmt: skip
    assert all(error["extensions"]["retryAfter"] >= 1 and "progress" in error["extensions"] for error in errors)

    ready = (await crawling_server.client.get("/health/ready")).json()
    assert ready["index"]["state"] == "building"
    assert ready["index"]["remaining"] >= 0
    crawling_server.app.state.services.indexes.measure()
    assert counted("competent_index_remaining_seconds", release="3.11") > 0
    crawling_server.faults.clear()
    await crawling_server.app.state.services.indexes.ready("3.11")
    data = await crawling_server.ask('{ skill(uuid: "00000000-0000-4000-8000-000000000001") { uuid } }')
    assert data == {"skill": None}
