"""Full-text search for profiles: by word prefixes, then by trigrams, then by single letters.

It is as loose as VDAB's search: almost any text has hits, so a hit does not prove a match.
"""

import re
import sqlite3
from collections.abc import Iterator

from graphql_api.competent.declarations import TEXT, Field
from graphql_api.sandbox.dataset import LANGUAGES, PROFILE, Concept, Dataset

SEARCH_TABLES = """
CREATE VIRTUAL TABLE wording USING fts5(title, names, profile UNINDEXED, language UNINDEXED,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
CREATE VIRTUAL TABLE likeness USING fts5(title, names, profile UNINDEXED, language UNINDEXED, tokenize = 'trigram');
"""

_NAMES = tuple(field for field in PROFILE.fields if field.search and field.search.is_name)
"""The searched fields; the title comes first."""
_INSERTS = ("INSERT INTO wording VALUES (?, ?, ?, ?)", "INSERT INTO likeness VALUES (?, ?, ?, ?)")
_BY_WORDING = """
SELECT profile FROM wording WHERE wording MATCH :query AND (:language IS NULL OR language = :language)
ORDER BY bm25(wording, 8.0, 1.0), profile
"""
_BY_LIKENESS = """
SELECT profile FROM likeness WHERE likeness MATCH :query AND (:language IS NULL OR language = :language)
ORDER BY bm25(likeness, 8.0, 1.0), profile
"""
_MAX_LOOSE_HITS = 20
_MAX_WORDS = 16
_MAX_WORD_CHARS = 64


def write_search(connection: sqlite3.Connection, dataset: Dataset) -> None:
    """Fill `SEARCH_TABLES` with a row for each profile and language in which it has a name."""
    rows = list(_rows(dataset))
    for insert in _INSERTS:
        connection.executemany(insert, rows)


def search_profiles(connection: sqlite3.Connection, text: str, language: str | None) -> list[int]:
    """Positions of matching profiles, best first. Searches names in `language` (None: all); if none match, names in any."""
    words = [word[:_MAX_WORD_CHARS] for word in re.findall(r"\w+", text.lower())[:_MAX_WORDS]]
    beginnings = " OR ".join(f'"{word}"*' for word in words)
    trigrams = " OR ".join(f'"{word[at : at + 3]}"' for word in words for at in range(len(word) - 2))
    letters = " OR ".join(f'"{letter}"*' for letter in dict.fromkeys("".join(words)))
    return (
        _matches(connection, _BY_WORDING, beginnings, language)
        or _matches(connection, _BY_LIKENESS, trigrams, language)[:_MAX_LOOSE_HITS]
        or _matches(connection, _BY_WORDING, letters, language)[:_MAX_LOOSE_HITS]
        or _matches(connection, _BY_WORDING, letters, None)[:_MAX_LOOSE_HITS]
    )


def _matches(connection: sqlite3.Connection, statement: str, query: str, language: str | None) -> list[int]:
    if not query:
        return []
    rows = connection.execute(statement, {"query": query, "language": language})
    return list(dict.fromkeys(profile for (profile,) in rows))


def _rows(dataset: Dataset) -> Iterator[tuple[str, str, int, str]]:
    for position, profile in enumerate(dataset.profiles):
        for language in LANGUAGES:
            title, *others = (text for field in _NAMES for text in _names(profile, field, language))
            if title or any(others):
                yield title, "\n".join(filter(None, others)), position, language


def _names(profile: Concept, field: Field, language: str) -> Iterator[str]:
    """The names of a field in a language: one for a text field (empty if missing), all for a list."""
    if field.value == TEXT:
        yield (profile.texts[field.name][language] if field.name in profile.texts else None) or ""
    else:
        yield from (name.name for name in profile.names(field.name) if name.language == language)
