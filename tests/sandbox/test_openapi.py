"""The sandbox's description of itself: valid, and true of every kind of response."""

from typing import Any

import httpx
import openapi_spec_validator
import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from graphql_api.sandbox import Releases, create_sandbox
from tests.sandbox.conftest import ClientOf
from tests.sandbox.test_app import CP_7, get, items


@pytest.fixture
def client(bundled: Releases, client_of: ClientOf) -> httpx.AsyncClient:
    return client_of(create_sandbox(bundled, key="k3y"))


async def description(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    document: dict[str, Any] = response.json()
    return document


def closed_schemas(node: Any) -> Any:
    """Schemas that refuse additional keys."""
    if isinstance(node, dict):
        more = {"additionalProperties": False} if "properties" in node else {}
        return {key: closed_schemas(value) for key, value in node.items()} | more
    return [closed_schemas(item) for item in node] if isinstance(node, list) else node


async def test_the_description_is_valid_and_needs_no_key(client: httpx.AsyncClient) -> None:
    document = await description(client)

    openapi_spec_validator.validate(document)
    assert (await client.get("/openapi.jsonx")).status_code == 401  # a path of the API, which needs one


@pytest.mark.slow
async def test_every_sandbox_response_matches_its_openapi_schema(client: httpx.AsyncClient) -> None:
    document = await description(client)
    components = closed_schemas(document["components"])
    client.headers["X-IBM-Client-Id"] = "k3y"
    ids = {
        name: [item["id"] for item in await items(client, f"/releases/3.11/{name}?size=20")]
        for name in ("occupationalprofiles", "technicalcompetences", "softskills")
    }
    checked = 0
    for path, item in document["paths"].items():
        (content,) = item["get"]["responses"]["200"]["content"].values()
        validator = OAS30Validator({**content["schema"], "components": components}, format_checker=oas30_format_checker)
        uuids = [CP_7] if path.endswith("/used") else ids.get(path.split("/")[3] if path.count("/") > 2 else "", [])
        for uuid in uuids if "{uuid}" in path else [""]:
            address = path.replace("{release}", "3.11").replace("{uuid}", uuid)
            for query in ("?searchValue=kok",) if path == "/search" else ("", "?page=0&size=3", "?page=900&size=3"):
                validator.validate(await get(client, address + query))
                checked += 1

    assert len(document["paths"]) == 10
    assert checked > 150
