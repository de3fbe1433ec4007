"""The media type that a client prefers."""

import pytest

from graphql_api.media import preferred

OFFERED = ("text/html", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json, */*;q=0.1", "application/json"),
        ("text/html;q=0.2, application/json;q=0.3", "application/json"),
        ("*/*, text/html;q=0", "application/json"),
        ("TEXT/HTML ; Q=0.1, application/json;q=0", "text/html"),
        ("image/png", None),
        ("text/html;q=0", None),
        ("text/html;q=nan", None),
        ("text/html;q=much", None),
        (",;,/", None),
    ],
)
def test_the_highest_quality_wins_and_the_most_exact_range_says_it(accept: str, chosen: str | None) -> None:
    assert preferred(accept, OFFERED) == chosen


def test_a_header_without_end_is_read_in_part_only() -> None:
    assert preferred("x/y," * 100_000 + "text/html", OFFERED) is None
