"""Changes between two releases in GraphQL."""

from typing import Any

import pytest

from tests.conftest import Server

QUERY = """query ($since: String!, $types: [ConceptType!], $kinds: [ChangeKind!], $first: Int, $after: String) {
  release { changes(since: $since, types: $types, kinds: $kinds, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { kind type changedFields before { id uuid code release { number } } after { id uuid code release { number } } }
  } }
}"""


async def changes(server: Server, **variables: Any) -> list[dict[str, Any]]:
    page = (await server.ask(QUERY, {"since": "3.10", "first": 500, **variables}))["release"]["changes"]
    assert page["totalCount"] == len(page["nodes"])
    return list(page["nodes"])


async def test_added_and_removed_profiles_exist_in_only_one_release(server: Server) -> None:
    query = "query ($r: String!) { occupationalProfiles(first: 500, release: $r) { nodes { code } } }"
    old, new = [
        {node["code"] for node in (await server.ask(query, {"r": number}))["occupationalProfiles"]["nodes"]}
        for number in ("3.10", "3.11")
    ]
    changed = await changes(server, types=["OCCUPATIONAL_PROFILE"])

    assert {result["after"]["code"] for result in changed if result["kind"] == "ADDED"} == new - old
    assert {result["before"]["code"] for result in changed if result["kind"] == "REMOVED"} == old - new
    assert all(result["before"] is None for result in changed if result["kind"] == "ADDED")
    assert all(result["after"] is None for result in changed if result["kind"] == "REMOVED")
    assert all(result["before"]["release"]["number"] == "3.10" for result in changed if result["before"])
    assert all(result["after"]["release"]["number"] == "3.11" for result in changed if result["after"])


async def test_changed_fields_are_exactly_the_differing_ones(server: Server) -> None:
    (changed,) = [change for change in await changes(server, kinds=["CHANGED"]) if change["after"]["code"] == "OP-105"]
    query = 'query ($r: String!) { occupationalProfile(code: "OP-105", release: $r) { title { nl fr en de } essentialCompetences { code } } }'
    old, new = [(await server.ask(query, {"r": number}))["occupationalProfile"] for number in ("3.10", "3.11")]

    for language in ("nl", "fr", "en", "de"):
        assert (f"title.{language}" in changed["changedFields"]) == (old["title"][language] != new["title"][language])
    assert "essentialCompetences" in changed["changedFields"]
    assert old["essentialCompetences"] != new["essentialCompetences"]


async def test_a_concept_with_a_new_uuid_is_reported_as_changed(server: Server) -> None:
    results = [
        change
        for change in await changes(server, types=["KNOWLEDGE"], kinds=["CHANGED"])
        if "uuid" in change["changedFields"]
    ]

    assert {result["after"]["code"] for result in results} == {"KN-146", "KN-262", "KN-334"}
    assert all(
        result["before"]["uuid"] != result["after"]["uuid"] and result["before"]["code"] == result["after"]["code"]
        for result in results
    )


async def test_changes_are_narrowed_and_paged(server: Server) -> None:
    everything = await changes(server)
    seen: list[Any] = []
    after, more = None, True
    while more:
        page = (await server.ask(QUERY, {"since": "3.10", "first": 20, "after": after}))["release"]["changes"]
        seen += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert seen == everything
    assert {change["kind"] for change in everything} == {"ADDED", "REMOVED", "CHANGED"}
    assert await changes(server, kinds=["ADDED"]) == [change for change in everything if change["kind"] == "ADDED"]
    assert await changes(server, types=["SKILL"]) == [change for change in everything if change["type"] == "SKILL"]


async def test_before_and_after_have_all_fields(server: Server) -> None:
    query = """{ release { changes(since: "3.10", types: [TECHNICAL_COMPETENCE], first: 5) { nodes {
      before { ... on TechnicalCompetence { knowledgeItems { code } } }
      after { ... on TechnicalCompetence { knowledgeItems { code } usedInOccupationalProfiles { totalCount } } }
    } } } }"""
    assert (await server.ask(query))["release"]["changes"]["nodes"]


async def test_there_are_no_changes_since_the_same_release(server: Server) -> None:
    assert await changes(server, since="3.11") == []


@pytest.mark.parametrize("since", ["9.9", "", "../x"])
async def test_changes_since_an_unknown_release_are_release_not_found(server: Server, since: str) -> None:
    assert await server.codes(QUERY, {"since": since}) == ["RELEASE_NOT_FOUND"]
