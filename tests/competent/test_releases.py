"""Release numbers in their order, and the day on which a release was published."""

from datetime import date
from itertools import pairwise

import pytest

from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.competent.releases import ReleaseReader, release_order
from graphql_api.competent.values import day
from graphql_api.errors import UpstreamNotFound
from graphql_api.sandbox.dataset import release_order as sandbox_order

OLDEST_FIRST = ["2", "3", "3.2", "3.9", "3.9.0", "3.9.1", "3.9.10", "3.10", "3.10.1", "3.27", "4", "4.0", "10"]


def test_releases_of_unequal_length_are_ordered_by_their_parts() -> None:
    by_text = sorted(OLDEST_FIRST)

    assert sorted(by_text, key=release_order) == OLDEST_FIRST
    assert sorted(by_text, key=sandbox_order) == OLDEST_FIRST


@pytest.mark.parametrize(
    ("older", "newer"), [*pairwise(["beta", "v4", "3", "3.9-rc1", "3.9-rc2", "3.9", "3.10-beta", "3.10"])]
)
def test_a_prerelease_is_ordered_before_its_release(older: str, newer: str) -> None:
    assert release_order(older) < release_order(newer)


async def test_without_a_current_route_the_newest_listed_release_is_current() -> None:
    async def load(path: str) -> Document:
        if path.partition("?")[0] != "/releases":
            raise UpstreamNotFound
        listed = [{"number": number} for number in ("3.10", "3.9", "3.10.1", "3.9.1")]
        page = {"size": 500, "totalElements": 4, "totalPages": 1, "number": 0}
        return normalise(path, {"_embedded": {"releaseList": listed}, "page": page})

    releases = ReleaseReader(load, 500, lambda path: None)

    assert await releases.numbers() == ["3.10.1", "3.10", "3.9.1", "3.9"]
    assert await releases.number("current") == "3.10.1"


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("2026-06-25", date(2026, 6, 25)),
        ("2026-06-25T00:00:00Z", date(2026, 6, 25)),
        ("2026-06-24T22:00:00Z", date(2026, 6, 25)),  # midnight in Brussels, in summer
        ("2026-06-24T21:59:59.999Z", date(2026, 6, 24)),
        ("2026-12-31T23:00:00Z", date(2027, 1, 1)),  # in winter
        ("2026-12-31T22:30:00Z", date(2026, 12, 31)),
        ("2026-06-25T01:00:00+03:00", date(2026, 6, 25)),
        ("2026-06-25T23:30:00", date(2026, 6, 25)),  # no zone: the day that is written
        ([2026, 6, 25, 23, 30], date(2026, 6, 25)),
        (1782338400000, date(2026, 6, 25)),  # 2026-06-24T22:00:00Z
        ("9999-12-31T23:30:00Z", date(9999, 12, 31)),
        ("soon", None),
        (None, None),
    ],
)
def test_the_date_of_a_time_is_the_one_in_brussels(published: object, expected: date | None) -> None:
    assert day(published) == (expected and expected.isoformat())
