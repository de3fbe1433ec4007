"""Invalid upstream bodies are errors, in bounded time and memory, and never reach clients."""

import asyncio
import gc
import gzip
import logging
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest

from graphql_api.errors import UpstreamInvalidResponse, UpstreamNotFound, UpstreamTimeout
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.body import IN_FLIGHT, SMALL
from graphql_api.upstream.call_event import CallEvent
from graphql_api.upstream.headers import calls_left
from graphql_api.upstream.heap import HeapTrimmer
from tests.conftest import CP_7, NoJitter, counting_turns
from tests.upstream.virtual_time import in_virtual_time

PATH = f"/releases/3.11/technicalcompetences/{CP_7}"
MEGABYTE = 1 << 20


class Body:
    """An upstream that sends one body in chunks, and records how many were read."""

    def __init__(self, pieces: list[bytes], headers: Mapping[str, str]) -> None:
        self.status_code = 200
        self.headers = headers
        self.pieces = pieces
        self.requested_chunks = self.read = 0
        self.pause = 0.0

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator["Body"]:
        self.requested_chunks += 1
        yield self

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.read += len(piece)
            await asyncio.sleep(self.pause)
            yield piece

    async def aclose(self) -> None:
        pass


def door(*pieces: bytes, settings: Settings | None = None, **headers: str) -> tuple[Upstream, Body]:
    body = Body(list(pieces), {name.replace("_", "-"): value for name, value in headers.items()})
    return Upstream(body, settings or Settings(), random=NoJitter()), body


async def refusal_of(upstream: Upstream) -> str:
    with pytest.raises(UpstreamInvalidResponse) as raised:
        await upstream.fetch(PATH, FetchContext())
    return raised.value.detail


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><title>Onderhoud</title>",
        b"[" * 5000 + b"]" * 5000,
        b'{"id": ' + b"[" * 5000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"id": 7}',
        b'{"id": null}',
        b'{"id": ["' + CP_7.encode() + b'"]}',
        b'{"id": "\xff"}',
        b'{"id": NaN}',
        b"\x1f\x8b",
        b"\x00" * 1000,
    ],
    ids=["html", "deep", "deep and cut", "long number", "number", "null", "list", "no UTF-8", "NaN", "gzip", "zeros"],
)
async def test_a_wrong_body_is_rejected_after_three_attempts(body: bytes) -> None:
    upstream, sent = door(body)

    await refusal_of(upstream)
    assert sent.requested_chunks == 3


def test_a_slow_body_times_out_within_five_seconds() -> None:
    async def run() -> None:
        upstream, sent = door(*[b" "] * 10_000)
        sent.pause = 0.1  # never long enough for a limit on silence
        now = asyncio.get_running_loop().time
        began = now()

        with pytest.raises(UpstreamTimeout):
            await upstream.fetch(PATH, FetchContext())
        assert now() - began == pytest.approx(4.5)
        assert (sent.requested_chunks, sent.read) == (3, 45)

    in_virtual_time(run())


async def test_the_last_of_duplicate_keys_wins() -> None:
    upstream, _ = door(f'{{"id": "x", "id": "{CP_7}"}}'.encode())

    assert (await upstream.fetch(PATH, FetchContext())).document == {"id": CP_7}


async def test_a_body_with_an_excessive_content_length_is_not_read_or_retried() -> None:
    upstream, sent = door(b"x" * 1000, content_length="99999999")

    assert await refusal_of(upstream) == "more than 2000000 bytes"
    assert (sent.requested_chunks, sent.read) == (1, 0)


async def test_concurrent_gzip_bombs_are_rejected_in_bounded_memory() -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(bytes(MEGABYTE)) for _ in range(64)) + squeeze.flush()
    pieces = [bomb[at : at + 1024] for at in range(0, len(bomb), 1024)]
    patient = replace(
        Settings(), upstream_attempt_timeout=60.0, upstream_total_timeout=60.0
    )  # memory that is traced is slow
    doors = [door(*pieces, content_encoding="gzip", settings=patient) for _ in range(12)]

    tracemalloc.start()
    try:
        messages = await asyncio.gather(*(refusal_of(upstream) for upstream, _ in doors))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert messages == ["more than 2000000 bytes"] * 12
    assert peak < 160 * MEGABYTE
    assert [sent.requested_chunks for _, sent in doors] == [1] * 12


