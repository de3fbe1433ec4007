"""WebSocket frames on real sockets: pings, fragments and rubbish by the megabyte, and clients that read nothing."""

import asyncio
import json
import logging
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.server.websocket_protocol import BURST_SECONDS, MAX_FRAMES_PER_TURN, PIECE_BYTES, WebSocketProtocol
from graphql_api.settings import Settings
from tests.conftest import LONG
from tests.server.sockets import serving

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
FRAMES = 200 * BURST_SECONDS
"""The default burst of frames per connection."""
SUBPROTOCOL: Any = "graphql-transport-ws"


@dataclass
class Seen:
    """What the server parsed: frames in each turn, of all connections."""

    port: int = 0
    turns: list[int] = field(default_factory=list)
    connections: list[WebSocketProtocol] = field(default_factory=list)


@pytest.fixture
async def seen(releases: Releases, settings: Settings) -> AsyncIterator[Seen]:
    """A server on a socket, whose parsing is watched."""
    result = Seen()

    class Watched(WebSocketProtocol):
        def __init__(self, *args: Any, **others: Any) -> None:
            super().__init__(*args, **others)
            result.connections.append(self)

        def _read(self) -> None:
            before = self.conn.frames
            super()._read()
            result.turns.append(self.conn.frames - before)

    app = create_app(replace(settings, websocket_init_timeout=LONG), create_sandbox(releases))
    async with serving(app, ws=Watched) as (_, (_, port)):
        result.port = port
        yield result


def frame(opcode: int, data: bytes, *, end: bool = True, mask: bool = True) -> bytes:
    """A frame of a client, masked with zeros."""
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    if mask:
        length = bytes([length[0] | 0x80]) + length[1:] + bytes(4)
    return bytes([opcode | (0x80 if end else 0)]) + length + data


KEY = f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}"
OURS = "Sec-WebSocket-Protocol: graphql-transport-ws"


async def raw_connection(port: int, *fields: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A raw connection, with the head of the server's answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(handshake(KEY, *(fields or (OURS,))))
    return reader, writer, await reader.readuntil(b"\r\n\r\n")


async def closing_code(seen: Seen, data: bytes) -> int:
    """The code that the server closes with after this; it must."""
    reader, writer, _ = await raw_connection(seen.port)
    with closing(writer):
        writer.write(data)
        opcode, content = (await frames_of(reader))[-1]
    assert opcode == CLOSE
    return int.from_bytes(content[:2], "big")


def handshake(*fields: str) -> bytes:
    needed = ("Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    return "\r\n".join(("GET /graphql HTTP/1.1", *needed, *fields, "\r\n")).encode()


async def frames_of(reader: asyncio.StreamReader, last: int = CLOSE) -> list[tuple[int, bytes]]:
    """The frames that the server sends, by opcode, up to one that closes the connection, or has another opcode."""
    frames: list[tuple[int, bytes]] = []
    async with asyncio.timeout(LONG):
        while not frames or frames[-1][0] != last:
            opcode, length = await reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2), "big")
            frames.append((opcode & 15, await reader.readexactly(length)))
    return frames


