"""The operations as MCP tools, called by the protocol's own client: in this process, and over standard input and output."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

from graphql_api.app import create_app
from graphql_api.cli.serve import tools_app_of
from graphql_api.execution.personal_text import takes_personal_text
from graphql_api.http.auth.keys import Keys
from graphql_api.http.mcp.server import create_mcp
from graphql_api.http.pages.examples import examples
from graphql_api.sandbox import Fault, Faults, Releases, create_sandbox
from graphql_api.settings import Settings
from tests.conftest import clean

ROOT = Path(__file__).parents[3]
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@asynccontextmanager
async def agent(
    releases: Releases, settings: Settings, faults: Faults | None = None, languages: str = ""
) -> AsyncIterator[Client]:
    """A client of the server in this process; a context manager, as the library's task groups must end where they began."""
    app = create_app(settings, create_sandbox(releases, faults=faults or Faults()))
    async with Client(create_mcp(app, languages)) as client:
        yield client


async def test_every_example_query_is_a_tool_with_a_description(releases: Releases, settings: Settings) -> None:
    async with agent(releases, settings) as client:
        tools = (await client.list_tools()).tools

    assert [(tool.name, tool.description) for tool in tools[:-3]] == [
        (example.name, example.about) for example in examples() if example.operation_type == "query"
    ]
    assert [tool.name for tool in tools[-3:]] == ["search_schema", "validate", "execute"]
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)


@pytest.mark.slow
async def test_every_tool_returns_data_for_the_example_variables(releases: Releases, settings: Settings) -> None:
    app = create_app(settings, create_sandbox(releases))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test") as http:
        groups = (await http.get("/graphiql/examples.json")).json()["groups"]

    async with agent(releases, settings) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        for example in [example for group in groups for example in group["examples"]]:
            if example["name"] in tools and not takes_personal_text(example["query"]):  # those need vectors
                result = await client.call_tool(example["name"], json.loads(example["variables"]))
                assert not result.is_error, result.content
                assert None not in result.structured_content["data"].values()


async def test_a_result_is_structured_and_equal_as_text(releases: Releases, settings: Settings) -> None:
    async with agent(releases, settings, languages="fr") as client:
        result = await client.call_tool("SimilarProfiles", {"profileCode": "OP-101"})

    assert result.structured_content["data"]["occupationalProfile"]["title"]["text"] == "Infirmier / Infirmière"
    assert json.loads(result.content[0].text) == result.structured_content  # type: ignore[union-attr]


async def test_texts_are_in_the_languages_that_an_agent_asks_for(releases: Releases, settings: Settings) -> None:
    titles = {"NL": "Verpleegkundige", "FR": "Infirmier / Infirmière", "EN": "Nurse", "DE": "Krankenpfleger"}
    async with agent(releases, settings, languages="nl") as client:
        for language, title in titles.items():
            for tool in ("SimilarProfiles", "ProfileInDepth"):  # with the variable, and without it
                arguments = {"profileCode": "OP-101", "languages": [language]}
                result = await client.call_tool(tool, arguments)
                text = json.dumps(result.structured_content, ensure_ascii=False)
                assert f'"{title}' in text, (tool, language)
        german = await client.call_tool("SimilarProfiles", {"profileCode": "OP-102", "languages": ["DE", "FR"]})
        default = await client.call_tool("SimilarProfiles", {"profileCode": "OP-102"})

    assert german.structured_content["data"]["occupationalProfile"]["title"]["text"].startswith("Pflegehelfer")
    assert default.structured_content["data"]["occupationalProfile"]["title"]["text"] == "Zorgkundige"


async def test_an_agent_finds_the_arguments_of_every_tool_by_search(releases: Releases, settings: Settings) -> None:
    async with agent(releases, settings) as client:
        uuids = {}
        for text, name in (("SK-101", "WhereASkillIsUsed"), ("CP-101", "Competence"), ("CP-101", "Mappings")):
            result = await client.call_tool("Search", {"searchText": text, "first": 1})
            uuids[name] = result.structured_content["data"]["search"]["edges"][0]["node"]["uuid"]
        suggested = await client.call_tool("Suggest", {"typed": "verpleeg"})
        for name, uuid in uuids.items():
            argument = "skillUuid" if name == "WhereASkillIsUsed" else "competenceUuid"
            result = await client.call_tool(name, {argument: uuid})
            assert not result.is_error
            assert None not in result.structured_content["data"].values()

    assert suggested.structured_content["data"]["suggest"][0]["concept"]["uuid"]


async def test_a_missing_concept_is_null_without_an_error_in_a_tool(releases: Releases, settings: Settings) -> None:
    async with agent(releases, settings) as client:
        result = await client.call_tool("SimilarProfiles", {"profileCode": "OP-0"})

    assert not result.is_error
    assert result.structured_content == {"data": {"occupationalProfile": None}}


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("SimilarProfiles", {}, "needs profileCode"),
        ("ProfilesForText", {"first": 5}, "needs text"),
        ("CompetenceGap", {"from": None}, "needs from, to"),
        ("Search", {"searchText": "zorg", "languages": ["nl"]}, "list of NL, FR, EN, DE"),
        ("Search", {"searchText": "zorg", "languages": "NL"}, "list of NL, FR, EN, DE"),
        ("SimilarProfiles", {"code": "OP-101"}, "takes profileCode"),
        ("Releases", {"code": "OP-101"}, "takes nothing"),
        ("ListOfProfiles", {"first": -1}, "between 0 and 500"),
        ("ListOfProfiles", {"first": "many"}, "Int"),
        ("Competence", {"competenceUuid": "../../x"}, "expected a form such as"),
    ],
)
async def test_the_error_for_a_wrong_argument_has_the_valid_values(
    releases: Releases, settings: Settings, tool: str, arguments: dict[str, Any], says: str
) -> None:
    async with agent(releases, settings) as client:
        result = await client.call_tool(tool, arguments)

    assert result.is_error
    error = result.structured_content["errors"][0]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]


