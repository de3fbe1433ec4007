"""LRU and TTL caches: order of eviction, byte counts, eviction callbacks."""

from graphql_api.caching import Admission, LRUCache, keep


def test_the_least_recently_used_entry_is_evicted_first() -> None:
    cache: LRUCache[str, int] = LRUCache(30)
    for key in ("a", "b", "c"):
        cache.put(key, 1, 10)
    cache.get("a")
    cache.put("d", 1, 10)

    assert [key in cache for key in ("a", "b", "c", "d")] == [True, False, True, True]
    assert (len(cache), cache.bytes) == (3, 30)


def test_the_number_of_entries_is_bounded() -> None:
    cache: LRUCache[str, int] = LRUCache(1000, max_items=2)
    for key in ("a", "b", "c"):
        cache.put(key, 1, 10)

    assert (len(cache), cache.bytes) == (2, 20)


def test_an_oversized_entry_is_not_stored_and_removes_the_old_one() -> None:
    cache: LRUCache[str, int] = LRUCache(100, max_item_bytes=20)
    cache.put("a", 1, 10)
    cache.put("a", 2, 21)

    assert (len(cache), cache.bytes) == (0, 0)
    assert cache.get("a") is None


def test_eviction_and_replacement_call_the_listener() -> None:
    gone = []
    cache: LRUCache[str, int] = LRUCache(20, on_evict=lambda key, value: gone.append((key, value)))
    cache.put("a", 1, 10)
    cache.put("a", 2, 10)
    cache.put("b", 3, 20)
    cache.drop("b")
    cache.drop("unknown")

    assert gone == [("a", 1), ("a", 2), ("b", 3)]
    assert cache.bytes == 0


def test_a_miss_returns_the_default() -> None:
    cache: LRUCache[str, None] = LRUCache(10)
    cache.put("a", None, 1)

    assert cache.get("a", "missing") is None
    assert cache.get("b", "missing") == "missing"


def test_a_bounded_memo_is_cleared_when_it_is_full() -> None:
    values: dict[int, int] = {}

    for number in range(7):
        assert keep(values, 3, number, number) == number
    assert list(values) == [6]


def test_an_exposed_entry_is_evicted_first() -> None:
    cache: LRUCache[str, int] = LRUCache(1000, max_items=2)
    cache.put("a", 1, 10)
    cache.put("b", 2, 10)
    cache.expose("b")
    cache.put("c", 3, 10)

    assert list(cache) == ["a", "c"]


def test_peek_does_not_mark_an_entry_as_used() -> None:
    cache: LRUCache[str, int] = LRUCache(1000, max_items=2)
    cache.put("a", 1, 10)
    cache.put("b", 2, 10)

    assert cache.peek("a") == 1
    cache.put("c", 3, 10)
    assert list(cache) == ["b", "c"]


def test_a_full_cache_admits_keys_that_were_missed_twice() -> None:
    admission = Admission(max_items=2)

    assert [admission.admits(key) for key in ("a", "a", "a")] == [False, True, False]
    assert not any(admission.admits(key) for key in ("b", "c", "d"))
    assert [admission.admits(key) for key in ("d", "b")] == [True, False]