FLOODS = {
    "pings": frame(PING, b"") * 170_000,
    "pings with content": frame(PING, b"x" * 125) * 8_000,
    "pongs": frame(PONG, b"") * 170_000,
    "fragments": frame(TEXT, b"", end=False) + frame(CONTINUED, b"", end=False) * 170_000,
    "fragments of a letter": frame(TEXT, b"x", end=False) + frame(CONTINUED, b"x", end=False) * 150_000,
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_megabyte_of_tiny_frames_is_closed_and_read_in_small_parts(seen: Seen, name: str) -> None:
    assert await closing_code(seen, FLOODS[name]) == 1008
    assert max(seen.turns) <= MAX_FRAMES_PER_TURN + PIECE_BYTES // 6
    assert sum(seen.turns) <= FRAMES + MAX_FRAMES_PER_TURN + PIECE_BYTES // 6


async def test_a_flood_of_graphql_pings_is_closed_and_read_in_small_parts(seen: Seen) -> None:
    init = frame(TEXT, b'{"type":"connection_init"}')

    assert await closing_code(seen, init + frame(TEXT, b'{"type":"ping"}') * 20_000) == 1008
    assert max(seen.turns) <= MAX_FRAMES_PER_TURN + PIECE_BYTES // 6


@pytest.mark.parametrize("type", ["ping", "subscribe", "complete"])
async def test_the_close_code_arrives_during_a_flood(seen: Seen, type: str) -> None:
    message = json.dumps({"type": type, "id": "1", "payload": {"query": "{"}}).encode()
    init = frame(TEXT, b'{"type":"connection_init"}')

    assert await closing_code(seen, init + frame(TEXT, message) * 20_000) in (1008, 4409)


async def test_pings_within_the_limit_all_get_pongs(seen: Seen) -> None:
    reader, writer, _ = await raw_connection(seen.port)
    pings = [b"%d" % n for n in range(FRAMES // 2)]
    writer.write(b"".join(frame(PING, ping) for ping in pings) + frame(CLOSE, b"\x03\xe8"))
    with closing(writer):
        frames = await frames_of(reader)

    assert frames == [*((PONG, ping) for ping in pings), (CLOSE, b"\x03\xe8")]


async def test_a_fragmented_message_is_reassembled(seen: Seen) -> None:
    reader, writer, _ = await raw_connection(seen.port)
    text = b'{"type":"connection_init","payload":{"x":"' + "é".encode() * 30_000 + b'"}}'
    pieces = [text[at : at + 100] for at in range(0, len(text), 100)]
    writer.write(frame(TEXT, pieces[0], end=False))
    for piece in pieces[1:]:
        writer.write(frame(CONTINUED, piece, end=False) + frame(PING, b"") * (piece is pieces[5]))
    writer.write(frame(CONTINUED, b""))
    with closing(writer):
        assert await frames_of(reader, TEXT) == [(PONG, b""), (TEXT, b'{"type":"connection_ack"}')]


async def test_pongs_for_a_client_that_stops_reading_use_bounded_memory(seen: Seen) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", seen.port))
        await loop.sock_sendall(client, handshake(KEY, OURS))
        while not (seen.connections and seen.connections[0].handshake_complete):
            await asyncio.sleep(0)
        (connection,) = seen.connections
        connection.pause_writing()  # as the transport does while its client reads nothing
        for n in range(FRAMES // 4):
            connection.data_received(frame(PING, b"%100d" % n))
            while connection._unread:
                await asyncio.sleep(0)
        assert connection.transport.get_write_buffer_size() == 0
        assert len(connection._pongs) < 1_000

        connection.resume_writing()
        async with asyncio.timeout(LONG):
            head = await loop.sock_recv(client, 4096)
            while not head.endswith(b"%d" % (FRAMES // 4 - 1)):
                head += await loop.sock_recv(client, 4096)


RUBBISH = {
    "a reserved opcode": (frame(3, b"x"), 1002),
    "reserved bits": (b"\xf1" + frame(TEXT, b"x")[1:], 1002),
    "no mask": (frame(TEXT, b"x", mask=False), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a fragment of nothing": (frame(CONTINUED, b"x"), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "half a letter": (frame(TEXT, "é".encode()[:1], end=False) + frame(CONTINUED, b""), 1007),
    "binary": (frame(BINARY, bytes(range(256))), 4400),
    "random bytes": (bytes.fromhex("8b3f0d5be0") * 1_000, 1002),
}


@pytest.mark.parametrize("name", RUBBISH)
async def test_invalid_frames_close_with_a_code_and_log_one_line(
    seen: Seen, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    data, code = RUBBISH[name]
    with caplog.at_level(logging.INFO):
        assert await closing_code(seen, data) == code

    ours = [
        record
        for record in caplog.records
        if record.name.startswith(("graphql_api.http", "graphql_api.server")) or record.levelno > logging.INFO
    ]
    (line,) = ours
    assert line.exc_info is None
    assert f"closed with {code}" in line.getMessage()
    assert "\n" not in line.getMessage()


@pytest.mark.parametrize(
    "fields",
    [
        (OURS,),
        ("Sec-WebSocket-Protocol: graphql-ws, graphql-transport-ws",),
        ("Sec-WebSocket-Protocol: graphql-ws", OURS),
        ("Sec-WebSocket-Protocol: ,graphql-transport-ws ,",),
        (OURS, OURS),
        (OURS, "sec-websocket-extensions: permessage-deflate; client_max_window_bits"),
    ],
)
async def test_the_supported_subprotocol_is_selected_from_any_list(seen: Seen, fields: tuple[str, ...]) -> None:
    _, writer, head = await raw_connection(seen.port, *fields)
    writer.close()

    assert head.lower().count(b"sec-websocket-protocol: graphql-transport-ws\r\n") == 1
    assert b"sec-websocket-extensions" not in head.lower()


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (handshake(OURS), 400, "query"),  # without a key it is a plain GET
        (handshake(OURS, "Sec-WebSocket-Key: x"), 400, "Sec-WebSocket-Key"),
        (handshake(OURS, KEY, KEY), 400, "Sec-WebSocket-Key"),
        (handshake(OURS, KEY).replace(b"Version: 13", b"Version: 8"), 400, "Sec-WebSocket-Version"),
        (handshake(OURS, KEY).replace(b"/graphql", b"/elsewhere"), 403, "/graphql"),
    ],
)
async def test_a_handshake_that_cannot_be_accepted_is_refused_in_json(
    seen: Seen, request_: bytes, status: int, says: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", seen.port)
    writer.write(request_)
    async with asyncio.timeout(LONG):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/json" in head.lower()
    (error,) = json.loads(body)["errors"]
    assert error["extensions"]["code"] == ("BAD_REQUEST" if status == 400 else "FORBIDDEN")
    assert error["extensions"]["requestId"]
    assert says in error["message"]


async def test_a_library_client_gets_the_close_code_during_a_flood(seen: Seen) -> None:
    async with connect(f"ws://127.0.0.1:{seen.port}/graphql", subprotocols=[SUBPROTOCOL]) as client:
        await client.send('{"type": "connection_init"}')
        flood = asyncio.gather(*(client.ping() for _ in range(2 * FRAMES)), return_exceptions=True)
        await client.wait_closed()
        await flood
        assert json.loads(await client.recv()) == {"type": "connection_ack"}
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("flood", [frame(PING, b"") * 5_000, frame(TEXT, b"x") * 5_000, b"\xff" * 5_000])
async def test_frames_sent_before_the_handshake_response_are_queued(
    caplog: pytest.LogCaptureFixture, flood: bytes
) -> None:
    connections: list[WebSocketProtocol] = []
    answer = asyncio.Event()

    class Watched(WebSocketProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            connections.append(self)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await answer.wait()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with serving(slow, ws=Watched) as (_, (_, port)), asyncio.timeout(LONG):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(handshake(KEY, OURS))
        while not connections:
            await asyncio.sleep(0)
        writer.write(flood)
        (connection,) = connections
        while not connection._unread:
            await asyncio.sleep(0)
        assert connection.conn.frames == 0
        answer.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert (await frames_of(reader))[-1][0] == CLOSE
        writer.close()

    assert [record for record in caplog.records if record.exc_info or record.levelno > logging.WARNING] == []


async def test_a_client_that_stops_reading_is_disconnected_after_the_app_ends() -> None:
    connections: list[WebSocketProtocol] = []

    class Watched(WebSocketProtocol):
        def __init__(self, *args: Any, **others: Any) -> None:
            super().__init__(*args, **others)
            self.close_timeout = 0.05
            connections.append(self)

    async def long(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "x" * 30_000_000})

    async with serving(long, ws=Watched) as (_, (_, port)), asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(handshake(KEY, OURS))
        while not (connections and connections[0].disconnected):
            await asyncio.sleep(0)
        writer.close()