async def test_a_gzip_bomb_in_one_chunk_is_inflated_only_up_to_the_limit() -> None:
    upstream, _ = door(
        gzip.compress(bytes(64 * MEGABYTE)),
        content_encoding="gzip",
        settings=replace(Settings(), upstream_document_bytes=10_000),
    )

    tracemalloc.start()
    try:
        assert await refusal_of(upstream) == "more than 10000 bytes"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE


LARGEST = 1_990_000
UNUSABLE = {
    "too large": bytes(64 * MEGABYTE),
    "no JSON": b'{"id": ' + b" " * LARGEST,
    "another id": b'{"id": "7", "a": "' + b"x" * LARGEST + b'"}',
    "not an object": b'"' + b"x" * LARGEST + b'"',
    "millions of values": b'{"id": [' + b"[]," * (LARGEST // 3) + b"0]}",
    "deep nesting": b'{"id": ' + b"[" * (LARGEST // 2) + b"]" * (LARGEST // 2) + b"}",
    "a long number": b'{"id": ' + b"9" * LARGEST + b"}",
    "no UTF-8": b'{"id": "' + b"\xff" * LARGEST + b'"}',
}


@pytest.mark.slow
@pytest.mark.parametrize("what", UNUSABLE)
async def test_an_error_holds_no_reference_to_the_body(what: str) -> None:
    zipped = gzip.compress(UNUSABLE[what])
    upstream, _ = door(zipped, content_encoding="gzip", settings=replace(Settings(), upstream_attempt_timeout=60.0))
    errors = []
    gc.collect()
    gc.disable()  # it is nearly off in a server: nothing may wait for it
    tracemalloc.start()
    try:
        for number in range(10):
            with pytest.raises(UpstreamInvalidResponse) as raised:
                await upstream.fetch(
                    f"{PATH[:-12]}{number:012}", FetchContext(deadline=asyncio.get_running_loop().time() + 60)
                )
            errors.append(raised.value)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()

    assert len(errors) == 10
    assert left < MEGABYTE


@pytest.mark.parametrize(("what", "returned"), [("too large", True), ("another id", True), ("html", False)])
async def test_memory_is_returned_after_a_large_body_only(
    what: str, returned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[HeapTrimmer] = []
    monkeypatch.setattr(HeapTrimmer, "trim_soon", lambda trimmer: requests.append(trimmer))
    upstream, _ = door(UNUSABLE.get(what, b"<html>")[:3_000_000])

    await refusal_of(upstream)
    assert bool(requests) == returned


async def test_inflating_a_gzip_bomb_yields_to_the_event_loop() -> None:
    large = replace(Settings(), upstream_document_bytes=20_000_000)
    upstream, _ = door(gzip.compress(bytes(32 * MEGABYTE)), content_encoding="gzip", settings=large)

    async with counting_turns() as turns:
        await refusal_of(upstream)
    assert turns.count >= 20_000_000 // (8 * 65_536)


class Stuck:
    """An upstream whose bodies hang after some bytes; counts the bytes read of all of them."""

    status_code = 200
    headers: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.bytes = 0

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator["Stuck"]:
        yield self

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 65_536
            self.bytes += 65_536
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        pass


def test_concurrent_bodies_share_one_memory_limit() -> None:
    async def run() -> None:
        stuck = Stuck()
        upstream = Upstream(stuck, replace(Settings(), upstream_concurrency=100))
        asking = [
            asyncio.create_task(upstream.fetch(f"{PATH[:-12]}{number:012}", FetchContext())) for number in range(100)
        ]
        await asyncio.sleep(1)

        assert IN_FLIGHT / 2 < stuck.bytes <= IN_FLIGHT + 100 * SMALL
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

        document = b'{"id": "%s", "a": "%s"}' % (CP_7.encode(), b"x" * 1_000_000)
        stuck.aiter_raw = Body([document], {}).aiter_raw  # type: ignore[method-assign]
        assert (await upstream.fetch(PATH, FetchContext())).document is not None  # the reserved memory is free again

    in_virtual_time(run())


def test_an_unusable_document_is_not_refetched_for_five_seconds() -> None:
    async def run() -> None:
        upstream, sent = door(b"x", content_length="99999999")
        for _ in range(40):
            await refusal_of(upstream)
            await asyncio.sleep(0.1)
        assert sent.requested_chunks == 1

        await asyncio.sleep(1.1)
        await refusal_of(upstream)
        assert sent.requested_chunks == 2

    in_virtual_time(run())


TEXT = "abcdefghijklmnopqrstuvwxyz" * 20
DOCUMENT = orjson.dumps({"id": CP_7, "text": TEXT})


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 30, 62, len(DOCUMENT) - 1])
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "identity, gzip"])
async def test_gzip_of_several_members_is_one_document(cut: int, encoding: str) -> None:
    zipped = gzip.compress(DOCUMENT[:cut]) + gzip.compress(b"") + gzip.compress(DOCUMENT[cut:]) + bytes(5)
    for pieces in ([zipped], [zipped[at : at + 1] for at in range(len(zipped))]):
        upstream, _ = door(*pieces, content_encoding=encoding)

        assert (await upstream.fetch(PATH, FetchContext())).document == {"id": CP_7, "text": TEXT}


