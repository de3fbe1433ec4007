"""The MCP tools for an agent's queries (search the schema, validate, execute), with the usual limits, quotas and logs."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from graphql_api.cli.serve import tools_app_of
from graphql_api.execution.schema import build_schema
from graphql_api.http.auth.keys import Keys
from graphql_api.http.auth.rate_limit import REQUEST_COST
from graphql_api.http.mcp.schema_search import SchemaSearch
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.http.mcp.test_server import agent, over_http

SKILLS = "query ($n: Int) { skills(first: $n) { nodes { code } } }"


async def call(releases: Releases, settings: Settings, tool: str, **arguments: Any) -> Any:
    async with agent(releases, settings) as client:
        return await client.call_tool(tool, arguments)


def coordinates(result: Any) -> list[str]:
    return [match["coordinate"] for match in result.structured_content["data"]["matches"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("similar profiles", "OccupationalProfile.similarProfiles"),
        ("competence gap", "Query.competenceGap"),
        ("changes since", "Release.changes(since:)"),
        ("SearchMode", "SearchMode"),
        ("translation coverage", "Release.translationCoverage"),
    ],
)
async def test_the_schema_is_searched_by_words(
    releases: Releases, settings: Settings, text: str, expected: str
) -> None:
    result = await call(releases, settings, "search_schema", text=text, first=8)

    assert not result.is_error
    assert expected in coordinates(result)
    assert len(coordinates(result)) <= 8 <= result.structured_content["data"]["totalCount"] or expected == "SearchMode"


async def test_a_match_has_its_signature_and_description(releases: Releases, settings: Settings) -> None:
    result = await call(releases, settings, "search_schema", text="conceptsMappedFrom uri", first=50)
    matches = {match["coordinate"]: match for match in result.structured_content["data"]["matches"]}

    assert matches["Query.conceptsMappedFrom"]["signature"] == (
        "conceptsMappedFrom(uri: String!, release: String!): [Concept!]"
    )
    assert matches["Query.conceptsMappedFrom(uri:)"]["signature"] == "uri: String!"
    assert "another classification" in matches["Query.conceptsMappedFrom"]["description"]


def test_every_schema_element_is_found_by_its_name() -> None:
    schema = build_schema().core_schema
    search = SchemaSearch(schema)

    for name, type_ in schema.type_map.items():
        if not name.startswith("_"):
            assert name in [element.coordinate for element in search.matches(name)]
            for field in getattr(type_, "fields", {}):
                assert f"{name}.{field}" in [element.coordinate for element in search.matches(f"{name} {field}")]


async def test_a_valid_query_has_a_cost_and_is_not_executed(releases: Releases, settings: Settings) -> None:
    result = await call(releases, settings, "validate", query=SKILLS, variables={"n": 100})

    assert not result.is_error
    assert result.structured_content["data"] == {"isValid": True, "cost": 202, "allowed": 50_000, "errors": []}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED", "nothing"),
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED", "Syntax"),
        ({"query": SKILLS, "variables": {"n": "many"}}, "BAD_USER_INPUT", "$n"),
        ({"query": f"{{ {' '.join(f'a{n}: __typename' for n in range(60))} }}"}, "QUERY_TOO_COMPLEX", "root fields"),
        ({"query": SKILLS, "operationName": "Other"}, "OPERATION_RESOLUTION_FAILURE", "Other"),
    ],
)
async def test_an_invalid_query_has_the_errors_of_the_endpoint(
    releases: Releases, settings: Settings, arguments: dict[str, Any], code: str, says: str
) -> None:
    validated = (await call(releases, settings, "validate", **arguments)).structured_content["data"]
    executed = (await call(releases, settings, "execute", **arguments)).structured_content

    assert not validated["isValid"]
    for error in (validated["errors"][0], executed["errors"][0]):
        assert error["extensions"]["code"] == code
        assert error["extensions"]["requestId"]
        assert says in error["message"]
    assert "data" not in executed


async def test_a_query_of_the_agent_is_executed(releases: Releases, settings: Settings) -> None:
    result = await call(releases, settings, "execute", query=SKILLS, variables={"n": 2}, operationName=None)

    assert not result.is_error
    assert len(result.structured_content["data"]["skills"]["nodes"]) == 2


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("search_schema", {}, "needs `text`"),
        ("search_schema", {"text": ""}, "1 to 200 characters"),
        ("search_schema", {"text": "x" * 201}, "1 to 200 characters"),
        ("search_schema", {"text": 5}, "`text` must be of type string"),
        ("search_schema", {"text": "x", "first": 0}, "between 1 and 50"),
        ("search_schema", {"text": "x", "first": True}, "`first` must be of type integer"),
        ("validate", {"quer": "{ a }"}, "does not take quer; it takes query, variables, operationName"),
        ("validate", {"query": "{ a }", "variables": [1]}, "`variables` must be of type object"),
        ("execute", {}, "needs `query`"),
    ],
)
async def test_errors_for_wrong_arguments_list_the_valid_ones(
    releases: Releases, settings: Settings, tool: str, arguments: dict[str, Any], says: str
) -> None:
    result = await call(releases, settings, tool, **arguments)

    assert result.is_error
    (error,) = result.structured_content["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]


async def test_without_introspection_the_schema_is_not_searched(releases: Releases, settings: Settings) -> None:
    async with agent(releases, replace(settings, introspection="off")) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match="no tool 'search_schema'"):
            await client.call_tool("search_schema", {"text": "skill"})

    assert {"validate", "execute"} <= tools
    assert "search_schema" not in tools


async def test_in_mode_only_untrusted_documents_are_refused(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"abc": "{ __typename }"}', encoding="utf-8")
    only = replace(settings, persisted=(manifest,), persisted_mode="only")
    validated = (await call(releases, only, "validate", query=SKILLS)).structured_content["data"]
    executed = (await call(releases, only, "execute", query=SKILLS)).structured_content

    assert [error["extensions"]["code"] for error in (*validated["errors"], *executed["errors"])] == ["FORBIDDEN"] * 2


async def test_queries_are_logged_without_their_text(
    releases: Releases, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "graphql_api.requests"):
        async with agent(releases, settings) as client:
            await client.call_tool("validate", {"query": SKILLS})
            await client.call_tool("execute", {"query": SKILLS})
    logged = [vars(record)["fields"] for record in caplog.records if record.name == "graphql_api.requests"]

    assert [(line.get("method"), line.get("path")) for line in logged] == [("MCP", "validate"), (None, None)]
    assert [line["outcome"] for line in logged] == ["ok", "ok"]
    assert "skills" not in str(logged)


async def test_tools_count_for_the_quota_of_their_client(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    headers = {"X-API-Key": Keys(file).new("agent", 1_000)}
    with_costs = replace(settings, access="keys", keys_file=file, key_quota="cost", index="off")

    def body(tool: str, **arguments: Any) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments}
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    with tools_app_of(with_costs, "") as (app, _):
        async with over_http(app) as client:
            responses = [
                await client.post("/mcp", json=item, headers=headers)
                for item in (
                    body("validate", query=SKILLS, variables={"n": 300}),
                    body("execute", query="{ release { number } }"),
                    body("Releases"),
                    body("execute", query=SKILLS, variables={"n": 500}),
                )
            ]
    left = [int(response.headers["ratelimit"].split("r=")[1].split(";")[0]) for response in responses]
    results = [response.json()["result"]["structuredContent"] for response in responses]

    assert left[0] == 1_000 - REQUEST_COST
    assert left[0] - left[1] == REQUEST_COST + 2
    assert left[1] - left[2] > REQUEST_COST
    assert [error["extensions"]["code"] for error in results[3]["errors"]] == ["RATE_LIMITED"]
