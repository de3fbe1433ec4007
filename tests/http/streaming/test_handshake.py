"""The handshake of WebSockets: which pages may open one, by the fields that browsers and proxies send; and denials."""

import json
import logging

import pytest
import websockets
from starlette.datastructures import Headers

from graphql_api.app import create_app
from graphql_api.http.streaming.handshake import may_connect
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from graphql_api.settings.origins import Origins
from tests.server.sockets import serving


def headers(**fields: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in fields.items()})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://example.org", "example.org"),
        ("https://example.org", "example.org:443"),
        ("https://example.org:443", "example.org"),
        ("http://example.org", "example.org:80"),
        ("http://localhost:8000", "localhost:8000"),
        ("https://example.org:8443", "example.org:8443"),
        ("https://example.org:8443", "example.org"),  # nginx: proxy_set_header Host $host
        ("https://EXAMPLE.org", "Example.ORG"),
        ("https://example.org.", "example.org"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[2001:DB8::1]", "[2001:db8::1]:80"),
        ("http://192.0.2.1:8000", "192.0.2.1:8000"),
    ],
)
def test_a_page_of_the_same_host_may_connect(origin: str, host: str) -> None:
    assert may_connect(headers(origin=origin, host=host), Origins(()))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://example.org", "example.com"),
        ("https://example.org:8443", "example.org:443"),
        ("http://example.org", "example.org:443"),
        ("http://localhost:3000", "localhost:8000"),
        ("https://example.org.evil.example", "example.org"),
        ("https://example.org@evil.example", "example.org"),
        ("https://evil.example/example.org", "example.org"),
        ("https://user@example.org", "example.org"),
        ("file://", "example.org"),
        ("file://example.org", "example.org"),
        ("null", "null"),
        ("null", ""),
        ("", ""),
        ("https://", ""),
        ("https://:443", ":443"),
        ("https://example.org:x", "example.org:x"),
        ("http://[", "["),
        ("example.org", "example.org"),
        ("https://example.org, https://evil.example", "example.org"),
    ],
)
def test_pages_of_other_hosts_may_not_connect(origin: str, host: str) -> None:
    assert not may_connect(headers(origin=origin, host=host), Origins(()))


def test_a_proxy_may_forward_the_requested_host() -> None:
    behind = {"host": "127.0.0.1:8000", "x_forwarded_host": "example.org, inner.example"}

    assert may_connect(headers(origin="https://example.org", **behind), Origins(()))
    assert not may_connect(headers(origin="https://inner.example", **behind), Origins(()))


def test_a_request_with_two_origins_is_refused() -> None:
    fields = [(b"host", b"example.org"), (b"origin", b"https://example.org"), (b"origin", b"https://evil.example")]

    assert not may_connect(Headers(raw=fields), Origins(()))
    assert not may_connect(Headers(raw=fields), Origins(["https://evil.example"]))


def test_clients_without_an_origin_may_connect() -> None:
    assert may_connect(headers(host="example.org"), Origins(()))


def test_pages_of_allowed_origins_may_connect() -> None:
    assert may_connect(headers(origin="https://app.example", host="example.org"), Origins(["https://app.example"]))
    assert may_connect(headers(origin="null", host="example.org"), Origins(["*"]))
    assert not may_connect(headers(origin="null", host="example.org"), Origins(["https://app.example"]))


@pytest.mark.parametrize("origin", ["capacitor://localhost", "https://a.b.example.org", "https://A.EXAMPLE.ORG"])
def test_websockets_allow_the_same_origins_as_cors(origin: str) -> None:
    allowed = Origins(["capacitor://localhost", "https://*.example.org"])

    assert may_connect(headers(origin=origin, host="server.test"), allowed)
    assert not may_connect(headers(origin=origin, host="server.test"), Origins(()))


async def test_a_denied_websocket_is_403_in_json_and_logs_no_error(
    releases: Releases, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        async with serving(create_app(settings, create_sandbox(releases)), ws="websockets-sansio") as (_, address):
            with pytest.raises(websockets.InvalidStatus) as denied:
                await websockets.connect(f"ws://127.0.0.1:{address[1]}/graphql", origin="https://evil.example")

    assert denied.value.response.status_code == 403
    assert json.loads(denied.value.response.body)["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert caplog.records == []
