"""Clients that offer another protocol: the bytes that Java's HttpClient and `curl --http2` send, on a real socket."""

import asyncio
from itertools import pairwise

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.server.sockets import LONGEST, refusal_in, serving

JAVA = (
    b"POST / HTTP/1.1\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Content-Length: %d\r\n"
    b"Host: localhost:8000\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    b"Upgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\n"
    b"Content-Type: application/json\r\n"
    b"\r\n"
)
CURL = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
BODY = b'{"query": "{ __typename }"}'
PLAIN = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def _echo(request: Request) -> JSONResponse:
    body = await request.body()
    return JSONResponse([body.decode(), request.method, sorted({*request.headers} & {"upgrade", "user-agent"})])


APP = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])])


async def bodies_for(*pieces: bytes, ws: str = "none", answers: int = 1) -> list[str]:
    """What the app received, for `answers` requests in these pieces, each of which arrives separately."""
    async with serving(APP, ws=ws) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            for _ in range(5):
                await asyncio.sleep(0)
        results = []
        async with asyncio.timeout(LONGEST):
            while len(results) < answers:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"HTTP/1.1 100"):
                    results.append("100")
                    continue
                assert head.startswith(b"HTTP/1.1 200"), head
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
                results.append((await reader.readexactly(length)).decode())
        writer.close()
        return results


def response_of(body: bytes, method: str = "POST", agent: bool = False) -> str:
    return JSONResponse([body.decode(), method, ["user-agent"] * agent]).body.decode()


@pytest.mark.parametrize("head", [JAVA, CURL], ids=["Java", "curl"])
async def test_an_http2_upgrade_is_ignored_and_the_body_is_read(head: bytes) -> None:
    assert await bodies_for(head % len(BODY) + BODY) == [response_of(BODY, agent=True)]


@pytest.mark.parametrize("head", [JAVA, CURL], ids=["Java", "curl"])
async def test_an_upgrade_with_a_delayed_body_is_ignored(head: bytes) -> None:
    assert await bodies_for(head % len(BODY), BODY[:5], BODY[5:]) == [response_of(BODY, agent=True)]


async def test_a_request_is_parsed_equally_at_any_split() -> None:
    complete = JAVA % len(BODY) + BODY
    cuts = [
        0,
        1,
        20,
        60,
        len(complete) - len(BODY) - 2,
        len(complete) - len(BODY) - 1,
        len(complete) - 1,
        len(complete),
    ]

    assert await bodies_for(*(complete[begin:end] for begin, end in pairwise(cuts))) == [response_of(BODY, agent=True)]


async def test_requests_pipelined_after_an_upgrade_get_responses() -> None:
    offer = JAVA % len(BODY) + BODY

    assert (
        await bodies_for(offer + PLAIN + offer + PLAIN, answers=4)
        == [response_of(BODY, agent=True), response_of(b"abc")] * 2
    )


async def test_a_thousand_upgrades_in_one_packet_are_all_answered() -> None:
    offer = b"GET / HTTP/1.1\r\nHost:\r\nConnection:upgrade\r\nUpgrade:x\r\n\r\n"

    assert await bodies_for(offer * 1_000, answers=1_000) == [response_of(b"", "GET")] * 1_000


async def test_a_chunked_body_is_read_after_an_upgrade() -> None:
    head = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert await bodies_for(head + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" + PLAIN, answers=2) == [response_of(b"abc")] * 2


async def test_expect_100_continue_works_with_an_upgrade() -> None:
    head = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

    async with serving(APP) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head)
        async with asyncio.timeout(LONGEST):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            writer.write(b"abc")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize(
    "offer",
    [
        b"Connection: Upgrade\r\nUpgrade: made-up/1.0, h2c\r\n",
        b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        b"Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: h2c\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Connection: Upgrade\r\n",
        b"Upgrade: h2c\r\n",
    ],
    ids=["made up", "TLS", "two lines", "a WebSocket by POST", "without a protocol", "not named in Connection"],
)
@pytest.mark.parametrize("ws", ["none", "websockets-sansio"])
async def test_an_upgrade_does_not_change_how_a_body_is_read(offer: bytes, ws: str) -> None:
    (answer,) = await bodies_for(HEAD + offer + b"Content-Length: 3\r\n\r\nabc", ws=ws)

    assert answer.startswith('["abc","POST"')


@pytest.mark.parametrize(
    "fields",
    [b"", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 3\r\n", b"Content-Length: 3\r\n"],
    ids=["no key", "a body", "both"],
)
async def test_an_incomplete_websocket_handshake_is_a_plain_get(fields: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + fields + b"\r\n"
    body = b"abc" * (b"Length" in fields)

    assert await bodies_for(head + body, ws="websockets-sansio") == [response_of(body, "GET")]


async def test_a_websocket_opens_with_any_list_in_its_connection_header() -> None:
    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    head = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nConnection: keep-alive\r\nUpgrade: WebSocket\r\nContent-Length: 0\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with serving(app, ws="websockets-sansio") as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head)
        async with asyncio.timeout(LONGEST):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 101")
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\n",
        b"POST / HTTP/1.1\r\nHost: x y\r\n",
        b"POST / HTTP/1.1\r\nHost: x/y\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
    ],
    ids=["no host", "two hosts", "a space", "a slash", "for a proxy", "for a proxy, with an offer"],
)
async def test_a_request_without_host_or_for_a_proxy_is_400(head: bytes) -> None:
    async with serving(APP) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head + b"\r\n")
        async with asyncio.timeout(LONGEST):
            assert refusal_in(await reader.read()) == 400
        writer.close()


async def test_white_space_around_a_header_is_removed() -> None:
    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        value = dict(scope["headers"])[b"x-competent-explain"]
        await JSONResponse(value.decode())(scope, receive, send)

    async with serving(app) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x \t\r\nX-Competent-Explain: \t1 \t \r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(LONGEST):
            assert (await reader.read()).endswith(b'\r\n\r\n"1"')
        writer.close()


@pytest.mark.parametrize("host", [b"", b"Host:\r\n", b"Host: x:8000\r\n"])
async def test_before_http_1_1_a_request_needs_no_host(host: bytes) -> None:
    async with serving(APP) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.0\r\n" + host + b"\r\n")
        async with asyncio.timeout(LONGEST):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
