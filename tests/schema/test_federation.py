"""The server as a subgraph: the SDL for routers, and entities by key."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import graphql
import pytest

from graphql_api.errors import SettingsError
from graphql_api.execution.schema import build_schema
from graphql_api.sandbox import Fault, Releases
from graphql_api.schema.federation import KEYS, subgraph_sdl
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running
from tests.index_statements import record_statements

ENTITIES = """query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Node { id }
    ... on Concept { code uuid release { number } }
    ... on TechnicalCompetence { skill { code } }
    ... on Release { number }
  }
}"""


@pytest.fixture
async def subgraph(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, federation="on")) as started:
        yield started


async def entities(server: Server, *representations: Any) -> list[Any]:
    results: list[Any] = (await server.ask(ENTITIES, {"representations": list(representations)}))["_entities"]
    return results


async def test_the_subgraph_schema_has_keys_but_no_router_fields(subgraph: Server) -> None:
    sdl = (await subgraph.ask("{ _service { sdl } }"))["_service"]["sdl"]

    assert sdl.startswith('extend schema @link(url: "https://specs.apollo.dev/federation/v2.')
    profile = 'type OccupationalProfile implements Concept & Node @key(fields: "id") @key(fields: "uuid release { number }") @key(fields: "code") {'
    assert profile in sdl
    assert 'type Release implements Node @key(fields: "id") @key(fields: "number") {' in sdl
    assert "type PageInfo @shareable {" in sdl
    assert "_entities" not in sdl
    assert "_Any" not in sdl


def test_without_directives_the_subgraph_schema_equals_the_plain_one() -> None:
    plain = build_schema().as_str()
    printed = graphql.parse(subgraph_sdl(build_schema(federation=True).as_str()), no_location=True)

    class Plain(graphql.Visitor):
        def enter_directive(self, node: graphql.DirectiveNode, *_: Any) -> Any:
            return graphql.REMOVE if node.name.value in ("key", "shareable", "link") else None

        def enter_schema_extension(self, *_: Any) -> Any:
            return graphql.REMOVE

    bare = graphql.visit(printed, Plain())
    assert graphql.print_ast(bare) == graphql.print_ast(graphql.parse(plain, no_location=True))


def test_every_node_has_its_keys() -> None:
    sdl = subgraph_sdl(build_schema().as_str())
    nodes = [
        line
        for line in sdl.splitlines()
        if line.startswith("type ") and line.split(" @")[0].endswith(("Node", "Node {"))
    ]

    assert len(nodes) == 9
    assert all('@key(fields: "id")' in line for line in nodes)


async def test_the_setting_off_removes_the_fields_for_routers(server: Server) -> None:
    assert await server.codes("{ _service { sdl } }") == ["GRAPHQL_VALIDATION_FAILED"]


async def test_an_entity_is_found_by_each_of_its_keys(subgraph: Server) -> None:
    (by_uuid,) = await entities(
        subgraph, {"__typename": "TechnicalCompetence", "uuid": CP_7, "release": {"number": "3.11"}}
    )
    (by_id,) = await entities(subgraph, {"__typename": "TechnicalCompetence", "id": by_uuid["id"]})

    assert by_uuid["code"] == "CP-7"
    assert by_uuid["release"] == {"number": "3.11"}
    assert by_id == by_uuid


async def test_a_code_is_looked_up_in_the_current_release(subgraph: Server) -> None:
    refs = {"OccupationalProfile": "OP-101", "TechnicalCompetence": "CP-7", "Skill": "sk-3851 ", "DigitalSkill": "DS-1"}
    results = await entities(subgraph, *({"__typename": name, "code": code} for name, code in refs.items()))
    nothing = await entities(subgraph, {"__typename": "Skill", "code": "CP-7"}, {"__typename": "Skill", "code": ""})

    assert {item["__typename"]: item["code"] for item in results} == refs | {"Skill": "SK-3851"}
    assert {item["release"]["number"] for item in results} == {"3.11"}
    assert nothing == [None, None]


async def test_five_hundred_codes_take_one_index_query(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = record_statements(monkeypatch)
    async with running(releases, replace(settings, federation="on")) as server:
        page = (await server.ask("{ skills(first: 500) { nodes { code } } }"))["skills"]["nodes"]
        codes = [node["code"] for node in page]
        representations = [{"__typename": "Skill", "code": code} for code in codes]
        query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Skill { code } } }"
        statements.clear()

        results = (await server.ask(query, {"r": representations}))["_entities"]

    assert [item["code"] for item in results] == codes
    assert len(codes) > 300
    assert len(statements) <= 2 + len(codes) // 100


async def test_a_release_is_an_entity_and_current_resolves_to_its_number(subgraph: Server) -> None:
    results = await entities(
        subgraph,
        {"__typename": "Release", "number": "3.10"},
        {"__typename": "Release", "number": "current"},
        {"__typename": "TechnicalCompetence", "uuid": CP_7.upper(), "release": {"number": "current"}},
    )

    assert [item.get("number") for item in results[:2]] == ["3.10", "3.11"]
    assert results[2]["release"] == {"number": "3.11"}


async def test_each_document_is_fetched_once_for_all_representations(subgraph: Server) -> None:
    representation = {"__typename": "TechnicalCompetence", "uuid": CP_7, "release": {"number": "3.11"}}
    (results,) = await entities(subgraph, representation)
    assert subgraph.upstream_paths() == [f"/releases/3.11/technicalcompetences/{CP_7}"]

    repeated = await entities(
        subgraph, *[representation] * 50, *[{"__typename": "TechnicalCompetence", "id": results["id"]}] * 50
    )

    assert repeated == [results] * 100
    assert subgraph.upstream_paths() == []


async def test_entities_of_a_router_are_fetched_concurrently(subgraph: Server) -> None:
    profiles = (await subgraph.ask("{ occupationalProfiles(first: 8) { nodes { id } } }"))["occupationalProfiles"][
        "nodes"
    ]
    subgraph.upstream_paths()

    results = await entities(
        subgraph, *[{"__typename": "OccupationalProfile", "id": profile["id"]} for profile in profiles]
    )

    assert [item["id"] for item in results] == [profile["id"] for profile in profiles]
    assert len(subgraph.upstream_paths()) == 8


async def test_a_missing_entity_is_null_at_its_position(subgraph: Server) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    results = await entities(
        subgraph,
        {"__typename": "Skill", "uuid": missing, "release": {"number": "3.11"}},
        {"__typename": "TechnicalCompetence", "uuid": CP_7, "release": {"number": "9.99"}},
        {"__typename": "TechnicalCompetence", "uuid": CP_7, "release": {"number": "3.11"}},
    )

    assert results[:2] == [None, None]
    assert results[2]["code"] == "CP-7"


@pytest.mark.parametrize(
    ("representation", "says"),
    [
        ("text", "__typename"),
        (None, None),
        ([], "__typename"),
        ({}, "__typename"),
        ({"__typename": "Language"}, "__typename"),
        ({"__typename": ["Skill"], "code": "SK-1"}, "__typename"),
        ({"__typename": "Skill"}, "keys"),
        ({"__typename": "Skill", "uuid": "x", "release": {"number": "3.11"}}, "keys"),
        ({"__typename": "Skill", "uuid": CP_7}, "keys"),
        ({"__typename": "Skill", "uuid": CP_7, "release": {"number": 3.11}}, "keys"),
        ({"__typename": "Release"}, "keys"),
        ({"__typename": "Release", "code": "3.11"}, "keys"),
        ({"__typename": "Skill", "code": 7}, "keys"),
        ({"__typename": "Skill", "id": "forged"}, "id of this server"),
        ({"__typename": "Skill", "id": "UmVsZWFzZTozLjEx"}, "not the id of a"),
    ],
)
async def test_an_invalid_representation_fails_only_its_position_with_advice(
    subgraph: Server, representation: Any, says: str | None
) -> None:
    good = {"__typename": "TechnicalCompetence", "uuid": CP_7, "release": {"number": "3.11"}}
    answer = (await subgraph.post(ENTITIES, {"representations": [representation, good]})).json()

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    if says is not None:  # null is refused with the variables
        assert says in error["message"]
        assert error["path"] == ["_entities", 0]
        assert answer["data"]["_entities"][1]["code"] == "CP-7"


async def test_an_invalid_release_number_is_release_not_found(subgraph: Server) -> None:
    wrong = {"__typename": "Skill", "uuid": CP_7, "release": {"number": "../x"}}

    assert await subgraph.codes(ENTITIES, {"representations": [wrong]}) == ["RELEASE_NOT_FOUND"]


async def test_too_many_representations_are_refused(subgraph: Server) -> None:
    many = [{"__typename": "Release", "number": "3.11"}] * 501

    (error,) = await subgraph.errors(ENTITIES, {"representations": many})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "501" in error["message"]


async def test_with_upstream_down_only_entities_that_need_it_fail(subgraph: Server) -> None:
    subgraph.faults.add(Fault("**", "status", status=503))
    reference = {"__typename": "TechnicalCompetence", "uuid": CP_7, "release": {"number": "3.11"}}

    (error,) = await subgraph.errors(ENTITIES, {"representations": [reference]})

    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert error["path"] == ["_entities", 0]


def test_the_setting_is_on_or_off() -> None:
    with pytest.raises(SettingsError, match="COMPETENT_FEDERATION must be on or off"):
        replace(Settings(), federation="yes").checked()


PAGE = (Path(__file__).parents[2] / "docs" / "federation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("query", re.findall(r"```graphql subgraph\n(.*?)```", PAGE, re.DOTALL))
async def test_documented_router_queries_return_data(subgraph: Server, query: str) -> None:
    data = await subgraph.ask(query)

    assert None not in data.get("_entities", [])


@pytest.mark.parametrize("sdl", re.findall(r"```graphql federation[^\n]*\n(.*?)```", PAGE, re.DOTALL))
def test_documented_subgraphs_use_our_types_and_keys(sdl: str) -> None:
    for definition in graphql.parse(sdl).definitions:
        if isinstance(definition, graphql.ObjectTypeDefinitionNode) and (name := definition.name.value) in KEYS:
            (key,) = definition.directives
            assert key.arguments[0].value.value in KEYS[name]  # type: ignore[attr-defined]


def test_every_entity_type_is_documented_with_its_keys() -> None:
    rows = re.findall(r"^\| (`\w+`.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    documented = {name: re.findall("`(.*?)`", keys) for names, keys in rows for name in re.findall(r"`(\w+)`", names)}

    assert {name: tuple(documented.get(name, ())) for name in KEYS} == KEYS


def block_of_page(info: str) -> str:
    """The text of the only block of the page with this info string."""
    (block,) = re.findall(rf"```{info}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


async def test_the_documented_vacancy_is_resolved_by_its_codes(subgraph: Server) -> None:
    """Types and codes as VDAB's vacancy API has them become entities with the labels of the vacancy."""
    vacancy = json.loads(block_of_page("json vacancy"))
    types = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE))
    requirements = [item for item in vacancy["profiel"]["vereisten"] if item["type"] in types]
    union = graphql.parse(block_of_page("graphql federation vacancy"))
    (members,) = [node for node in union.definitions if isinstance(node, graphql.UnionTypeDefinitionNode)]
    profile = {"__typename": "OccupationalProfile", "code": vacancy["functie"]["beroepsprofiel"]["code"]}
    text = "description { nl }"
    query = f"""query ($representations: [_Any!]!) {{ _entities(representations: $representations) {{
      __typename ... on Concept {{ code }} ... on OccupationalProfile {{ title {{ nl }} }} ... on Competence {{ {text} }}
      ... on TechnicalCompetence {{ skill {{ {text} }} }}
    }} }}"""
    representations = [
        profile,
        *({"__typename": types[requirement["type"]], "code": requirement["code"]} for requirement in requirements),
    ]
    first, *rest = (await subgraph.ask(query, {"representations": representations}))["_entities"]

    assert list(types) == ["technischecompetentie", "vaardigheid", "kennis", "softskill"]
    assert {member.name.value for member in members.types} == set(types.values())
    assert first["title"]["nl"] == vacancy["functie"]["beroepsprofiel"]["label"]
    assert [item["__typename"] for item in rest] == [types[requirement["type"]] for requirement in requirements]
    labels = [(item.get("skill") or item)["description"]["nl"] for item in rest]
    assert labels == [requirement["label"] for requirement in requirements]
