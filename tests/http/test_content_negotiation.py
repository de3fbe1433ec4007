"""The media type and the coding that a client prefers, and the copy that it holds."""

import math

import pytest

from graphql_api.http.content_negotiation import gzip_from, preferred
from graphql_api.http.header_fields import names_tag

OFFERED = ("text/html", "application/json")


@pytest.mark.parametrize(
    ("accept", "expected"),
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
        ('text/html;profile="a,application/json;q=1"', "text/html"),
        ('text/html;profile="a\\",b";q=0.1, application/json;q=0.2', "application/json"),
        ('application/json;profile="never ends', "application/json"),
        ("text/html;q=0.100, application/json;q=.2", "application/json"),
        ("text/html;q=1e0, application/json;q=0.1", "application/json"),
        ("text/html;q=1_0, application/json;q=0.1", "application/json"),
        ("text/html;q=2", None),
        (" application/json\t;\tq=0.5 , text/html ; q=0.25", "application/json"),
        ("   ", "text/html"),
    ],
)
def test_the_highest_quality_of_the_most_specific_range_wins(accept: str, expected: str | None) -> None:
    assert preferred(accept, OFFERED) == expected


def test_only_the_start_of_an_overlong_header_is_read() -> None:
    assert preferred("x/y," * 100_000 + "text/html", OFFERED) is None


@pytest.mark.parametrize(
    ("accept_encoding", "least"),
    [
        ("", math.inf),
        ("gzip", 1000),
        ("gzip, deflate, br, zstd", 1000),
        ("GZIP", 1000),
        ("x-gzip", 1000),
        ("*", 1000),
        ("gzip;q=0", math.inf),
        ("gzip;q=0.000, *", math.inf),
        ("gzip ; q=0.5", 1000),
        ("br, *;q=0", math.inf),
        ("gzip, *;q=0", 1),
        ("gzip, identity;q=0", 1),
        ("identity;q=0", math.inf),
        ("gzip;q=0.1, identity", math.inf),
        ("gzip;q=0.5, identity;q=0.5", 1000),
        ("notgzip", math.inf),
        ("gzip2", math.inf),
        ("identity", math.inf),
    ],
)
def test_gzip_is_used_if_the_client_prefers_it(accept_encoding: str, least: float) -> None:
    assert gzip_from({b"accept-encoding": accept_encoding.encode()}) == least


@pytest.mark.parametrize(
    ("field", "held"),
    [
        ('W/"a,b"', True),
        ('"a,b"', True),
        ('"x", W/"a,b"', True),
        ('"x",W/"a,b" ,', True),
        ("*", True),
        (" * ", True),
        ("", False),
        ('"a"', False),
        ('"a, b"', False),
        ("a,b", False),
        ('"b"', False),
        ('"*"', False),
    ],
)
def test_entity_tags_are_compared_weakly_even_with_commas(field: str, held: bool) -> None:
    assert names_tag(field, 'W/"a,b"') is held
