"""The caches of the fast path are bounded, their estimated size is about right, and they hold no evicted document."""

import asyncio
import gc
import tracemalloc
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from graphql_api.execution.documents import TOUCH_EVERY, ValidDocument
from graphql_api.sandbox import Releases
from graphql_api.server.fast_path.handler import HEADS_BYTES, SKIP_AFTER_MISS
from graphql_api.server.fast_path.header_profile import MAX_BYTES as PROFILES
from graphql_api.server.fast_path.request_cache import MAX_BYTES as MAX_REQUEST_BYTES
from graphql_api.settings import Settings
from tests.conftest import Server
from tests.execution.test_documents import valid_document
from tests.server.fast_path.memory_transport import post, with_field
from tests.server.fast_path.requests import CP, PINNED, PLAIN
from tests.server.fast_path.two_connections import Both, both

pytestmark = pytest.mark.slow

TINY = "{ __typename }"


def cached_heads(two: Both) -> int:
    """The counted bytes of all cached entries."""
    path = two.fast_path
    return int(path._heads.bytes + path._profiles._profiles.bytes + path._requests._requests.bytes)


async def test_cached_request_headers_are_bounded(two: Both) -> None:
    many = "x" * 25_000
    for field in ("X_Unknown", "Cookie", "Accept_Language", "Origin"):
        for number in range(200):
            await two.fast.ask(post(TINY, **{field: f"{number}{many}"}))

    assert HEADS_BYTES * 0.9 < two.fast_path._heads.bytes <= HEADS_BYTES
    assert PROFILES * 0.9 < two.fast_path._profiles._profiles.bytes <= PROFILES


async def test_cached_requests_are_bounded_and_overlong_ones_are_skipped(two: Both) -> None:
    many = "x" * 60_000
    for number in range(200):
        await two.fast.ask(post(TINY, {"more": f"{number}{many}"}))
    requests = two.fast_path._requests
    long = len(requests)
    await two.fast.ask(post(TINY, {"more": "x" * 100_000}))

    assert MAX_REQUEST_BYTES * 0.9 < requests._requests.bytes <= MAX_REQUEST_BYTES
    assert len(requests) == long


def document_in_variant(number: int) -> bytes:
    """A document that is compiled in one of sixteen variants."""
    ways = list(product([True, False], repeat=4))
    fields = " ".join(
        [*(f"{name}: code @include(if: ${name})" for name in "abcd"), *(f"n{n}: code" for n in range(60))]
    )
    query = f'query ($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Boolean!) {{ occupationalProfiles(release: "3.11", first: 1) {{ nodes {{ {fields} }} }} }}'
    return post(query, dict(zip("abcd", ways[number % 16], strict=True)) | {"more": number})


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "many values in variables": lambda number: post(TINY, {"more": [[] for _ in range(1_000)], "n": number}),
    "letters of four bytes": lambda number: post(TINY, {"more": f"\U0001f600{'x' * 10_000}{number}"}),
    "many fields in a head": lambda number: with_field(
        PLAIN, b"X: %d" % number, *(b"%x:" % item for item in range(2_000))
    ),
    "many languages": lambda number: post(PINNED, CP, Accept_Language=", ".join(f"l{number}-{n}" for n in range(200))),
    "a plan each": document_in_variant,
}


@pytest.mark.slow
@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
async def test_cached_entries_use_about_the_memory_that_is_counted(
    releases: Releases, settings: Settings, sent: Callable[[int], bytes]
) -> None:
    async with both(Server(releases, replace(settings, response_cache_bytes=0))) as two:
        for number in range(16):
            await two.fast.ask(sent(number))
        gc.collect()
        before = cached_heads(two)
        tracemalloc.start()
        try:
            for number in range(16, 40):
                await two.fast.ask(sent(number))
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert cached_heads(two) > before
        assert taken < 1.5 * (cached_heads(two) - before) + 500_000


@pytest.mark.slow
async def test_repeating_a_request_does_not_grow_its_cached_entry(releases: Releases, settings: Settings) -> None:
    """However often it is compiled, and in however many languages it is requested."""
    async with both(Server(releases, replace(settings, response_cache_bytes=0))) as two:
        sent = [with_field(document_in_variant(number), b"Accept-Language: nl;q=0.%d" % number) for number in range(9)]
        in_turn = [item for item in sent for _ in range(SKIP_AFTER_MISS + 3)]
        for item in in_turn:
            await two.fast.ask(item)
        gc.collect()
        tracemalloc.start()
        try:
            ways = [(await two.fast.ask_fast(item))[1] for item in in_turn * 2]
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert True in ways
        assert taken < 3_000_000  # eight plans, which take the places of eight others


async def test_a_request_whose_compiled_query_was_evicted_is_skipped_for_a_while(
    releases: Releases, settings: Settings
) -> None:
    """The ASGI path compiles it again."""
    async with both(Server(releases, replace(settings, response_cache_bytes=0))) as two:
        await two.ask_uncached(document_in_variant(0))
        assert (await two.ask(document_in_variant(0)))[1]
        for number in range(1, 10):
            await two.long.ask(document_in_variant(number))

        ways = [(await two.ask(document_in_variant(0)))[1] for _ in range(SKIP_AFTER_MISS + 2)]

    assert ways == [False] * (SKIP_AFTER_MISS + 1) + [True]


def prepare_others(two: Both, first: int = 0) -> None:
    """Prepare other documents, from this number on, until they fill half of the cache."""
    documents = two.fast_path._endpoint.engine.documents
    filled = 0
    while filled < documents._valid._max_bytes * 0.55:
        prepared = documents.prepare("{ " + " ".join(f"a{first}_{n}: __typename" for n in range(50)) + " }")
        assert isinstance(prepared, ValidDocument)
        filled += prepared.size
        first += 1


async def test_a_cached_request_is_evicted_with_its_document(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    documents, requests = two.fast_path._endpoint.engine.documents, two.fast_path._requests
    document = weakref.ref(valid_document(documents, PINNED).as_written())
    assert len(requests) == 1

    prepare_others(two)
    prepare_others(two, 1_000)
    await asyncio.sleep(0)
    gc.collect()

    assert len(requests) == 0
    assert requests._keys_by_document == {}
    assert requests._requests.bytes == 0
    assert document() is None
    assert (await two.ask_repeated(PLAIN))[1]


async def test_fast_responses_count_as_use_of_their_document(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    for turn in range(3):
        prepare_others(two, turn * 1_000)

        assert [(await two.fast.ask_fast(PLAIN))[1] for _ in range(TOUCH_EVERY)] == [True] * TOUCH_EVERY


async def test_evicted_requests_leave_no_references(two: Both) -> None:
    many = "x" * 80_000
    for number in range(80):
        await two.fast.ask(post(f"{{ a{number % 7}: __typename }}", {"more": f"{number}{many}"}))
    requests = two.fast_path._requests

    assert sum(len(item) for item in requests._keys_by_document.values()) == len(requests) < 80
