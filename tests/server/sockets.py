"""A server with short timeouts on a real socket, and clients that send raw bytes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from graphql_api.http.middleware import HEADERS
from graphql_api.server.protocol import BoundedConfig

ARRIVAL = 0.3
IDLE = 0.4
LONGEST = 60.0
"""Timeout in seconds for a connection that the server should have closed."""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
Connect = Callable[[], "asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]"]


async def _echo(request: Request) -> Response:
    try:
        return Response(str(len(await request.body())))
    except ClientDisconnect:
        return Response("nobody")


async def _large(request: Request) -> Response:
    return Response(b"x" * 30_000_000)


@asynccontextmanager
async def serving(
    other: ASGIApp | None = None, ws: Any = "none", idle: float = IDLE, arrival: float = ARRIVAL
) -> AsyncIterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """Run a server in this process with an app; yields it and its address, on a free port."""
    app = other or Starlette(routes=[Route("/", _echo, methods=["GET", "POST"]), Route("/large", _large)])
    config = BoundedConfig(
        app,
        arrival_timeout=arrival,
        max_head_bytes=2_000,
        timeout_keep_alive=idle,
        log_config=None,
        access_log=False,
        ws=ws,
        lifespan="off",
        loop="asyncio",
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        await server.startup(sockets=[listening])
        try:
            yield server, listening.getsockname()
        finally:
            server.force_exit = True
            await server.shutdown()


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """All bytes until the other side closes the connection, which it must."""
    async with asyncio.timeout(LONGEST):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b"reset"


async def answer_to(*pieces: bytes) -> bytes:
    """The response to these pieces, sent one after the other on one connection."""
    async with serving() as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        for piece in pieces:
            writer.write(piece)
        answer = await rest_of(reader)
        writer.close()
        return answer


async def response_to_slow_client(first: bytes, drop: bytes) -> bytes:
    """The response to a client that sends `first` and then `drop` slowly and repeatedly."""
    async with serving() as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(first)
        ended = asyncio.create_task(rest_of(reader))
        while not ended.done():
            writer.write(drop)
            await asyncio.wait([ended], timeout=0.02)
        writer.close()
        return await ended


def refusal_in(answer: bytes) -> int:
    """The status of an error response; asserts that it is the only one and complete."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    (error,) = json.loads(body)["errors"]
    assert error["message"]
    assert error["extensions"] == {"code": "BAD_REQUEST", "requestId": headers["x-request-id"]}
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["connection"] == "close"
    assert headers.items() >= {name.lower(): value for name, value in HEADERS.items()}.items()
    return int(line.split(" ")[1])
