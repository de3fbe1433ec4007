"""Skills, knowledge, behavioural indicators, soft and digital skills in GraphQL: from the index."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import DIGITAL_SKILLS, Server, running

KINDS = {
    "skill": ("skills", "Skill", "SK-101"),
    "knowledge": ("knowledgeItems", "Knowledge", "KN-11"),
    "behaviouralIndicator": ("behaviouralIndicators", "BehaviouralIndicator", "BI-197"),
    "softSkill": ("softSkills", "SoftSkill", "SS-1"),
    "digitalSkill": ("digitalSkills", "DigitalSkill", "DS-1"),
}
FIELDS = "__typename id uuid code description { nl fr } regions release { number }"


@pytest.mark.parametrize("name", KINDS)
async def test_lookups_by_code_uuid_and_id_are_equal(server: Server, name: str) -> None:
    _, type_name, code = KINDS[name]
    result = (await server.ask(f'{{ {name}(code: "{code}") {{ {FIELDS} }} }}'))[name]

    by_uuid = await server.ask(f'{{ {name}(uuid: "{result["uuid"]}") {{ {FIELDS} }} }}')
    by_id = await server.ask(f'{{ node(id: "{result["id"]}") {{ ... on {type_name} {{ {FIELDS} }} }} }}')

    assert result["__typename"] == type_name
    assert result["code"] == code
    assert result["description"]["nl"]
    assert by_uuid[name] == by_id["node"] == result


@pytest.mark.parametrize("name", KINDS)
async def test_concepts_of_a_release_field_belong_to_that_release(server: Server, name: str) -> None:
    plural, _, code = KINDS[name]
    fields = (
        f'{name}(code: "{code}") {{ release {{ number }} }} {plural}(first: 1) {{ nodes {{ release {{ number }} }} }}'
    )
    release = (await server.ask(f'{{ release(number: "3.10") {{ {fields} }} }}'))["release"]

    assert release[name] == {"release": {"number": "3.10"}}
    assert release[plural]["nodes"] == [{"release": {"number": "3.10"}}]


@pytest.mark.parametrize("name", KINDS)
async def test_a_missing_concept_is_null_without_an_error(server: Server, name: str) -> None:
    data = await server.ask(
        f'{{ a: {name}(code: "XX-0") {{ id }} b: {name}(uuid: "00000000-0000-4000-8000-000000000000") {{ id }} }}'
    )

    assert data == {"a": None, "b": None}


@pytest.mark.parametrize("plural", [plural for plural, _, _ in KINDS.values()])
async def test_a_collection_is_paged_by_code(server: Server, plural: str) -> None:
    page = (await server.ask(f"{{ {plural}(first: 3) {{ totalCount nodes {{ code }} pageInfo {{ endCursor }} }} }}"))[
        plural
    ]
    after = page["pageInfo"]["endCursor"]
    rest = (await server.ask(f'{{ {plural}(first: 500, after: "{after}") {{ nodes {{ code }} }} }}'))[plural]

    codes = [node["code"] for node in page["nodes"] + rest["nodes"]]
    numbers = [int(code.partition("-")[2]) for code in codes]
    assert numbers == sorted(set(numbers))
    assert len(codes) == min(page["totalCount"], 503)


async def test_an_unknown_release_is_release_not_found(server: Server) -> None:
    query = '{ skill(code: "SK-101", release: "9.9") { id } skills(release: "9.9") { totalCount } search(text: "x", release: "9.9") { totalCount } }'

    assert await server.codes(query) == ["RELEASE_NOT_FOUND"] * 3


@pytest.fixture
async def server_without_limits(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    """A server without limits on the size and number of operations."""
    async with running(releases, replace(settings, operation_calls=1000, max_cost=10_000_000)) as started:
        yield started


@pytest.mark.slow
async def test_usage_of_a_block_agrees_with_the_documents(server_without_limits: Server) -> None:
    server = server_without_limits
    competences = (
        await server.ask(
            """{ technicalCompetences(first: 500) { nodes { code skill { code } knowledgeItems { code } behaviouralIndicators { code } } } }"""
        )
    )["technicalCompetences"]["nodes"]
    profiles = (
        await server.ask(
            """{ occupationalProfiles(first: 500) { nodes { code essentialCompetences { code } optionalCompetences { code } } } }"""
        )
    )["occupationalProfiles"]["nodes"]
    used = (
        await server.ask(
            """{ knowledgeItems(first: 500) { nodes { code
              usedInTechnicalCompetences(first: 500) { totalCount nodes { code } }
              usedInOccupationalProfiles(first: 500) { totalCount edges { importance node { code } } }
            } } }"""
        )
    )["knowledgeItems"]["nodes"]

    for block in used:
        holding = {
            competence["code"]
            for competence in competences
            if block["code"] in {item["code"] for item in competence["knowledgeItems"]}
        }
        essential = {
            profile["code"]
            for profile in profiles
            if holding & {one["code"] for one in profile["essentialCompetences"]}
        }
        optional = {
            profile["code"] for profile in profiles if holding & {one["code"] for one in profile["optionalCompetences"]}
        }
        assert {node["code"] for node in block["usedInTechnicalCompetences"]["nodes"]} == holding
        assert {edge["node"]["code"]: edge["importance"] for edge in block["usedInOccupationalProfiles"]["edges"]} == {
            code: "ESSENTIAL" if code in essential else "OPTIONAL" for code in essential | optional
        }


async def test_soft_and_digital_skills_are_used_in_profiles_directly(server: Server) -> None:
    fields = "{ nodes { usedInTechnicalCompetences { totalCount } usedInOccupationalProfiles { totalCount edges { importance } } } }"
    data = await server.ask(f"{{ softSkills(first: 5) {fields} digitalSkills(first: 5) {fields} }}")

    for skill in data["softSkills"]["nodes"] + data["digitalSkills"]["nodes"]:
        assert skill["usedInTechnicalCompetences"]["totalCount"] == 0
        assert skill["usedInOccupationalProfiles"]["totalCount"] > 0
        assert {edge["importance"] for edge in skill["usedInOccupationalProfiles"]["edges"]} == {None}


async def test_reverse_links_of_all_siblings_fetch_no_document(server: Server) -> None:
    await server.ask('{ skill(code: "SK-101") { id } }')
    server.upstream_paths()

    await server.ask(
        "{ skills(first: 100) { nodes { usedInTechnicalCompetences { nodes { code } } usedInOccupationalProfiles { nodes { code title { nl } } } } } }"
    )

    assert server.upstream_paths() == []


async def test_a_hundred_queries_for_a_missing_index_share_one_build(server_without_limits: Server) -> None:
    answers = await asyncio.gather(
        *(server_without_limits.ask("{ digitalSkills(first: 0) { totalCount } }") for _ in range(100))
    )

    assert [answer["digitalSkills"]["totalCount"] for answer in answers] == [DIGITAL_SKILLS] * 100