async def test_bytes_after_the_last_gzip_member_are_ignored() -> None:
    upstream, _ = door(gzip.compress(DOCUMENT) + b"\x1f", b"what is this?", content_encoding="gzip")

    assert (await upstream.fetch(PATH, FetchContext())).document


async def test_a_second_gzip_member_that_is_cut_is_refused() -> None:
    upstream, _ = door(gzip.compress(DOCUMENT) + gzip.compress(b" " * 100)[:-9], content_encoding="gzip")

    assert await refusal_of(upstream) == "the gzip body is cut"


async def test_a_bomb_of_many_gzip_members_is_refused() -> None:
    upstream, sent = door(*[gzip.compress(bytes(MEGABYTE))] * 64, content_encoding="gzip")

    assert await refusal_of(upstream) == "more than 2000000 bytes"
    assert sent.read == 2 * len(sent.pieces[0])


async def test_a_body_of_very_many_gzip_members_is_refused() -> None:
    upstream, sent = door(*[gzip.compress(b"") * 1500] * 4, content_encoding="gzip")

    assert await refusal_of(upstream) == "more than 1000 gzip members"
    assert sent.read == 3 * len(sent.pieces[0])  # the first of them, at each attempt


async def test_compressed_bytes_without_output_are_bounded() -> None:
    head = zlib.compressobj(wbits=31)
    empty_blocks = head.flush(zlib.Z_SYNC_FLUSH) + b"\x00\x00\x00\xff\xff" * 13_000
    upstream, sent = door(empty_blocks, *[b"\x00\x00\x00\xff\xff" * 13_000] * 100, content_encoding="gzip")

    assert await refusal_of(upstream) == "more than 2000000 bytes"
    assert sent.read < 2_100_000


async def test_a_byte_order_mark_before_json_is_skipped() -> None:
    for encoded in (b"\xef\xbb\xbf" + DOCUMENT, gzip.compress(b"\xef\xbb\xbf" + DOCUMENT)):
        upstream, _ = door(encoded, content_encoding="gzip" if encoded[0] == 0x1F else "")

        assert (await upstream.fetch(PATH, FetchContext())).document


@pytest.mark.parametrize(
    "body",
    [
        b'{"timestamp": 1, "status": 404, "error": "Not Found"}',
        b'{"timestamp": 1, "status": "404", "error": "Not Found"}',
        b'{"httpCode": "404", "httpMessage": "Not Found"}',
    ],
)
async def test_a_404_in_a_document_with_status_200_is_a_404(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    called: list[CallEvent] = []
    upstream = Upstream(Body([body], {}), Settings(), random=NoJitter(), emit=called.append)

    with caplog.at_level(logging.INFO), pytest.raises(UpstreamNotFound):
        await upstream.fetch(PATH, FetchContext())
    assert [(item.outcome, item.failed) for item in called] == [("NOT_FOUND", False)]
    assert caplog.records == []  # as of any other 404


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("name=default,1992;", 1992),
        ("name=a,1992;name=b,7;", 7),
        ("name=default,-3;", 0),
        ("12", 12),
        ("", None),
        ("name=default,soon;", None),
        ("9" * 400, None),
    ],
)
def test_remaining_calls_are_parsed_from_the_header_of_api_connect(header: str, left: int | None) -> None:
    assert calls_left({"x-ratelimit-remaining": header}) == left
