"""The client over real sockets of this machine: persistent connections, the environment's proxy, no cookies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from graphql_api.competent.fetch import Validators
from graphql_api.competent.routes import RELEASES
from graphql_api.errors import UpstreamError
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.headers import calls_left, validators_of
from graphql_api.upstream.http_transport import HttpTransport


class RecordingServer:
    """A server that responds with an empty list and a cookie, and records requests by connection."""

    def __init__(self) -> None:
        self.connections: list[list[str]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests: list[str] = []
        self.connections.append(requests)
        body = b'{"page": {}}'
        while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
            requests.append(head.decode())
            fields = f"Content-Length: {len(body)}\r\nSet-Cookie: a=b\r\n\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n" + fields.encode() + body)


@pytest.fixture
async def recorder() -> AsyncIterator[RecordingServer]:
    made = RecordingServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await made.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def fetch(url: str, times: int = 1, concurrency: int = 1) -> None:
    settings = replace(Settings(), upstream_url=url)
    door = Upstream(HttpTransport(settings), settings)
    try:
        for _ in range(times):
            await asyncio.gather(*(door.fetch(RELEASES.path(), FetchContext()) for _ in range(concurrency)))
    finally:
        await door.aclose()


async def test_calls_reuse_connections_and_store_no_cookies(recorder: RecordingServer) -> None:
    await fetch(f"http://127.0.0.1:{recorder.port}/base", times=3, concurrency=4)

    assert [len(connection) for connection in recorder.connections] == [3] * 4
    assert "cookie" not in str(recorder.connections).lower()
    assert all(
        request.startswith("GET /base/releases HTTP/1.1\r\n")
        for requests in recorder.connections
        for request in requests
    )


async def test_calls_go_through_the_proxy_of_the_environment(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{recorder.port}")

    await fetch("http://competent.invalid/base")

    assert recorder.connections[0][0].startswith("GET http://competent.invalid/base/releases HTTP/1.1\r\n")
    assert "\r\nhost: competent.invalid\r\n" in recorder.connections[0][0].lower()


async def test_a_no_proxy_address_is_called_directly(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    await fetch(f"http://127.0.0.1:{recorder.port}")

    assert recorder.connections[0][0].startswith("GET /releases HTTP/1.1\r\n")


HEADS = {
    "a long header": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "a long status line": b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\n",
    "no HTTP": bytes(100_000),
    "many trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\n",
}


@pytest.mark.parametrize("what", HEADS)
async def test_an_oversized_response_header_is_rejected_with_a_short_message(what: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEADS[what])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        with pytest.raises(UpstreamError) as raised:
            await fetch(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert 0 < len(raised.value.detail) <= 300


@pytest.mark.parametrize("name", ["etag", "last-modified", "retry-after", "x-ratelimit-remaining"])
def test_overlong_headers_are_ignored(name: str) -> None:
    headers = {name: "name=" * 2000}

    assert validators_of(headers) == Validators()
    assert calls_left(headers) is None