async def test_the_error_for_an_unknown_tool_lists_the_tools(releases: Releases, settings: Settings) -> None:
    async with agent(releases, settings) as client:
        with pytest.raises(MCPError, match="ProfileInDepth"):
            await client.call_tool("Delete", {})


LONG = "x" * 100_000


@pytest.mark.parametrize("tool", [LONG, "é" * 50_000])
async def test_an_error_about_a_tool_is_short(releases: Releases, settings: Settings, tool: str) -> None:
    async with agent(releases, settings) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool(tool, {})

    assert len(refused.value.message) < 600


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("Releases", {LONG: 1}),
        ("Releases", {f"argument{n}": 1 for n in range(5_000)}),
        ("Competence", {"competenceUuid": LONG}),
        ("Competence", {"competenceUuid": [LONG]}),
        ("Competence", {"competenceUuid": LONG * 10}),
    ],
)
async def test_an_error_about_arguments_is_short(
    releases: Releases, settings: Settings, tool: str, arguments: dict[str, Any]
) -> None:
    async with agent(releases, settings) as client:
        result = await client.call_tool(tool, arguments)

    assert result.is_error
    assert len(result.content[0].text) < 1_000  # type: ignore[union-attr]


async def test_with_upstream_down_a_tool_returns_the_error_code(releases: Releases, settings: Settings) -> None:
    faults = Faults()
    faults.add(Fault("**", "status", status=503))
    async with agent(releases, settings, faults) as client:
        result = await client.call_tool("Releases")

    assert result.is_error
    assert result.structured_content["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


@asynccontextmanager
async def over_http(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of tools over HTTP in this process, while they run."""
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8001", headers=headers
        ) as client,
    ):
        yield client


async def test_over_streamable_http_a_browser_on_another_site_is_refused(
    releases: Releases, settings: Settings
) -> None:
    app = create_mcp(create_app(settings, create_sandbox(releases))).streamable_http_app(
        json_response=True, stateless_http=True
    )
    async with over_http(app) as client:
        response = await client.post("/mcp", json=CALL)
        elsewhere = await client.post("/mcp", json=CALL, headers={"Origin": "https://evil.example"})

    assert "ProfileInDepth" in {tool["name"] for tool in response.json()["result"]["tools"]}
    assert elsewhere.status_code == 403


async def test_streamable_http_requires_a_key_if_the_settings_do(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = Keys(file).new("agent")
    with tools_app_of(replace(settings, access="keys", keys_file=file, index="off"), "") as (app, _):
        async with over_http(app) as client:
            without = await client.post("/mcp", json=CALL)
            response = await client.post("/mcp", json=CALL, headers={"X-API-Key": key})
            slash = await client.post("/mcp/", json=CALL, headers={"X-API-Key": key})

    assert (without.status_code, without.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert response.json()["result"]["tools"]
    assert slash.json() == response.json()  # not a redirect, which could lead elsewhere with the key


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        {"method": LONG},
        {"method": LONG, "params": {LONG: 1}},
        {"method": "resources/read", "params": {"uri": LONG}},
        {"method": "tools/call", "params": {"name": LONG}},
        {"method": "tools/call", "params": {"name": 7, LONG: 7}},
        {"method": 7},
        LONG,
        [],
        [CALL],
        None,
        b"garbage",
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
async def test_over_streamable_http_every_error_is_short(settings: Settings, body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(CALL | body if isinstance(body, dict) else body)
    with tools_app_of(replace(settings, index="off"), "") as (app, _):
        async with over_http(app) as client:
            response = await client.post("/mcp", content=content, headers={"Content-Type": "application/json"})

    assert response.json()["error"]["message"]
    assert len(response.content) < 700
    assert "pydantic" not in response.text


async def test_over_streamable_http_a_large_body_is_refused(settings: Settings) -> None:
    with tools_app_of(replace(settings, index="off"), "") as (app, _):
        async with over_http(app) as client:
            response = await client.post("/mcp", json=CALL | {"params": {"x": LONG * 3}})

    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.slow
async def test_the_command_serves_one_client_over_standard_io(tmp_path: Path) -> None:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "graphql_api", "mcp", "--language", "de"],
        env=clean(COMPETENT_INDEX="off", COMPETENT_CACHE_DIR=str(tmp_path)),
        cwd=ROOT,
    )
    async with Client(command) as client:
        result = await client.call_tool("ListOfProfiles", {"first": 1})

    assert result.structured_content["data"]["occupationalProfiles"]["nodes"][0]["code"]


@pytest.mark.slow
def test_without_the_extra_the_command_prints_how_to_install_it() -> None:
    without = "import sys; sys.modules['mcp'] = None; sys.argv = ['competent-graphql', 'mcp']; from graphql_api.cli import main; main()"
    process = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, cwd=ROOT, check=False)

    assert process.returncode == 2
    assert "pip install -e '.[mcp]'" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_example_in_the_docs_names_the_command_and_its_options() -> None:
    page = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
    (example,) = [part.partition("```")[0] for part in page.split("```json\n")[1:] if "mcpServers" in part]
    config = json.loads(example)["mcpServers"]["competent"]

    assert config["command"].endswith("/.venv/bin/competent-graphql")  # an agent has no PATH of a shell
    assert config["args"][0] == "mcp"
    helped = subprocess.run(
        [sys.executable, "-m", "graphql_api", *config["args"], "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "Usage" in helped.stdout
