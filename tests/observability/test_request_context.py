"""The context of one request: shared by logs, metrics and traces, filled while the request is processed."""

from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from graphql_api.observability.request_context import RequestContext, record_of
from tests.conftest import Server


async def record_after(server: Server, query: str, **headers: str) -> RequestContext:
    """The record that a middleware around the server sees after the response."""
    seen: list[RequestContext] = []

    async def watching(scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        await server.app(scope, receive, send)
        seen.append(record)

    transport = httpx.ASGITransport(watching)
    async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as client:
        response = await client.post("/graphql", json={"query": query}, headers=headers)
    assert response.headers["x-request-id"] == seen[0].request_id
    return seen[0]


@pytest.mark.parametrize(
    ("query", "name", "operation_type", "outcome", "codes"),
    [
        ("query Mine { __typename }", "Mine", "query", "ok", []),
        ("{ __typename }", "", "query", "ok", []),
        ('query Mine { a: __typename node(id: "x") { id } }', "Mine", "query", "partial", ["BAD_USER_INPUT"]),
        ("query Mine {", "", "", "refused", ["GRAPHQL_PARSE_FAILED"]),
        ("", "", "", "refused", ["BAD_REQUEST"]),
    ],
)
async def test_the_record_has_the_operation_and_its_outcome(
    server: Server, query: str, name: str, operation_type: str, outcome: str, codes: list[str]
) -> None:
    record = await record_after(server, query)

    assert (record.name, record.operation_type, record.outcome, record.error_codes) == (
        name,
        operation_type,
        outcome,
        codes,
    )


async def test_all_layers_share_one_record_with_the_request_id_of_the_client(server: Server) -> None:
    assert (await record_after(server, "{ __typename }", **{"X-Request-ID": "mine-1"})).request_id == "mine-1"

    scope: dict[str, Any] = {"headers": [(b"x-request-id", b"not plain")]}
    assert record_of(scope) is record_of(scope)
    assert record_of(scope).request_id != "not plain"


async def test_the_upstream_counts_are_returned_on_request(server: Server) -> None:
    response = await server.post("{ __typename }", X_Competent_Explain="1")
    untold = await server.post("{ __typename }")

    assert response.json()["extensions"]["upstream"] == {"requests": 0, "cached": 0, "stale": 0}
    assert "extensions" not in untold.json()
