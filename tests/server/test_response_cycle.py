"""A request and its response on a connection: one write if the length is known, and no header that the app did not set."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from graphql_api.server.protocol import BoundedConfig, BoundedHttpProtocol


class RecordingTransport(asyncio.Transport):
    """A transport that records each write; `cut` is True once the server has closed it."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.pieces: list[bytes] = []
        self.closed = self.cut = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


async def send_messages(
    *messages: Message, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
) -> RecordingTransport:
    """The bytes written for the messages of an app."""
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            for message in messages:
                await send(message)
        finally:
            asyncio.get_running_loop().call_soon(ended.set)

    config = BoundedConfig(
        app, arrival_timeout=5, max_head_bytes=2_000, log_config=None, access_log=False, lifespan="off"
    )
    config.load()
    connection, transport = (
        BoundedHttpProtocol(config, ServerState(), {}, asyncio.get_running_loop()),
        RecordingTransport(),
    )
    connection.connection_made(transport)
    connection.data_received(request)
    await ended.wait()
    transport.cut = transport.closed
    connection.connection_lost(None)
    return transport


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes = b"", more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


THREE = (b"content-length", b"3")


async def test_a_response_of_known_length_is_one_write() -> None:
    transport = await send_messages(start(THREE, (b"x-a", b"1")), body(b"abc"))

    assert transport.pieces == [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-a: 1\r\n\r\nabc"]
    assert not transport.cut


async def test_the_head_is_sent_with_the_first_chunk_of_a_body() -> None:
    transport = await send_messages(start(THREE), body(b"a", more=True), body(b"bc"))

    assert transport.pieces == [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na", b"bc"]


async def test_the_head_of_a_stream_is_sent_before_its_first_chunk() -> None:
    transport = await send_messages(start((b"content-type", b"text/event-stream")), body(b"abc", more=True))

    head, chunk, *_ = transport.pieces
    assert head.endswith(b"transfer-encoding: chunked\r\n\r\n")
    assert chunk == b"3\r\nabc\r\n"


async def test_a_head_request_gets_no_body() -> None:
    transport = await send_messages(start(THREE), body(b"abc"), request=b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert transport.pieces == [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"]


async def test_connection_close_is_echoed_and_closes() -> None:
    transport = await send_messages(
        start(THREE), body(b"abc"), request=b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    assert b"\r\nconnection: close\r\n\r\nabc" in transport.pieces[0]
    assert transport.cut


@pytest.mark.parametrize(
    "header",
    [(b"x-a", b"1\r\nx-forged: 1"), (b"x-a", b"1\nx"), (b"x-a", b"\0"), (b"x-a", b"\x7f"), (b"x-a: 1\r\nx-b", b"2")],
)
async def test_header_values_with_line_breaks_are_refused(
    header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        transport = await send_messages(start(THREE, header), body(b"abc"))

    assert b"".join(transport.pieces).startswith(b"HTTP/1.1 500 ")
    assert b"forged" not in b"".join(transport.pieces)


@pytest.mark.parametrize("content", [b"ab", b"abcd"])
async def test_a_body_of_the_wrong_length_closes_the_connection(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        transport = await send_messages(start(THREE), body(content))

    assert transport.cut


@pytest.mark.parametrize("headers", [(), (THREE,)])
async def test_a_response_aborted_by_the_app_closes_without_an_error(
    headers: tuple[tuple[bytes, bytes], ...], caplog: pytest.LogCaptureFixture
) -> None:
    transport = await send_messages(start(*headers), body(b"ab", more=True))

    assert transport.cut
    assert b"ab" in b"".join(transport.pieces)
    assert caplog.messages == []


async def test_an_app_without_a_response_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    transport = await send_messages()

    assert transport.pieces[0].startswith(b"HTTP/1.1 500 ")
    assert caplog.messages == ["ASGI callable returned without starting response."]
