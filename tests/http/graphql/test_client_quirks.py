"""Requests as real clients send them: PHP's empty map, a byte order mark, a field of another type, an invalid id."""

import codecs
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema

from graphql_api.cli.bootstrap import read_text
from graphql_api.execution.hints import HINTS
from graphql_api.http.graphql.persisted_queries import read_manifest
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running

TINY = "{ __typename }"
DONE = {"data": {"__typename": "Query"}}
FIND = f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ id skill {{ id }} }} }}'


async def sent(server: Server, body: bytes) -> Any:
    headers = {"Content-Type": "application/json"}
    return (await server.client.post("/graphql", content=body, headers=headers)).json()


@pytest.mark.parametrize(
    "body",
    [
        b'{"query":"{ __typename }","variables":[]}',
        b'{"query":"{ __typename }","variables":[],"extensions":[],"operationName":null}',
        codecs.BOM_UTF8 + b'{"query":"{ __typename }"}',
        b'{"query":"\\ufeff{ __typename }"}',
        '{"query":"\ufeff{ __typename }"}'.encode(),
    ],
    ids=["variables", "both maps", "a mark", "a mark in the document", "the same unescaped"],
)
async def test_requests_as_php_and_editors_send_them_are_accepted(server: Server, body: bytes) -> None:
    assert await sent(server, body) == DONE


async def test_an_empty_php_map_is_accepted_in_get(server: Server) -> None:
    parameters = {"query": TINY, "variables": "[]", "extensions": "[]"}

    assert (await server.client.get("/graphql", params=parameters)).json() == DONE


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("value", [[1], [[]], "", 0, False])
async def test_no_other_value_is_accepted_as_a_map(server: Server, name: str, value: Any) -> None:
    response = await sent(server, json.dumps({"query": TINY, name: value}).encode())

    assert response["errors"][0]["message"] == f"`{name}` must be an object."


@pytest.mark.parametrize("body", [codecs.BOM_UTF8 * 2 + b"{}", codecs.BOM_UTF16_LE, codecs.BOM_UTF8])
async def test_only_one_byte_order_mark_is_skipped(server: Server, body: bytes) -> None:
    assert (await sent(server, body))["errors"][0]["message"] == "The body is not JSON."


@pytest.mark.parametrize("escape", [r"\ud83d", r"\udc69", r"\ud83d\u0041"])
async def test_half_of_a_surrogate_pair_is_named(server: Server, escape: str) -> None:
    body = json.dumps({"query": TINY, "variables": {"text": "?"}}).replace("?", escape).encode()
    assert (await sent(server, body))["errors"][0]["message"] == "The body has half of a surrogate pair."


def test_a_byte_order_mark_before_a_manifest_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(codecs.BOM_UTF8 + b'{"tiny": "{ __typename }"}')

    assert read_manifest(file) == {"tiny": TINY}


def test_a_byte_order_mark_before_a_command_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "query.graphql"
    file.write_bytes(codecs.BOM_UTF8 + TINY.encode())
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeff" + TINY))

    assert [read_text(file), read_text(Path("-"))] == [TINY, TINY]


async def test_an_error_names_the_invalid_id_among_many(server: Server) -> None:
    good = (await server.ask(FIND))["technicalCompetence"]["id"]
    ids = [good, "TWlzdGFrZQ", good]

    (one,) = await server.errors("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    refs = [{"id": id} for id in ids]
    (other,) = await server.errors(
        "query ($have: [ConceptRef!]!) { profilesForCompetences(have: $have) { totalCount } }", {"have": refs}
    )

    assert one["path"] == ["nodes", 1]
    assert other["extensions"]["entries"] == ["have[1]"]
    for error in (one, other):
        assert "'TWlzdGFrZQ' is not an id of this server" in error["message"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_error_quotes_only_the_start_of_a_long_id(server: Server) -> None:
    (error,) = await server.errors("query ($id: ID!) { node(id: $id) { id } }", {"id": "x" * 10_000})

    assert error["message"].startswith(f"'{'x' * 80}…' is not an id")
    assert len(error["message"]) < 200


async def test_an_error_names_entries_of_a_wrong_type(server: Server) -> None:
    (types,) = await server.errors(
        '{ profilesForCompetences(have: [{ code: "CP-7" }, { code: "OP-101" }]) { totalCount } }'
    )
    (gap,) = await server.errors('{ competenceGap(from: { code: "OP-101" }, to: { code: "CP-7" }) { coverage } }')

    assert types["message"].startswith("`have[1]` is of type OccupationalProfile; `have` takes technical competences, ")
    assert gap["message"] == "`to` is of type TechnicalCompetence; `to` takes occupational profiles."


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("{ technicalCompetences { nodes { title } } }", "skill { description { text } }"),
        ("{ technicalCompetences { nodes { description { nl } } } }", "skill { description { text } }"),
        ("{ skills { nodes { name } } }", "description { text }"),
        ("{ occupationalProfiles { nodes { name } } }", "title { text }"),
        ("{ occupationalProfiles { nodes { competences { id } } } }", "essentialCompetences"),
        ("{ node(id: 1) { title } }", "inline fragment on 'CompetenceSet' or 'OccupationalProfile'"),
    ],
)
async def test_an_error_hints_at_a_field_of_another_type(server: Server, query: str, hint: str) -> None:
    (error,) = await server.errors(query)

    assert error["message"].startswith("Cannot query field '")
    assert hint in error["message"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_other_unknown_fields_get_suggestions_of_graphql_core(server: Server) -> None:
    (error,) = await server.errors("{ technicalCompetences { nodes { cod } } }")

    assert error["message"] == "Cannot query field 'cod' on type 'TechnicalCompetence'. Did you mean 'code' or 'id'?"


async def test_without_introspection_errors_have_no_hints(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, introspection="off")) as server:
        (error,) = await server.errors("{ technicalCompetences { nodes { title } } }")

    assert error["message"] == "Cannot query field 'title' on type 'TechnicalCompetence'."


def test_every_hint_is_for_a_missing_field() -> None:
    schema = build_schema((Path(__file__).parents[3] / "schema.graphql").read_text(encoding="utf-8"))

    for type_name, field in HINTS:
        result = schema.type_map[type_name]
        assert isinstance(result, GraphQLObjectType)
        assert field not in result.fields
