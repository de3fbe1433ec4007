"""Nodes by their ids in GraphQL."""

from base64 import urlsafe_b64encode

import pytest

from tests.conftest import CP_7, Server


def forge(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def test_nodes_are_in_order_with_null_for_missing_ones(server: Server) -> None:
    data = await server.ask(
        '{ occupationalProfile(code: "OP-101") { id } technicalCompetence(code: "CP-7") { id } softSkill(code: "SS-1") { id } release { id } }'
    )
    ids = [data[name]["id"] for name in ("softSkill", "release", "occupationalProfile", "technicalCompetence")]
    gone = [
        forge("OccupationalProfile:3.11:00000000-0000-4000-8000-000000000000"),
        forge("Release:1.0"),
        forge(f"SoftSkill:1.0:{CP_7}"),
    ]

    nodes = (await server.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", {"ids": ids + gone}))[
        "nodes"
    ]

    assert [node and node["id"] for node in nodes] == [*ids, None, None, None]
    assert [node["__typename"] for node in nodes[:4]] == [
        "SoftSkill",
        "Release",
        "OccupationalProfile",
        "TechnicalCompetence",
    ]


async def test_an_id_keeps_its_release_when_current_moves(server: Server) -> None:
    result = (await server.ask('{ occupationalProfile(code: "OP-101", release: "3.10") { id } }'))[
        "occupationalProfile"
    ]["id"]
    server.upstream_paths()

    data = await server.ask(
        "query ($id: ID!) { node(id: $id) { ... on Concept { release { number } } } }", {"id": result}
    )

    assert data["node"]["release"]["number"] == "3.10"
    assert all("/releases/3.10/" in path for path in server.upstream_paths())


async def test_a_concept_without_an_upstream_url_is_read_from_the_index(server: Server) -> None:
    fields = "id __typename ... on Skill { code description { nl } }"
    data = await server.ask(f'{{ technicalCompetence(uuid: "{CP_7}") {{ skill {{ {fields} }} }} }}')
    skill = data["technicalCompetence"]["skill"]
    server.upstream_paths()

    result = await server.ask(f"query ($id: ID!) {{ node(id: $id) {{ {fields} }} }}", {"id": skill["id"]})

    assert result["node"] == skill


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "T2Nj",
        forge("Query:3.11"),
        forge(f"Nothing:3.11:{CP_7}"),
        forge(f"Release:3.11:{CP_7}"),
        forge("SoftSkill:3.11"),
    ],
)
async def test_a_forged_id_is_bad_input(server: Server, forged: str) -> None:
    assert await server.codes("query ($id: ID!) { node(id: $id) { id } }", {"id": forged}) == ["BAD_USER_INPUT"]
    assert server.upstream_paths() == []


async def test_an_invalid_id_and_a_lost_document_do_not_affect_other_nodes(server: Server) -> None:
    from graphql_api.sandbox import Fault

    data = await server.ask('{ occupationalProfile(code: "OP-101") { id } technicalCompetence(code: "CP-7") { id } }')
    ids = ["x", data["occupationalProfile"]["id"], data["technicalCompetence"]["id"]]
    server.faults.add(Fault("/releases/*/occupationalprofiles/*", "status", status=503))

    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on OccupationalProfile { description { nl } } } releases { number } }"
    answer = (await server.post(query, {"ids": ids})).json()

    assert [node and node["id"] for node in answer["data"]["nodes"]] == [None, None, ids[2]]
    assert answer["data"]["releases"]
    assert {(*error["path"], error["extensions"]["code"]) for error in answer["errors"]} == {
        ("nodes", 0, "BAD_USER_INPUT"),
        ("nodes", 1, "UPSTREAM_UNAVAILABLE"),
    }


async def test_too_many_ids_are_refused(server: Server) -> None:
    assert await server.codes("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 501}) == [
        "BAD_USER_INPUT"
    ]
