"""Clients that are slow, silent or send too much, over real sockets with short limits: each is disconnected, others are unaffected."""

import asyncio
import logging
import re
import socket
from contextvars import ContextVar

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.server.sockets import (
    HEAD,
    IDLE,
    LONGEST,
    answer_to,
    refusal_in,
    response_to_slow_client,
    rest_of,
    serving,
)


async def test_a_silent_client_is_disconnected_without_a_response() -> None:
    assert await answer_to() == b""


@pytest.mark.parametrize("begin", [HEAD, HEAD + b"X-Half: a", b"PO"])
async def test_an_incomplete_request_head_is_408(begin: bytes) -> None:
    assert (await answer_to(begin)).startswith(b"HTTP/1.1 408 ")


async def test_a_slow_request_head_is_408_in_the_same_time() -> None:
    assert (await response_to_slow_client(HEAD + b"X-Slow: ", b"a")).startswith((b"HTTP/1.1 408 ", b"reset"))


async def test_a_slow_body_is_disconnected() -> None:
    answer = await response_to_slow_client(HEAD + b"Content-Length: 100000\r\n\r\n", b"a")

    assert b"200" not in answer[:20]


async def test_empty_lines_between_requests_do_not_extend_the_connection() -> None:
    answer = await response_to_slow_client(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n")

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
async def test_an_oversized_request_head_is_431_in_json(head: bytes) -> None:
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
async def test_malformed_http_is_400_in_json(sent: bytes) -> None:
    assert refusal_in(await answer_to(sent)) == 400


async def test_a_request_rejected_before_the_app_is_logged_with_its_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "graphql_api.requests")

    answer = await answer_to(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n")

    (record,) = (record for record in caplog.records if record.name == "graphql_api.requests")
    line = record.__dict__["fields"]
    assert (line["status"], line["outcome"]) == (400, "refused")
    assert f"x-request-id: {line['request_id']}\r\n".encode() in answer


async def test_a_malformed_chunk_is_400_while_the_app_waits_for_the_body() -> None:
    pieces = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"no number\r\n"

    assert refusal_in(await answer_to(*pieces)) == 400


async def test_an_incomplete_body_gets_408() -> None:
    assert refusal_in(await answer_to(HEAD + b"Content-Length: 100\r\n\r\na")) == 408


async def test_malformed_http_after_a_request_does_not_replace_its_response() -> None:
    async def never(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(Starlette(routes=[Route("/", never)])) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nBREW / HTTP/1.1\r\n\r\n")
        assert await rest_of(reader) == b""
        writer.close()


async def test_a_pipelined_request_has_a_separate_context() -> None:
    """Context variables of the previous request, whose task starts it, are not set."""
    client: ContextVar[str] = ContextVar("client", default="unset")

    async def set_and_return(request: Request) -> Response:
        before = client.get()
        client.set("the first")
        return Response(before)

    async with serving(Starlette(routes=[Route("/", set_and_return)])) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        responses = await rest_of(reader)
        writer.close()

    assert responses.count(b"\r\n\r\nunset") == 2


async def test_trailers_of_a_body_count_as_its_head() -> None:
    chunks = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    answer = await answer_to(HEAD + chunks + b"X-Trailer: " + b"a" * 3_000 + b"\r\n\r\n")

    assert not answer.startswith(b"HTTP/1.1 200")


async def test_a_client_gets_its_responses_and_is_disconnected_when_idle() -> None:
    answer = await answer_to(
        HEAD + b"Content-Length: 3\r\n\r\nabc", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"2")


async def test_a_client_answered_early_is_disconnected_when_idle() -> None:
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
async def test_a_client_that_does_not_read_a_large_response_is_disconnected(idle: float) -> None:
    async with serving(idle=idle) as (server, address):
        with socket.create_connection(address) as silent:
            silent.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(LONGEST):
                while not server.server_state.connections:
                    await asyncio.sleep(0.02)
                while server.server_state.connections:
                    await asyncio.sleep(0.02)
