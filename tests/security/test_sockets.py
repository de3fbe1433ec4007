"""Over real sockets: requests that two servers would read differently are refused, and clients cannot inject response headers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.server.sockets import rest_of, serving

Address = tuple[str, int]

BODY = b'{"query":"{__typename}"}'
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def address(releases: Releases, settings: Settings) -> AsyncIterator[Address]:
    async with serving(create_app(settings, create_sandbox(releases))) as (_, bound):
        yield bound


async def answers_to(address: Address, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    answer = await rest_of(reader)
    writer.close()
    return answer


AMBIGUOUS = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 0, 5\r\n\r\n" + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\n" + SMUGGLED,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked and then more": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk size that is not a number": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n" + SMUGGLED,
    "a folded header": POST + b"X-Folded: a\r\n Transfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "a NUL in a header": POST + b"X-Odd: a\x00b\r\n\r\n" + SMUGGLED,
    "a line feed alone": b"GET /graphql?query={__typename} HTTP/1.1\nHost: x\n\n" + SMUGGLED,
    "a header without a name": POST + b": x\r\n\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_request_is_refused_and_ends_the_connection(address: Address, name: str) -> None:
    answer = await answers_to(address, AMBIGUOUS[name])

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1  # what was smuggled in was not read as a request
    assert b"smuggled" not in answer


async def test_two_pipelined_requests_get_two_responses(address: Address) -> None:
    good = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    answer = await answers_to(
        address, good + POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    )

    assert answer.count(b'{"data":{"__typename":"Query"}}') == 2


@pytest.mark.parametrize(
    "line",
    [
        b"X-Request-ID: a\rX-Evil: 1",
        b"X-Request-ID: a%0d%0aX-Evil: 1",
        b"X-Request-ID: a\xe5\x98\x8a\xe5\x98\x8dX-Evil: 1",
        b"Origin: x\rX-Evil: 1",
    ],
)
async def test_a_client_cannot_inject_a_response_header(address: Address, line: bytes) -> None:
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n" % len(BODY)
    answer = await answers_to(address, head + line + b"\r\n\r\n" + BODY)

    headers = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"x-evil" not in headers
    assert headers.startswith((b"http/1.1 200", b"http/1.1 400"))


@pytest.mark.parametrize(
    "target",
    [b"/graphql?query=%0d%0aX-Evil:%201", b"/%0d%0aX-Evil:%201", b"//evil.example/%2e%2e", b"/graphiql/%0d%0aX-Evil:1"],
)
async def test_a_request_target_injects_no_header_and_no_redirect(address: Address, target: bytes) -> None:
    answer = await answers_to(address, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    headers = answer.partition(b"\r\n\r\n")[0].lower()

    assert headers.startswith((b"http/1.1 200", b"http/1.1 400", b"http/1.1 404"))
    assert b"\r\nx-evil" not in headers
    assert b"location" not in headers


async def test_a_thousand_headers_are_refused(address: Address) -> None:
    answer = await answers_to(address, POST + b"X-Many: 1\r\n" * 5_000 + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 431")
