"""GraphQL over HTTP: accepted requests, refusals, and status codes."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from graphql_api.http.graphql import JSON, RESPONSE_JSON
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

TINY = "{ __typename }"


async def post(server: Server, content: bytes = orjson.dumps({"query": TINY}), **headers: str) -> httpx.Response:
    fields = {"content-type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.client.post("/graphql", content=content, headers=fields)


def code_of(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["message"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    return str(error["extensions"]["code"])


async def test_an_operation_runs_by_post_and_by_get(server: Server) -> None:
    by_get = await server.client.get("/graphql", params={"query": TINY, "variables": "", "operationName": ""})

    assert (await post(server)).json() == by_get.json() == {"data": {"__typename": "Query"}}


async def test_variables_are_json_in_get(server: Server) -> None:
    query = "query ($n: String!) { release(number: $n) { number } }"
    response = await server.client.get("/graphql", params={"query": query, "variables": '{"n": "3.10"}'})

    assert response.json() == {"data": {"release": {"number": "3.10"}}}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (f"{JSON};q=0.5, {RESPONSE_JSON};q=0.4", JSON),
        (f"{RESPONSE_JSON};charset=utf-8", RESPONSE_JSON),
        ("text/html, */*;q=0.1", JSON),
        (f"{JSON}, {RESPONSE_JSON}", JSON),
        (f"{RESPONSE_JSON}, {JSON}", RESPONSE_JSON),
        (f"{RESPONSE_JSON}, */*;q=0.8", RESPONSE_JSON),
        (f"*/*, {RESPONSE_JSON};q=0.5", JSON),
        (f"*/*, {JSON};q=0.5", RESPONSE_JSON),
        (f"{JSON};q=0, */*", RESPONSE_JSON),
        (f"text/event-stream;q=0.5, {RESPONSE_JSON}, {JSON}", RESPONSE_JSON),
        (f" APPLICATION/JSON ; Q=0.9,{RESPONSE_JSON};q=0.8", JSON),
    ],
)
async def test_the_content_type_follows_the_accept_header(server: Server, accept: str, media_type: str) -> None:
    response = await post(server, accept=accept) if accept else await post(server)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/json;q=0", "application/json;q=x", "*/*;q=nan", "*/*;q=2", ",", "application/jso"],
)
async def test_an_unacceptable_accept_header_is_406(server: Server, accept: str) -> None:
    response = await post(server, accept=accept)

    assert response.status_code == 406
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json-x",
        "application/json;charset=latin-1",
        "application/json, text/plain",
        "",
    ],
)
async def test_an_unsupported_content_type_is_415(server: Server, content_type: str) -> None:
    response = await post(server, content_type=content_type)

    assert response.status_code == 415
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'APPLICATION/JSON;charset="UTF-8"', "application/json;x=y"]
)
async def test_json_in_utf_8_is_accepted(server: Server, content_type: str) -> None:
    assert (await post(server, content_type=content_type)).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x"])
async def test_a_compressed_body_is_415_and_never_inflated(server: Server, encoding: str) -> None:
    body = gzip.compress(orjson.dumps({"query": TINY}))
    response = await post(server, body, content_encoding=encoding)

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"x"',
        b"123",
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{}",
        b'{"query": ""}',
        b'{"query": 7}',
        b'{"query": "{ __typename }", "variables": [1]}',
        b'{"query": "{ __typename }", "operationName": 7}',
        b'{"query": "{ __typename }", "extensions": "x"}',
        b'{"query": "{ __typename }", "variables": {"x": NaN}}',
        b'{"query": "{ __typename }", "variables": {"x": Infinity}}',
        b'{"query": "{ __typename } \\ud800"}',
        b'{"documentId": 7}',
        b'{"query": "\xff"}',
        b"[" * 100_000,
        b'{"query": "{ __typename }", "variables": {"x": ' + b"9" * 5000 + b"}}",
    ],
)
async def test_a_body_without_an_operation_is_400_with_a_message(server: Server, body: bytes) -> None:
    response = await post(server, body)

    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert code_of(response) == "BAD_REQUEST"
    else:
        assert b"9" * 5000 in body


async def test_a_body_over_the_limit_gets_413_with_both_sizes(server: Server) -> None:
    response = await post(server, b'{"query": "' + b" " * 300_000 + b'"}')

    assert response.status_code == 413
    assert response.json()["errors"][0]["message"] == "The body has 300,013 bytes; the limit is 256,000."


async def test_the_error_for_a_chunked_body_has_the_bytes_read_so_far(server: Server) -> None:
    read = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 50_000
            yield b" " * 50_000

    response = await server.client.post("/graphql", content=pieces(), headers={"Content-Type": "application/json"})

    assert response.status_code == 413
    assert response.json()["errors"][0]["message"] == "The body has 300,000 bytes or more; the limit is 256,000."
    assert read == 300_000


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "WHATEVER"])
async def test_an_unsupported_method_is_405(server: Server, method: str) -> None:
    response = await server.client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert code_of(response) == "BAD_REQUEST"


async def test_an_unsupported_method_on_other_routes_is_405_in_json(server: Server) -> None:
    response = await server.client.post("/health/live")

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert code_of(response) == "BAD_REQUEST"


async def test_head_has_the_headers_of_get(server: Server) -> None:
    get = await server.client.get("/graphql", params={"query": TINY})
    head = await server.client.head("/graphql", params={"query": TINY})

    assert head.status_code == 200
    for name in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[name] == get.headers[name]


async def test_only_queries_run_by_get(server: Server) -> None:
    for operation_type in ("mutation", "subscription"):
        response = await server.client.get("/graphql", params={"query": f"{operation_type} {{ x }}"})

        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert code_of(response) == "BAD_REQUEST"


async def test_a_repeated_parameter_is_refused(server: Server) -> None:
    response = await server.client.get("/graphql?query={__typename}&query={a:__typename}")

    assert response.status_code == 400


async def test_an_unknown_path_is_404_in_json(server: Server) -> None:
    response = await server.client.get("/nothing")

    assert response.status_code == 404
    assert code_of(response) == "BAD_REQUEST"
    assert "The page at / lists" in response.json()["errors"][0]["message"]


REQUEST_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "{ " + "__typename " * 1001 + "}"}, "QUERY_TOO_COMPLEX"),
    ({"query": "query ($n: String!) { release(number: $n) { number } }"}, "BAD_USER_INPUT"),
    ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "query A { __typename }", "operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "fragment F on Query { __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "mutation { x }"}, "GRAPHQL_VALIDATION_FAILED"),
]


@pytest.mark.parametrize(("body", "code"), REQUEST_ERRORS)
async def test_a_request_error_has_a_code_and_no_data(server: Server, body: dict[str, Any], code: str) -> None:
    for media_type, status in ((RESPONSE_JSON, 400), (JSON, 200)):
        response = await post(server, orjson.dumps(body), accept=media_type)

        assert response.status_code == status
        assert "data" not in response.json()
        assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


async def test_deep_nesting_is_refused_without_a_trace(server: Server) -> None:
    for body in ("{ a " * 480 + "}" * 480, "query ($x: " + "[" * 480 + "Int" + "]" * 480 + ") { __typename }"):
        response = await post(server, orjson.dumps({"query": body}))

        assert response.status_code == 200
        assert response.json()["errors"][0]["extensions"]["code"] in (
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
        )


async def test_one_of_several_operations_is_selected_by_name(server: Server) -> None:
    body = {"query": "query A { a: __typename } query B { b: __typename }", "operationName": "B"}

    assert (await post(server, orjson.dumps(body))).json() == {"data": {"b": "Query"}}


async def test_a_valid_request_id_of_the_client_is_used(server: Server) -> None:
    assert (await post(server, x_request_id="abc-123")).headers["x-request-id"] == "abc-123"
    for value in ("", "a b", "x" * 65, "a;b"):
        assert len((await post(server, x_request_id=value)).headers["x-request-id"]) == 32


async def test_introspection_returns_the_schema(server: Server) -> None:
    data = await server.ask("{ __schema { queryType { name } types { name } } }")

    assert {"Release", "OccupationalProfile", "Skill"} <= {type_name["name"] for type_name in data["__schema"]["types"]}


async def test_the_liveness_check_responds(server: Server) -> None:
    assert (await server.client.get("/health/live")).status_code == 200


async def test_the_cost_of_an_operation_is_returned_on_request(server: Server) -> None:
    query = "query ($n: Int) { skills(first: $n) { nodes { code } } }"

    response = (await server.post(query, {"n": 7}, x_competent_explain="1")).json()

    cost = response["extensions"]["cost"]
    assert (cost["requested"], cost["actual"], cost["allowed"]) == (16, 16, 50_000)
    assert "extensions" not in (await server.post(query, {"n": 7})).json()


async def test_an_operation_that_costs_too_much_makes_no_upstream_call(server: Server) -> None:
    query = "{ occupationalProfiles(first: 500) { nodes { essentialCompetences { knowledgeItems { description { nl fr } } } } } }"

    (error,) = await server.errors(query)

    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert "costs 66,487 units" in error["message"]
    assert "the limit is 50,000" in error["message"]
    assert server.upstream_paths() == []


async def test_too_many_values_in_variables_are_refused(server: Server) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    (error,) = await server.errors(query, {"ids": ["a"] * 5000})

    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["message"] == "The variables have 5,001 values; the limit is 5,000."


async def test_introspection_and_graphiql_can_be_switched_off(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, introspection="off", graphiql="off")) as server:
        assert (await server.codes("{ __schema { queryType { name } } }"))[0] == "GRAPHQL_VALIDATION_FAILED"
        for path in ("/graphiql", "/schema.graphql"):
            assert (await server.client.get(path)).status_code == 404
        page = (await server.client.get("/")).text
        assert 'href="llms.txt"' in page
        assert 'href="graphiql"' not in page
        assert 'href="schema.graphql"' not in page
        assert (await server.client.get("/graphiql/assets/icon.svg")).status_code == 200
