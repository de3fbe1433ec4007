"""The response cache: bounded, without responses made of stale or evicted documents."""

import math

import pytest

from graphql_api.execution.response_cache import ENTRY_BYTES, MAX_SEEN, CachedResponse, CacheKey, ResponseCache
from graphql_api.schema.dependencies import Dependencies


def response(body: bytes, *names: str, until: float = math.inf) -> CachedResponse:
    return CachedResponse(body, Dependencies(dict.fromkeys(names), (), until, False))


def key(name: object) -> CacheKey:
    return str(name).encode(), b"", ()


def which_are_cached(cache: ResponseCache, *names: object) -> list[bool]:
    """Which of these are cached."""
    return [cache.get(key(name), 0.0) is not None for name in names]


def test_a_response_is_cached_until_one_of_its_documents_is_stale() -> None:
    cache = ResponseCache(20_000)
    cache.put(key("a"), response(b"1", "/x", until=100.0))

    assert cache.get(key("a"), 99.9) is not None
    assert cache.get(key("a"), 100.0) is None
    assert len(cache) == 0


def test_a_response_is_evicted_with_any_of_its_documents() -> None:
    cache = ResponseCache(100_000)
    cache.put(key("both"), response(b"1", "/x", "/y"))
    cache.put(key("one"), response(b"2", "/y"))
    cache.put(key("other"), response(b"3", "/z"))

    cache.drop("/x")
    assert which_are_cached(cache, "both", "one", "other") == [False, True, True]
    cache.drop("/y")
    cache.drop("/unknown")
    assert which_are_cached(cache, "both", "one", "other") == [False, False, True]
    cache.drop("/z")
    assert (len(cache), cache.bytes, cache._dependents) == (0, 0, {})


def test_the_least_recently_used_responses_are_evicted_first() -> None:
    size = response(b"a" * 100, "/x").size
    cache = ResponseCache(10 * size)
    for number in range(10):
        cache.put(key(number), response(b"a" * 100, f"/{number}"))
    cache.get(key(0), 0.0)
    cache.put(key(10), response(b"a" * 100, "/10"))

    assert which_are_cached(cache, 0, 1) == [True, False]
    assert cache.bytes <= 10 * size


@pytest.mark.parametrize(("length", "count"), [(50, 1), (1000, 0)])
def test_a_response_of_more_than_an_eighth_of_the_cache_is_not_cached(length: int, count: int) -> None:
    cache = ResponseCache(8 * (ENTRY_BYTES + 200))
    cache.put(key("a"), response(b"a" * length, "/x"))

    assert len(cache) == count


def test_a_response_replaces_the_cached_one_of_its_key() -> None:
    cache = ResponseCache(20_000)
    cache.put(key("a"), response(b"1", "/x"))
    cache.put(key("a"), response(b"2", "/y"))
    cache.drop("/x")

    which_are_cached = cache.get(key("a"), 0.0)
    assert which_are_cached is not None
    assert which_are_cached.body == b"2"


class OneDocument:
    """Loaders that have read one fresh document."""

    def dependencies(self) -> Dependencies:
        return Dependencies({"/x": None}, (), math.inf, False)

    def now(self) -> float:
        return 0.0


def test_a_response_is_cached_from_the_second_request_on() -> None:
    cache, loaders = ResponseCache(100_000), OneDocument()
    for number in range(3):
        assert cache.store(key(number), {}, loaders) is None  # type: ignore[arg-type]
    assert len(cache) == 0

    stored = cache.store(key(1), {}, loaders)  # type: ignore[arg-type]
    assert stored is not None
    assert which_are_cached(cache, 0, 1, 2) == [False, True, False]


def test_requests_seen_once_are_stored_in_a_bounded_set() -> None:
    cache = ResponseCache(100_000)
    for number in range(MAX_SEEN + 1):
        cache.store(key(number), {}, OneDocument())  # type: ignore[arg-type]
    assert len(cache._seen) == 1
