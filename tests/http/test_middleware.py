"""The middleware of all routes: security headers, CORS and gzip."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

HERE = "https://app.example.org"
ASKS = {"Origin": HERE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.fixture
async def server_with_origin(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    """A server that allows one origin."""
    async with running(releases, replace(settings, cors_origins=f"{HERE}, http://localhost:3000").checked()) as server:
        yield server


@pytest.mark.parametrize(
    "path", ["/graphql?query={__typename}", "/graphql", "/nothing", "/graphiql", "/health/live", "/"]
)
async def test_every_response_has_the_security_headers(server: Server, path: str) -> None:
    headers = (await server.client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
    assert "server" not in headers


async def test_by_default_only_local_origins_are_allowed(server: Server) -> None:
    answer = await server.client.post("/graphql", json={"query": "{ __typename }"}, headers={"Origin": HERE})
    before = await server.client.options("/graphql", headers=ASKS)
    local = await server.client.options("/graphql", headers=ASKS | {"Origin": "http://localhost:3000"})

    assert before.status_code == 400
    assert "access-control-allow-origin" not in {*answer.headers, *before.headers}
    assert local.status_code == 200
    assert local.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_none_allows_no_other_origin(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, cors_origins="none").checked()) as server:
        before = await server.client.options("/graphql", headers=ASKS | {"Origin": "http://localhost:3000"})

    assert before.status_code == 405
    assert not any(name.startswith("access-control") for name in before.headers)


@pytest.mark.parametrize(
    "names",
    [
        "baggage, sentry-trace",
        "traceparent,tracestate",
        "apollographql-client-name,apollographql-client-version,apollo-require-preflight",
        "x-apollo-operation-name, x-apollo-operation-id, x-apollo-cache-key",
        "x-competent-explain, x-competent-timeout, x-request-id, if-none-match",
        "authorization, x-api-key, x-ibm-client-id",
    ],
)
async def test_local_origins_may_send_the_headers_of_their_tools(server_with_origin: Server, names: str) -> None:
    fields = {"Origin": HERE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    before = await server_with_origin.client.options("/graphql", headers=fields)

    assert before.status_code == 200
    assert before.headers["access-control-allow-headers"] == names
    assert "access-control-allow-credentials" not in before.headers


async def test_pages_may_read_the_headers_that_clients_need(server_with_origin: Server) -> None:
    answer = await server_with_origin.client.get("/graphql?query={__typename}", headers={"Origin": HERE})
    readable = answer.headers["access-control-expose-headers"].split(", ")

    assert {"ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID"} == {*readable}


async def test_pages_of_allowed_origins_may_send_and_read(server_with_origin: Server) -> None:
    before = await server_with_origin.client.options("/graphql", headers=ASKS)
    answer = await server_with_origin.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Origin": HERE}
    )
    refused = await server_with_origin.client.post("/graphql", json={}, headers={"Origin": HERE})

    assert before.status_code == 200
    assert "content-type" in before.headers["access-control-allow-headers"].lower()
    for item in (before, answer, refused):
        assert item.headers["access-control-allow-origin"] == HERE
        assert "Origin" in item.headers["vary"]
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


async def test_pages_of_other_origins_are_refused(server_with_origin: Server) -> None:
    fields = ASKS | {"Origin": "https://evil.example"}

    assert (await server_with_origin.client.options("/graphql", headers=fields)).status_code == 400
    assert (
        "access-control-allow-origin" not in (await server_with_origin.client.get("/graphql", headers=fields)).headers
    )


async def test_a_star_allows_every_origin(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, cors_origins="*").checked()) as server:
        assert (await server.client.get("/", headers={"Origin": HERE})).headers["access-control-allow-origin"] == "*"


async def test_only_large_responses_are_compressed_and_vary_by_encoding(server: Server) -> None:
    response = await server.client.get("/graphql", params={"query": "{ __typename }"})

    assert "content-encoding" not in response.headers
    big = await server.client.get("/graphql", params={"query": "{ __schema { types { name description } } }"})
    assert big.headers["content-encoding"] == "gzip"
    assert big.headers["vary"].count("Accept-Encoding") == 1


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("root_path", ["", "/competent"])
async def test_a_browser_is_redirected_from_the_endpoint_to_graphiql(
    releases: Releases, settings: Settings, root_path: str
) -> None:
    keyed = replace(settings, access="passthrough", root_path=root_path).checked()
    async with running(releases, keyed) as server:
        for path, location in (("/graphql", "graphiql"), ("/graphql/", "../graphiql")):
            response = await server.client.get(root_path + path, headers={"Accept": BROWSER})

            assert (response.status_code, response.headers["location"]) == (303, location)
            assert "Accept" in response.headers["vary"]


async def test_api_clients_are_never_redirected(server: Server) -> None:
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.9", "text/event-stream, text/html"):
        assert (await server.client.get("/graphql", headers={"Accept": accept})).status_code == 400
    for request in ({"params": {"query": "{ __typename }"}}, {"params": {"extensions": "{}"}}):
        response = await server.client.get("/graphql", headers={"Accept": BROWSER}, **request)  # type: ignore[arg-type]
        assert response.headers["content-type"].startswith("application/json")
    response = await server.client.post("/graphql", json={"query": "{ __typename }"}, headers={"Accept": BROWSER})
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_without_graphiql_a_browser_gets_an_error_in_json(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, graphiql="off")) as server:
        assert (await server.client.get("/graphql", headers={"Accept": BROWSER})).status_code == 400
