"""Competence sets in GraphQL, compared with the data that the sandbox serves."""

from typing import Any

import pytest

from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import Concept
from tests.conftest import Server
from tests.index_statements import record_statements

pytestmark = pytest.mark.usefixtures("indexed")

CURRENT = bundled_datasets()[0]
SETS: dict[str, list[tuple[str, Concept]]] = {}
"""The profiles (by code) that have a set, each with the set as it has it, by the code of the set."""
for _profile in CURRENT.profiles:
    for _set in _profile.concepts("competenceSets"):
        SETS.setdefault(_set.code, []).append((_profile.code, _set))

ALL = """{ competenceSets { id uuid code title { nl fr en } disambiguator { nl } skills { code description { nl } } profileCount
  usedInOccupationalProfiles { totalCount nodes { code } facets { economicSectors { count } } } release { number } } }"""


def number(code: str) -> tuple[int, str]:
    return len(code), code


async def test_all_competence_sets_are_listed_with_skills_and_profiles(server: Server) -> None:
    data = await server.ask(ALL)

    listed: list[dict[str, Any]] = data["competenceSets"]
    assert [one["code"] for one in listed] == sorted(SETS, key=number)
    for one in listed:
        used = SETS[one["code"]]
        _, own = used[0]
        assert one["uuid"] == own.uuid
        assert one["title"] == {language: own.texts["title"][language] for language in ("nl", "fr", "en")}
        assert one["disambiguator"] == (
            {"nl": own.texts["disambiguator"]["nl"]} if own.texts["disambiguator"]["nl"] else None
        )
        skills = {skill.code for _, item in used for skill in item.concepts("skills")}
        assert [skill["code"] for skill in one["skills"]] == sorted(skills, key=number)
        assert all(skill["description"] for skill in one["skills"])
        profiles = [code for code, _ in used]
        assert [node["code"] for node in one["usedInOccupationalProfiles"]["nodes"]] == profiles
        assert one["profileCount"] == one["usedInOccupationalProfiles"]["totalCount"] == len(profiles)


async def test_a_competence_set_is_equal_from_every_field(server: Server) -> None:
    code, (profile, _) = next((code, used[0]) for code, used in SETS.items())
    own = "__typename ... on CompetenceSet { id code title { nl } disambiguator { nl } skills { code } profileCount }"
    data = await server.ask(
        f"query ($profile: String!, $code: String!) {{ competenceSet(code: $code) {{ {own} }} "
        f"occupationalProfile(code: $profile) {{ competenceSets {{ {own} }} }} "
        f"release {{ competenceSets {{ {own} }} competenceSet(code: $code) {{ {own} }} }} }}",
        {"profile": profile, "code": code},
    )

    one = data["competenceSet"]
    assert one["code"] == code
    assert one in data["occupationalProfile"]["competenceSets"]
    assert one in data["release"]["competenceSets"]
    assert one == data["release"]["competenceSet"]
    assert (await server.ask(f"query ($id: ID!) {{ node(id: $id) {{ {own} }} }}", {"id": one["id"]}))["node"] == one


async def test_a_competence_set_is_searchable_and_filters_profiles(server: Server) -> None:
    data = await server.ask(
        """{ title: search(text: "procesbesturing", types: [COMPETENCE_SET]) { nodes { ... on CompetenceSet { id code } } }
          code: search(text: "cs 401") { nodes { __typename } } }"""
    )

    assert [node["code"] for node in data["title"]["nodes"]] == ["CS-401"]
    assert data["code"]["nodes"][0] == {"__typename": "CompetenceSet"}
    used = await server.ask(
        "query ($id: ID!) { occupationalProfiles(filter: { uses: { id: $id } }) { nodes { code } } }",
        {"id": data["title"]["nodes"][0]["id"]},
    )
    assert [node["code"] for node in used["occupationalProfiles"]["nodes"]] == [code for code, _ in SETS["CS-401"]]


async def test_competence_sets_do_not_count_as_technical_competences(server: Server) -> None:
    data = await server.ask(
        '{ competenceSet(code: "CS-401") { skills { usedInTechnicalCompetences { nodes { code } } '
        "usedInOccupationalProfiles { totalCount } } } }"
    )

    for skill in data["competenceSet"]["skills"]:
        codes = [node["code"] for node in skill["usedInTechnicalCompetences"]["nodes"]]
        assert codes
        assert all(code.startswith("CP-") for code in codes)


async def test_counts_and_skills_take_a_constant_number_of_queries(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = record_statements(monkeypatch)
    await server.ask('{ skill(code: "SK-1") { code } }')  # opens the index
    statements.clear()
    await server.ask(
        "{ release { competenceSets { code profileCount usedInOccupationalProfiles(first: 0) { totalCount } } } }"
    )
    assert len(statements) == 3  # the sets; the profiles in order, and their values

    statements.clear()
    await server.ask("{ release { competenceSets { skills { code } } } }")
    skills = {skill.code for used in SETS.values() for _, one in used for skill in one.concepts("skills")}
    assert len([statement for statement in statements if "embeds" in statement]) == 1
    assert len(statements) <= 2 + len(SETS) + len(skills)


async def test_a_missing_competence_set_is_null(server: Server) -> None:
    data = await server.ask(
        '{ a: competenceSet(code: "CS-0") { code } b: competenceSet(uuid: "00000000-0000-4000-8000-000000000000") { code } }'
    )

    assert data == {"a": None, "b": None}
    assert await server.codes("{ competenceSet { code } }") == ["BAD_USER_INPUT"]


async def test_a_competence_set_has_linked_data(server: Server) -> None:
    (one, *_) = (
        await server.ask("{ competenceSets { uuid code skills { uuid } title { nl } disambiguator { nl } } }")
    )["competenceSets"]
    response = await server.client.get(
        f"/id/3.11/competence-set/{one['uuid']}", headers={"accept": "application/ld+json"}
    )

    document = response.json()
    assert document["prefLabel"]["nl"] == one["title"]["nl"]
    assert document["scopeNote"]["nl"] == one["disambiguator"]["nl"]
    assert [skill["@id"] for skill in document["hasPart"]] == [f"3.11/skill/{skill['uuid']}" for skill in one["skills"]]
