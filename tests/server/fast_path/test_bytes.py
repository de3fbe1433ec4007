"""Requests as bytes: in however many pieces, one after the other or two together, well written or not, the fast path reads them as
the parser does or leaves them to it.
"""

import asyncio
from typing import Any

import orjson
import pytest

from graphql_api.sandbox import Fault
from tests.conftest import LONG
from tests.server.fast_path.memory_transport import Line, post, request, with_field
from tests.server.fast_path.requests import CP, CURRENT, KINDS, LISTED, PINNED, PLAIN
from tests.server.fast_path.two_connections import Both

HEAD, _, BODY = PLAIN.partition(b"\r\n\r\n")
OTHER = post(CURRENT, CP)
CHUNKED = b"".join([b"%x\r\n" % len(BODY), BODY, b"\r\n0\r\n\r\n"])


def without_length(*lines: bytes) -> bytes:
    """The head of the request with its Content-Length replaced by other lines."""
    payload = [item for item in HEAD.split(b"\r\n") if not item.startswith(b"Content-Length")]
    return b"\r\n".join([*payload, *lines, b"", b""])


async def test_a_request_in_two_chunks_gets_an_equal_response(two: Both) -> None:
    await two.ask_repeated(PLAIN)
    for at in (1, 20, len(HEAD), len(HEAD) + 2, len(HEAD) + 4, len(HEAD) + 9, len(PLAIN) - 1):
        await two.ask_repeated(PLAIN[:at], PLAIN[at:])
        _, fast = await two.ask_repeated(PLAIN)

        assert fast, at


async def test_a_request_that_arrives_byte_by_byte_gets_an_equal_response(two: Both) -> None:
    await two.ask_repeated(PLAIN)

    await two.ask(*(PLAIN[start : start + 1] for start in range(len(PLAIN))))


ODD = {
    "a line before it": b"\r\n" + PLAIN,
    "two lines before it": b"\r\n\r\n" + PLAIN,
    "a body in chunks": without_length(b"Transfer-Encoding: chunked") + CHUNKED,
    "trailers": without_length(b"Transfer-Encoding: chunked", b"Trailer: X-A") + CHUNKED[:-2] + b"X-A: 1\r\n\r\n",
    "white space around its length": without_length(b"Content-Length:  %d \t" % len(BODY)) + BODY,
    "a length that begins with a zero": without_length(b"Content-Length: 0%d" % len(BODY)) + BODY,
    "its length in odd letters": without_length(b"cOnTeNt-lEnGtH: %d" % len(BODY)) + BODY,
    "an empty field": with_field(PLAIN, b"X-Empty:"),
    "a whole address": PLAIN.replace(b"POST /graphql", b"POST http://server.test/graphql", 1),
    "a fragment": PLAIN.replace(b"POST /graphql", b"POST /graphql#a", 1),
    "an empty query string": PLAIN.replace(b"POST /graphql", b"POST /graphql?", 1),
    "hop by hop": with_field(PLAIN, b"TE: trailers", b"Keep-Alive: timeout=5"),
    "an upgrade that is not supported": with_field(PLAIN, b"Upgrade: h2c"),
    "a head in the body": post(PINNED, CP, {"extra": HEAD.decode() + "\r\n\r\n"}),
}


async def test_unusually_written_requests_get_equal_responses(two: Both) -> None:
    assert (await two.ask_repeated(PLAIN))[1]
    for name, sent in ODD.items():
        await two.ask_repeated(sent)
        _, fast = await two.ask_repeated(PLAIN)

        assert fast, name


