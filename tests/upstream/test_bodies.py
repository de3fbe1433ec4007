"""What upstream may send wrong: one of our errors, in bounded time and memory, and nothing of it goes further."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from graphql_api.errors import UpstreamInvalidResponse, UpstreamTimeout
from graphql_api.fetching import Asker
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.headers import calls_left
from tests.conftest import CP_7, AtOnce
from tests.upstream.virtual import in_virtual_time

PATH = f"/releases/3.11/technicalcompetences/{CP_7}"
MEGABYTE = 1 << 20


class Body:
    """An upstream that sends one body in pieces, and says how much of it was read."""

    def __init__(self, pieces: list[bytes], headers: Mapping[str, str]) -> None:
        self.status_code = 200
        self.headers = headers
        self.pieces = pieces
        self.asked = self.read = 0
        self.pause = 0.0

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator["Body"]:
        self.asked += 1
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
    return Upstream(body, settings or Settings(), random=AtOnce()), body


async def refused(upstream: Upstream) -> str:
    with pytest.raises(UpstreamInvalidResponse) as raised:
        await upstream.fetch(PATH, Asker())
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
async def test_what_is_not_the_document_is_asked_for_three_times_and_refused(body: bytes) -> None:
    upstream, sent = door(body)

    await refused(upstream)
    assert sent.asked == 3


def test_a_body_that_drips_is_given_up_in_the_time_of_a_call_and_told_within_five_seconds() -> None:
    async def run() -> None:
        upstream, sent = door(*[b" "] * 10_000)
        sent.pause = 0.1  # never long enough for a limit on silence
        now = asyncio.get_running_loop().time
        began = now()

        with pytest.raises(UpstreamTimeout):
            await upstream.fetch(PATH, Asker())
        assert now() - began == pytest.approx(4.5)
        assert (sent.asked, sent.read) == (3, 45)

    in_virtual_time(run())


async def test_of_a_key_that_comes_twice_one_is_read() -> None:
    upstream, _ = door(f'{{"id": "x", "id": "{CP_7}"}}'.encode())

    assert (await upstream.fetch(PATH, Asker())).document == {"id": CP_7}


async def test_a_body_that_says_it_is_too_large_is_not_read_and_not_asked_for_again() -> None:
    upstream, sent = door(b"x" * 1000, content_length="99999999")

    assert await refused(upstream) == "more than 8000000 bytes"
    assert (sent.asked, sent.read) == (1, 0)


async def test_twelve_bombs_at_once_are_refused_in_bounded_memory() -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(bytes(MEGABYTE)) for _ in range(64)) + squeeze.flush()
    pieces = [bomb[at : at + 1024] for at in range(0, len(bomb), 1024)]
    patient = replace(Settings(), attempt_timeout=60.0, total_timeout=60.0)  # memory that is traced is slow
    doors = [door(*pieces, content_encoding="gzip", settings=patient) for _ in range(12)]

    tracemalloc.start()
    try:
        told = await asyncio.gather(*(refused(upstream) for upstream, _ in doors))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert told == ["more than 8000000 bytes"] * 12
    assert peak < 160 * MEGABYTE
    assert [sent.asked for _, sent in doors] == [1] * 12


async def test_a_bomb_in_one_piece_is_inflated_up_to_the_bound_and_no_further() -> None:
    upstream, _ = door(
        gzip.compress(bytes(64 * MEGABYTE)),
        content_encoding="gzip",
        settings=replace(Settings(), document_bytes=10_000),
    )

    tracemalloc.start()
    try:
        assert await refused(upstream) == "more than 10000 bytes"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE


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
def test_what_is_left_is_read_as_api_connect_writes_it(header: str, left: int | None) -> None:
    assert calls_left({"x-ratelimit-remaining": header}) == left
