"""Clients that are slow, silent or too large, over real sockets with short bounds: each is cut, and costs nobody else."""

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.http.middleware import HEADERS
from graphql_api.server.protocol import Bounds

ARRIVAL = 0.3
IDLE = 0.4
LONGEST = 60.0
"""Seconds after which a test gives up on a connection that should have been cut."""

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
    other: ASGIApp | None = None, ws: Any = "none", idle: float = IDLE
) -> AsyncIterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """A server of ours within this process, over an app, and the free port that it is on."""
    app = other or Starlette(routes=[Route("/", _echo, methods=["GET", "POST"]), Route("/large", _large)])
    config = Bounds(
        app,
        arrival=ARRIVAL,
        head_bytes=2_000,
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
    """All that comes until the other side closes; it must."""
    async with asyncio.timeout(LONGEST):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b"reset"


async def answer_to(*pieces: bytes) -> bytes:
    """What comes back for these pieces, the last of them sent over and over until the connection is cut."""
    async with serving() as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        for piece in pieces:
            writer.write(piece)
        answer = await rest_of(reader)
        writer.close()
        return answer


async def dripping(first: bytes, drop: bytes) -> bytes:
    """What comes back where a client sends something, and then drop by drop."""
    async with serving() as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(first)
        ended = asyncio.create_task(rest_of(reader))
        while not ended.done():
            writer.write(drop)
            await asyncio.wait([ended], timeout=0.02)
        writer.close()
        return await ended


async def test_a_client_that_says_nothing_is_cut_without_a_word() -> None:
    assert await answer_to() == b""


@pytest.mark.parametrize("begin", [HEAD, HEAD + b"X-Half: a", b"PO"])
async def test_a_head_that_does_not_end_is_408(begin: bytes) -> None:
    assert (await answer_to(begin)).startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_drips_is_408_as_soon() -> None:
    assert (await dripping(HEAD + b"X-Slow: ", b"a")).startswith((b"HTTP/1.1 408 ", b"reset"))


async def test_a_body_that_drips_is_cut() -> None:
    answer = await dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"a")

    assert b"200" not in answer[:20]


async def test_empty_lines_between_requests_keep_no_connection() -> None:
    answer = await dripping(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n")

    assert answer.startswith((b"HTTP/1.1 200", b"reset"))


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Large: " + b"a" * 3_000 + b"\r\n\r\n",
        HEAD + b"X-Large: " + b"a" * 3_000,
        HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(300)) + b"\r\n",
        b"GET /" + b"a" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["one header", "one that does not end", "many headers", "the target"],
)
async def test_a_head_that_is_too_large_is_431_in_json(head: bytes) -> None:
    answer = await answer_to(head)

    assert refusal_in(answer) == 431
    assert re.search(rb"have \d,\d{3} bytes or more; the limit is 2,000", answer)


@pytest.mark.parametrize(
    "sent",
    [
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        HEAD + b"No colon\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["a made-up method", "TLS", "a made-up version", "a header without a colon", "two lengths", "no target"],
)
async def test_what_is_no_http_is_400_in_json_as_every_refusal(sent: bytes) -> None:
    assert refusal_in(await answer_to(sent)) == 400


async def test_a_request_that_no_app_sees_is_logged_with_its_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "graphql_api.requests")

    answer = await answer_to(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n")

    (record,) = (each for each in caplog.records if each.name == "graphql_api.requests")
    line = record.__dict__["told"]
    assert (line["status"], line["outcome"]) == (400, "refused")
    assert f"x-request-id: {line['request_id']}\r\n".encode() in answer


async def test_a_body_that_breaks_its_form_is_400_though_somebody_waits_for_it() -> None:
    pieces = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"no number\r\n"

    assert refusal_in(await answer_to(*pieces)) == 400


async def test_a_body_that_stops_is_told_408() -> None:
    assert refusal_in(await answer_to(HEAD + b"Content-Length: 100\r\n\r\na")) == 408


async def test_what_is_no_http_after_a_request_is_not_taken_for_the_answer_to_it() -> None:
    async def never(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(Starlette(routes=[Route("/", never)])) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nBREW / HTTP/1.1\r\n\r\n")
        assert await rest_of(reader) == b""
        writer.close()


def refusal_in(answer: bytes) -> int:
    """The status of the one refusal that an answer is, with all that each refusal of this server has."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(each.split(": ", 1) for each in lines)
    (error,) = json.loads(body)["errors"]
    assert error["message"]
    assert error["extensions"] == {"code": "BAD_REQUEST", "requestId": headers["x-request-id"]}
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["connection"] == "close"
    assert headers.items() >= {name.lower(): value for name, value in HEADERS.items()}.items()
    return int(line.split(" ")[1])


async def test_trailers_of_a_body_count_as_its_head() -> None:
    chunks = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    answer = await answer_to(HEAD + chunks + b"X-Trailer: " + b"a" * 3_000 + b"\r\n\r\n")

    assert not answer.startswith(b"HTTP/1.1 200")


async def test_an_honest_client_gets_its_answers_and_then_is_cut_for_being_idle() -> None:
    answer = await answer_to(
        HEAD + b"Content-Length: 3\r\n\r\nabc", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"2")


async def test_who_was_answered_before_all_was_sent_is_cut_for_being_idle_too() -> None:
    async with serving(refusing) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HEAD + b"Content-Length: 6\r\n\r\nabc")
        assert b"413" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"def")
        assert await rest_of(reader) == b""
        writer.close()


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(status_code=413)(scope, receive, send)


@pytest.mark.parametrize("idle", [IDLE, 3600.0])
async def test_who_takes_nothing_of_a_large_answer_is_cut(idle: float) -> None:
    async with serving(idle=idle) as (server, address):
        with socket.create_connection(address) as silent:
            silent.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(LONGEST):
                while not server.server_state.connections:
                    await asyncio.sleep(0.02)
                while server.server_state.connections:
                    await asyncio.sleep(0.02)