ENDING = {
    "who closes": with_field(PLAIN, b"Connection: close"),
    "a proxy that closes": with_field(PLAIN, b"Proxy-Connection: close"),
    "HTTP/1.0": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "HTTP/1.0 with keep-alive": with_field(PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0", 1), b"Connection: keep-alive"),
    "another version": PLAIN.replace(b"HTTP/1.1", b"HTTP/7.1", 1),
    "lines that end otherwise": PLAIN.replace(b"\r\n", b"\n"),
    "a length with a sign": without_length(b"Content-Length: +%d" % len(BODY)) + BODY,
    "two lengths": with_field(PLAIN, b"Content-Length: %d" % len(BODY)),
    "two lengths in one": without_length(b"Content-Length: %d, %d" % (len(BODY), len(BODY))) + BODY,
    "a length and chunks": with_field(PLAIN, b"Transfer-Encoding: chunked"),
    "a line without a colon": with_field(PLAIN, b"X-None"),
    "a name with a space": with_field(PLAIN, b"X None: 1"),
    "a folded line": with_field(PLAIN, b"X-Folded: a", b" b"),
    "a zero byte": with_field(PLAIN, b"X-Zero: a\0b"),
    "no space": PLAIN.replace(b"POST ", b"POST", 1),
    "too much of a head": with_field(PLAIN, b"X-Long: " + b"a" * 40_000),
}


async def test_requests_that_end_the_connection_do_so_on_both_paths(two: Both) -> None:
    assert (await two.ask_repeated(PLAIN))[1]
    for name, sent in ENDING.items():
        for _ in range(2):
            fast, long = [await last_response(two.line(fast), sent) for fast in (True, False)]

            assert fast == long, name


async def last_response(line: Line, sent: bytes) -> tuple[list[bytes], Any]:
    """The header names and body of the response after which the connection is closed."""
    line.send(sent)
    head, _, body = (await line.closed()).partition(b"\r\n\r\n")
    assert line.spy is None or not any(line.spy.served)
    payload = orjson.loads(body) if body else {}
    for item in payload.get("errors", ()):
        item["extensions"].pop("requestId")
    return sorted(item.partition(b":")[0] for item in head.split(b"\r\n")), payload


@pytest.mark.parametrize("waits", [True, False])
async def test_expect_100_continue_is_answered(two: Both, waits: bool) -> None:
    """Also for a client that does not wait for the 100."""
    await two.ask_uncached(PLAIN)
    answers = []
    for fast in (True, False):
        line = two.line(fast)
        head, _, body = with_field(PLAIN, b"Expect: 100-continue").partition(b"\r\n\r\n")
        pieces = (head + b"\r\n\r\n", body) if waits else (head + b"\r\n\r\n" + body,)
        for piece in pieces:
            line.send(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(LONG):
            while len(line.wire.pieces) < 2:
                line.wire.more.clear()
                await line.wire.more.wait()
        answers.append(line.wire.pieces)

    assert answers[0][0] == answers[1][0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert [answer[1].partition(b"\r\n\r\n")[2] for answer in answers] == [answers[0][1].partition(b"\r\n\r\n")[2]] * 2


async def answers(line: Line, count: int) -> list[bytes]:
    return [(await line.answer()).body for _ in range(count)]


@pytest.mark.parametrize("way", [1, 2, 3, 1000])
async def test_pipelined_requests_are_answered_in_order(two: Both, way: int) -> None:
    """Split into this number of chunks."""
    bodies = [(await two.ask_repeated(item))[0].body for item in KINDS[:3]]
    many = b"".join(KINDS[:3]) * 2
    size = -(-len(many) // way)
    for line in (two.fast, two.long):
        line.send(*(many[start : start + size] for start in range(0, len(many), size)))

    assert await answers(two.fast, 6) == await answers(two.long, 6) == bodies * 2


async def test_bytes_inside_a_body_are_not_read_as_a_request(two: Both) -> None:
    """The bytes look like a request, but are inside the body of another."""
    await two.ask_uncached(PLAIN)
    outer = request(b'{"query": "{ __typename }", "x": "' + b"y" * (len(PLAIN) - 2) + b'"}').replace(
        b"y" * (len(PLAIN) - 2), b""
    )
    for line in (two.fast, two.long):
        line.send(outer[:-2], PLAIN[:-2] + b'"}')

        assert (await line.answer()).status == 400  # line breaks are no part of a text in JSON
    assert (await two.ask(PLAIN))[1]


@pytest.mark.parametrize("is_cached", [True, False])
async def test_no_response_is_sent_before_the_last_byte_of_the_request(two: Both, is_cached: bool) -> None:
    """Even if only white space is missing and the JSON is complete."""
    await two.ask_uncached(PLAIN)
    sent = request(BODY + b"   ")
    if is_cached:
        assert (await two.ask_repeated(sent))[1]
    for line in (two.fast, two.long):
        line.send(sent[:-1])
        for _ in range(20):
            await asyncio.sleep(0)
        assert line.wire.pieces == []

        assert (await line.ask(sent[-1:])).body.startswith(b'{"data"')
    assert (await two.ask(PLAIN))[1]


async def test_bytes_after_a_body_are_not_part_of_it(two: Both) -> None:
    await two.ask_repeated(PLAIN)

    await two.ask_repeated(PLAIN + b"\r\n")
    await two.ask_repeated(PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("before", [b"\r\n\r\n", b"\r\n\r\n\r\n", b"POS", b"POST"])
async def test_a_body_without_a_head_is_malformed(two: Both, before: bytes) -> None:
    for sent in (PLAIN, b"\r\n\r\n" + PLAIN, b"\r\n" + PLAIN):
        await two.ask_repeated(sent)
        await two.ask_repeated(sent[: len(sent) - len(BODY) + 5], sent[len(sent) - len(BODY) + 5 :])
        await two.ask_repeated(sent[: len(BODY) + 3], sent[len(BODY) + 3 :])
    for fast in (True, False):
        line = two.line(fast)
        line.send(before + BODY)

        assert (await line.closed()).startswith(b"HTTP/1.1 400 ")


async def test_a_pipelined_request_waits_for_the_response_before_it(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    held = asyncio.Event()
    two.server.faults.add(Fault("/releases/3.10/**", "hang", until=held))
    slow = post(LISTED.replace("3.11", "3.10"), {"first": 2})
    for line in (two.fast, two.long):
        line.send(slow)
    for _ in range(20):
        await asyncio.sleep(0)
    for line in (two.fast, two.long):
        line.send(PLAIN, OTHER)
    assert two.fast.wire.pieces == two.long.wire.pieces == []
    held.set()

    first, second = await answers(two.fast, 3), await answers(two.long, 3)

    assert first == second
    assert b"occupationalProfiles" in first[0]
    assert b"technicalCompetence" in first[1]


async def test_fast_and_regular_responses_alternate_on_one_connection(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    refused, explained = post("{ nothing }"), post(PINNED, CP, X_Competent_Explain="1")

    ways = [(await two.ask(item))[1] for item in (PLAIN, refused, PLAIN, PLAIN, refused, explained, PLAIN)]

    assert ways == [True, False, True, True, False, False, True]


async def test_the_fast_path_is_skipped_while_writing_is_paused(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    assert two.fast.spy is not None
    two.fast.protocol.pause_writing()
    before = two.fast.spy.served.copy()
    two.fast.send(PLAIN)
    for _ in range(20):
        await asyncio.sleep(0)
    assert two.fast.wire.pieces == []
    assert two.fast.spy.served == before
    two.fast.protocol.resume_writing()
    await two.fast.answer()

    assert (await two.ask(PLAIN))[1]


async def test_new_request_headers_are_not_served_while_writing_is_paused(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    await two.fast.ask(post("{ nothing }"))
    two.fast.protocol.pause_writing()
    two.fast.send(post(PINNED, CP, X_New="1"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert two.fast.wire.pieces == []
    two.fast.protocol.resume_writing()

    assert (await two.fast.answer()).status == 200


async def test_a_stopping_server_skips_the_fast_path_and_closes_connections(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    two.server.app.state.stopping.set()
    (fast, was_fast), long = await two.fast.ask_fast(PLAIN), await two.long.ask(PLAIN)

    assert not was_fast
    assert fast.seen == long.seen
    assert fast.field("connection") == "close"
