"""LRU and TTL caches: order of eviction, byte counts, eviction callbacks."""

from graphql_api.caching import LRUCache, keep


def test_what_was_used_least_recently_goes_first() -> None:
    kept: LRUCache[str, int] = LRUCache(30)
    for key in ("a", "b", "c"):
        kept.put(key, 1, 10)
    kept.get("a")
    kept.put("d", 1, 10)

    assert [key in kept for key in ("a", "b", "c", "d")] == [True, False, True, True]
    assert (len(kept), kept.bytes) == (3, 30)


def test_it_holds_no_more_than_so_many() -> None:
    kept: LRUCache[str, int] = LRUCache(1000, max_items=2)
    for key in ("a", "b", "c"):
        kept.put(key, 1, 10)

    assert (len(kept), kept.bytes) == (2, 20)


def test_one_that_is_too_large_stays_out_and_takes_away_what_was_in_its_place() -> None:
    kept: LRUCache[str, int] = LRUCache(100, max_item_bytes=20)
    kept.put("a", 1, 10)
    kept.put("a", 2, 21)

    assert (len(kept), kept.bytes) == (0, 0)
    assert kept.get("a") is None


def test_whoever_leaves_is_told_of_also_for_another_in_its_place() -> None:
    gone = []
    kept: LRUCache[str, int] = LRUCache(20, on_evict=lambda key, value: gone.append((key, value)))
    kept.put("a", 1, 10)
    kept.put("a", 2, 10)
    kept.put("b", 3, 20)
    kept.drop("b")
    kept.drop("unknown")

    assert gone == [("a", 1), ("a", 2), ("b", 3)]
    assert kept.bytes == 0


def test_what_there_is_not_is_told_by_what_was_asked_for() -> None:
    kept: LRUCache[str, None] = LRUCache(10)
    kept.put("a", None, 1)

    assert kept.get("a", "missing") is None
    assert kept.get("b", "missing") == "missing"


def test_a_plain_map_begins_anew_where_it_is_full() -> None:
    known: dict[int, int] = {}

    for number in range(7):
        assert keep(known, 3, number, number) == number
    assert list(known) == [6]


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
