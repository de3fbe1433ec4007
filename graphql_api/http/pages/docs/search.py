"""Search in the documentation: a full-text index of its sections, made by the first search."""

import re
import sqlite3
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from graphql_api.http.pages.docs.library import INDEX, pages, title, url
from graphql_api.http.pages.docs.markdown import sections

if TYPE_CHECKING:
    from markupsafe import Markup

MAX_WORDS = 12
_TABLE = """
CREATE VIRTUAL TABLE section USING fts5(page UNINDEXED, anchor UNINDEXED, title, heading, text, tokenize='porter')"""
_SEARCH = """
SELECT page, anchor, title, heading, snippet(section, 4, char(2), char(3), '…', 24) FROM section
WHERE section MATCH ? ORDER BY bm25(section, 0, 0, 8, 10, 1) LIMIT 20"""


class SectionHit(NamedTuple):
    """A section with the words; `url` is relative to `/docs/`, and `excerpt` has the words marked."""

    url: str
    title: str
    heading: str
    excerpt: "Markup"


def search(text: str) -> list[SectionHit]:
    """The sections with all words of a text, best first; if there are none, with their beginnings, then with any of them."""
    words = [f'"{word}"' for word in re.findall(r"\w+", text)[:MAX_WORDS]]
    attempts = (" ".join(words), " ".join(f"{word}*" for word in words), " OR ".join(f"{word}*" for word in words))
    rows: list[tuple[str, str, str, str, str]] = []
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(_index())
        for attempt in attempts if words else ():
            rows = rows or connection.execute(_SEARCH, [attempt]).fetchall()
    return [
        SectionHit(url(name, INDEX) + anchor, title, heading, _marked(excerpt))
        for name, anchor, title, heading, excerpt in rows
    ]


@cache
def _index() -> bytes:
    """The database; connections are opened for one search, so that none has to be closed at the end."""
    rows = (
        (name, "" if section.tag == "h1" else f"#{section.anchor}", title(name), section.heading, section.text)
        for name in pages()
        for section in sections(name)
    )
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(_TABLE)
        with connection:
            connection.executemany("INSERT INTO section VALUES (?, ?, ?, ?, ?)", rows)
        return connection.serialize()


def _marked(excerpt: str) -> "Markup":
    from markupsafe import Markup, escape

    return escape(excerpt).replace("\x02", Markup("<mark>")).replace("\x03", Markup("</mark>"))
