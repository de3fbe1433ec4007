"""The proxy of the environment, by the rules of curl, and the errors of proxies."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from yarl import URL

from graphql_api.competent.routes import RELEASES
from graphql_api.errors import ProxyRefused, SettingsError
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.http_transport import HttpTransport
from graphql_api.upstream.proxies import proxy_for

VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove settings of the developer from the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def proxy(url: str = "https://api.vdab.be/v2", **environment: str) -> str | None:
    """The address of the proxy for a URL, or None."""
    result = proxy_for(URL(url), environment)
    return str(result.url) if result else None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
        ({"HTTPS_PROXY": " http://proxy.example:3128/ "}, "http://proxy.example:3128"),
        ({"HTTPS_PROXY": "HTTP://PROXY.example"}, "http://proxy.example:1080"),
        ({"HTTPS_PROXY": "proxy.example"}, "http://proxy.example:1080"),
        ({"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example"),
        ({"HTTPS_PROXY": "[::1]:3128"}, "http://[::1]:3128"),
        ({"https_proxy": "lower:1", "HTTPS_PROXY": "upper:1"}, "http://lower:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "upper:1"}, "http://upper:1"),
        ({"ALL_PROXY": "all:1"}, "http://all:1"),
        ({"all_proxy": "lower:1", "ALL_PROXY": "upper:1"}, "http://lower:1"),
        ({"HTTPS_PROXY": "https:1", "all_proxy": "all:1"}, "http://https:1"),
        ({"http_proxy": "http:1", "HTTP_PROXY": "http:1"}, None),
    ],
)
def test_the_proxy_of_an_https_address_is_the_one_that_curl_uses(
    environment: dict[str, str], expected: str | None
) -> None:
    assert proxy(**environment) == expected


def test_the_proxy_of_an_http_address_is_read_in_lower_case_only() -> None:
    url = "http://127.0.0.1:9000"

    assert proxy(url, HTTP_PROXY="upper:1", HTTPS_PROXY="https:1") is None
    assert proxy(url, http_proxy="lower:1", ALL_PROXY="all:1") == "http://lower:1"
    assert proxy(url, HTTP_PROXY="upper:1", ALL_PROXY="all:1") == "http://all:1"


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "api.vdab.be",
        "API.VDAB.BE.",
        "vdab.be",
        ".vdab.be",
        "*.vdab.be",
        "be",
        "localhost, vdab.be",
        "localhost vdab.be",
        "localhost,,vdab.be:443",
        ".vdab.be:443",
    ],
)
def test_a_host_that_no_proxy_lists_is_called_directly(entry: str) -> None:
    assert proxy(HTTPS_PROXY="proxy:1", NO_PROXY=entry) is None


@pytest.mark.parametrize(
    "entry",
    ["", ",", ".", "dab.be", "api.vdab", "x.api.vdab.be", "vdab.be:80", "api.vdab.be:4", "10.0.0.0/8", "vdab.be/8"],
)
def test_a_host_that_no_proxy_does_not_list_is_called_through_the_proxy(entry: str) -> None:
    assert proxy(HTTPS_PROXY="proxy:1", NO_PROXY=entry) == "http://proxy:1"


@pytest.mark.parametrize(
    ("url", "entry", "direct"),
    [
        ("https://10.1.2.3/v2", "10.1.2.3", True),
        ("https://10.1.2.3/v2", "10.0.0.0/8", True),
        ("https://10.1.2.3/v2", "10.1.2.9/24", True),
        ("https://10.1.2.3:8443/v2", "10.1.2.3:8443", True),
        ("https://10.1.2.3/v2", "10.1.2.3:8443", False),
        ("https://10.1.2.3/v2", "10.2.0.0/16", False),
        ("https://10.1.2.3/v2", "10.0.0.0/99", False),
        ("https://10.1.2.3/v2", "2.3", False),
        ("https://10.1.2.3/v2", "fd00::/8", False),
        ("https://[fd00::1]/v2", "fd00::1", True),
        ("https://[fd00::1]/v2", "[fd00::1]", True),
        ("https://[fd00::1]:8443/v2", "[fd00:0::1]:8443", True),
        ("https://[fd00::1]/v2", "fd00::/8", True),
        ("https://[fd00::1]/v2", "[fd00::1]:8443", False),
    ],
)
def test_no_proxy_matches_addresses_networks_and_ports(url: str, entry: str, direct: bool) -> None:
    assert (proxy(url, HTTPS_PROXY="proxy:1", NO_PROXY=entry) is None) is direct


def test_no_proxy_in_lower_case_wins() -> None:
    assert proxy(HTTPS_PROXY="proxy:1", no_proxy="vdab.be", NO_PROXY="other.example") is None
    assert proxy(HTTPS_PROXY="proxy:1", no_proxy="other.example", NO_PROXY="*") == "http://proxy:1"


@pytest.mark.parametrize("scheme", ["socks", "socks4", "socks4a", "socks5", "SOCKS5h"])
def test_a_socks_proxy_is_refused_with_a_clear_message(scheme: str) -> None:
    with pytest.raises(SettingsError, match="ALL_PROXY names a SOCKS proxy, which this server cannot use"):
        proxy(ALL_PROXY=f"{scheme}://user:s3cret@proxy.example:1080")

    assert proxy(ALL_PROXY=f"{scheme}://proxy.example", NO_PROXY="vdab.be") is None


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://user:s3cret@",
        "http://proxy:port",
        "proxy:99999",
        "http://[::1",
        "ftp://proxy",
        "a b:1",
        "proxy:0",
    ],
)
def test_an_invalid_proxy_is_refused_without_showing_its_value(value: str) -> None:
    with pytest.raises(SettingsError, match="HTTPS_PROXY must") as refused:
        proxy(HTTPS_PROXY=value)

    assert "s3cret" not in str(refused.value)


class Proxy:
    """A proxy that responds with one status, and records the heads of its requests."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.address = ""

    async def serve(self, status: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def running_proxy(status: int) -> AsyncIterator[Proxy]:
    """A proxy on a free port."""
    made = Proxy()
    server = await asyncio.start_server(lambda *streams: made.serve(status, *streams), "127.0.0.1", 0)
    made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


async def fetch(url: str) -> None:
    settings = replace(Settings(), upstream_url=url)
    upstream = Upstream(HttpTransport(settings), settings)
    try:
        await upstream.fetch(RELEASES.path(), FetchContext())
    finally:
        await upstream.aclose()


@pytest.mark.parametrize("url", ["https://competent.invalid", "http://competent.invalid"])
async def test_a_407_of_the_proxy_is_named_and_no_password_is_logged(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_proxy(407) as proxy:
        monkeypatch.setenv("all_proxy", f"http://us%3Aer:s3cr%40t%E2%82%AC@{proxy.address}")
        with pytest.raises(ProxyRefused) as refused:
            await fetch(url)

    assert "all_proxy responds 407" in refused.value.detail
    assert "all_proxy responds 407" in caplog.text
    assert "dXM6ZXI6czNjckB04oKs" in proxy.heads[0]  # us:er:s3cr@t€
    assert "\r\nProxy-Authorization: Basic " in proxy.heads[0]
    text = caplog.text + repr(refused.value) + refused.value.detail
    assert not any(secret in text for secret in ("s3cr", "dXM6ZXI6czNjckB04oKs"))
    assert proxy.address not in str(refused.value)


async def test_a_proxy_that_refuses_to_connect_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy(403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with pytest.raises(ProxyRefused) as refused:
            await fetch("https://competent.invalid")

    assert refused.value.detail == "the proxy of HTTPS_PROXY refuses to connect: status 403"
    assert proxy.heads[0].startswith("CONNECT competent.invalid:443 HTTP/1.1\r\n")


async def test_a_proxy_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy(200) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:s3cret@{proxy.address}")
    with pytest.raises(ProxyRefused) as refused:
        await fetch("https://competent.invalid")

    assert refused.value.detail.startswith("the proxy of HTTPS_PROXY cannot be reached")
    assert "s3cret" not in refused.value.detail
