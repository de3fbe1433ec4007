"""Parts of answers that are kept encoded: within bounds, as long as their documents are there and fresh."""

import math

from graphql_api.loaders import Read
from graphql_api.plan.kept import ENTRY_BYTES, KeptParts, Part, encoded


def part(value: object, *names: str, until: float = math.inf) -> Part:
    return encoded(value, Read(dict.fromkeys(names), (), until, False), None)


def test_a_part_is_found_by_its_key_until_one_of_its_documents_is_not_fresh() -> None:
    kept = KeptParts(10_000)
    kept.put("key", part({"a": 1}, "/x", until=100.0))

    assert kept.get("key", 99.9) is not None
    assert kept.get("key", 100.0) is None
    assert len(kept) == 0


def test_a_part_goes_with_any_of_its_documents() -> None:
    kept = KeptParts(100_000)
    kept.put("both", part(1, "/x", "/y"))
    kept.put("one", part(2, "/y"))
    kept.put("other", part(3, "/z"))

    kept.drop("/x")
    assert [kept.get(key, 0.0) is not None for key in ("both", "one", "other")] == [False, True, True]
    kept.drop("/y")
    kept.drop("/unknown")
    assert [kept.get(key, 0.0) is not None for key in ("both", "one", "other")] == [False, False, True]
    kept.drop("/z")
    assert (len(kept), kept.bytes) == (0, 0)


def test_the_least_recently_used_go_first_when_there_is_no_room() -> None:
    size = part("a" * 100, "/x").size
    kept = KeptParts(10 * size)
    for number in range(10):
        kept.put(number, part("a" * 100, f"/{number}"))
    kept.get(0, 0.0)
    kept.put(10, part("a" * 100, "/10"))

    assert kept.get(0, 0.0) is not None
    assert kept.get(1, 0.0) is None
    assert kept.bytes <= 10 * size


def test_what_would_push_out_much_of_the_rest_is_not_kept() -> None:
    kept = KeptParts(8 * (ENTRY_BYTES + 200))
    kept.put("large", part("a" * 1000, "/x"))

    assert (len(kept), kept.bytes) == (0, 0)


def test_a_part_that_is_put_again_takes_the_place_of_the_first() -> None:
    kept = KeptParts(10_000)
    kept.put("key", part(1, "/x"))
    kept.put("key", part(2, "/y"))
    kept.drop("/x")

    found = kept.get("key", 0.0)
    assert found is not None
    assert found.read.by_name == {"/y": None}
