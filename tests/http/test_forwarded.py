"""Requests forwarded by proxies: trailing slashes, a path prefix, and the client address."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from graphql_api.errors import SettingsError
from graphql_api.http.forwarded import PathPrefixMiddleware, forwarded_middleware
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

QUERY = {"query": "{ __typename }"}


async def test_a_post_with_a_trailing_slash_is_accepted(server: Server) -> None:
    response = await server.client.post("/graphql/", json=QUERY, headers={"Authorization": "Bearer secret"})

    assert (response.status_code, response.json()) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize(
    "path", ["/schema.graphql", "/health/live", "/health/ready", "/metrics", "/graphql?query={__typename}"]
)
async def test_a_trailing_slash_of_a_path_is_ignored(server: Server, path: str) -> None:
    path, _, query = path.partition("?")

    assert (await server.client.get(f"{path}/?{query}")).status_code == 200


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/docs", "/docs/"),
        ("/graphiql/", "/graphiql"),
        ("/graphiql/?query=%7Ba%7D", "/graphiql?query=%7Ba%7D"),
        ("/id/3.11/", "/id/3.11"),
        ("/id/3.11/skill/8c15a1bf-9699-43ae-b890-f79ac3e5f461/", "/id/3.11/skill/8c15a1bf-9699-43ae-b890-f79ac3e5f461"),
    ],
)
async def test_a_redirect_names_neither_scheme_nor_host(server: Server, path: str, leads_to: str) -> None:
    response = await server.client.get(path)

    assert response.status_code in (307, 308)
    assert ":" not in response.headers["location"].partition("?")[0]
    assert not response.headers["location"].startswith("/")
    assert response.next_request is not None
    assert response.next_request.url.raw_path.decode() == leads_to


@pytest.mark.parametrize("path", ["/export/3.11.ttl", "/export/3.11.jsonld", "/releases.atom", "/llms.txt"])
async def test_a_page_with_relative_links_refuses_a_trailing_slash(server: Server, path: str) -> None:
    assert (await server.client.head(path)).status_code != 404
    assert (await server.client.head(f"{path}/")).status_code == 404


async def test_slashes_never_redirect_to_another_host(server: Server) -> None:
    for path in ("/", "/nothing/", "/graphql//", "//evil.example/", "/health/", "/id/"):
        assert "location" not in (await server.client.post(path, json=QUERY)).headers


async def test_slashes_do_not_bypass_authentication(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, access="passthrough")) as server:
        for path in ("/graphql/", "/graphql", "/id/3.11/", "/graphql/health/"):
            assert (await server.client.post(path, json=QUERY)).status_code == 401


@pytest.fixture
async def server_below_prefix(releases: Releases, settings: Settings) -> Any:
    async with running(releases, replace(settings, root_path="/competent").checked()) as server:
        yield server


@pytest.mark.parametrize("prefix", ["/competent", ""])
async def test_paths_work_with_and_without_the_prefix(server_below_prefix: Server, prefix: str) -> None:
    assert (await server_below_prefix.client.post(f"{prefix}/graphql", json=QUERY)).json() == {
        "data": {"__typename": "Query"}
    }
    assert (await server_below_prefix.client.post(f"{prefix}/graphql/", json=QUERY)).status_code == 200
    for path in ("/", "/graphiql", "/graphiql/assets/page.js", "/docs/http.md", "/health/live", "/id/3.11"):
        assert (await server_below_prefix.client.get(prefix + path)).status_code == 200
    for path in ("/competentgraphql", "/competent/competent/graphql", "/other/graphql"):
        assert (await server_below_prefix.client.post(path, json=QUERY)).status_code == 404


async def test_the_prefix_alone_shows_the_first_page(server_below_prefix: Server) -> None:
    response = await server_below_prefix.client.get("/competent", follow_redirects=True)

    assert response.status_code == 200
    assert response.url.path == "/competent/"


async def test_a_path_prefix_does_not_bypass_authentication(releases: Releases, settings: Settings) -> None:
    changed = replace(settings, access="passthrough", root_path="/health")
    async with running(releases, changed) as server:
        assert (await server.client.post("/health/graphql", json=QUERY)).status_code == 401


async def test_the_root_path_of_an_asgi_server_is_respected(server: Server) -> None:
    transport = httpx.ASGITransport(server.app, root_path="/deep/down")
    async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as client:
        assert (await client.post("/deep/down/graphql", json=QUERY)).status_code == 200


async def client_and_scheme(settings: Settings, client: str, **headers: str) -> tuple[str, str]:
    """Client and scheme, as the app sees them."""
    results: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        results.append(scope)

    wrapped: Any = app
    for item in reversed(forwarded_middleware(settings)):
        wrapped = item.cls(wrapped, *item.args, **item.kwargs)  # type: ignore[call-arg]
    fields = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": "/", "headers": fields, "client": (client, 1), "scheme": "http"}
    await wrapped(scope, None, None)
    return results[0]["client"][0], results[0]["scheme"]


FORWARDED = {"X_Forwarded_For": "198.51.100.7, 10.1.2.3", "X_Forwarded_Proto": "https"}


@pytest.mark.parametrize(
    ("trusted", "client", "expected"),
    [
        ("127.0.0.1, ::1", "127.0.0.1", ("10.1.2.3", "https")),
        ("127.0.0.1, ::1", "203.0.113.9", ("203.0.113.9", "http")),
        ("10.0.0.0/8", "10.9.9.9", ("198.51.100.7", "https")),
        ("10.0.0.0/8, 127.0.0.1", "127.0.0.1", ("198.51.100.7", "https")),
        ("fd00::/8", "fd00::1", ("10.1.2.3", "https")),
        ("*", "203.0.113.9", ("198.51.100.7", "https")),
        ("none", "127.0.0.1", ("127.0.0.1", "http")),
    ],
)
async def test_the_client_address_comes_from_trusted_proxies(
    trusted: str, client: str, expected: tuple[str, str]
) -> None:
    assert await client_and_scheme(Settings(trusted_proxies=trusted).checked(), client, **FORWARDED) == expected


@pytest.mark.parametrize("setting", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1 ::1", "https://proxy.example"])
def test_an_invalid_proxy_address_stops_the_start(setting: str) -> None:
    with pytest.raises(SettingsError, match="COMPETENT_TRUSTED_PROXIES"):
        Settings(trusted_proxies=setting).checked()


@pytest.mark.parametrize("setting", ["competent", "/", "//x", "/a?b", "/a b", "https://x/a"])
def test_an_invalid_root_path_is_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match="COMPETENT_ROOT_PATH"):
        Settings(root_path=setting).checked()


async def test_the_app_runs_without_lifespan_state() -> None:
    results: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        results.append(scope)

    await PathPrefixMiddleware(app)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]

    assert results == [{"type": "lifespan", "state": {}}]
