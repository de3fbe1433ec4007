"""What may be meant as one types: titles and alternative names of profiles that have what was typed so far.

Answered by FTS5 alone, in the order in which it has the names, so that a question ends with the last suggestion asked for.
"""

import sqlite3
from collections.abc import Collection, Iterator
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.errors import BadUserInput
from graphql_api.index.tables import LANGUAGES, SEARCHED
from graphql_api.index.tokenizer import MOST_LETTERS, fold


class Suggestion(NamedTuple):
    """A profile, and its title or alternative name that may be meant; `field` is the GraphQL field of that."""

    thing: int
    field: str
    language: int
    text: str


_MATCHING = f"""
SELECT thing, field, language, text
FROM name_words CROSS JOIN occurrence ON searched = name_words.rowid CROSS JOIN searched ON n = searched
WHERE name_words MATCH ? AND kind = {OCCUPATIONAL_PROFILE.number} AND (1 << language) & ? ORDER BY name_words.rowid
"""  # noqa: S608  # the number of a type
_FIELDS = {number: name for name, number in SEARCHED[OCCUPATIONAL_PROFILE].items()}


def suggest(
    connection: sqlite3.Connection, prefix: str, languages: Collection[int] | None, most: int
) -> list[Suggestion]:
    """At most so many names in which every word typed is a word, the last one at least the beginning of one.

    One a profile. Names that begin with all that was typed come first, titles before alternative names, shorter ones before
    longer. Looked for in these languages (places in LANGUAGES), None being all. Nothing typed, nothing suggested; raises
    BadUserInput for more than MOST_LETTERS.
    """
    if len(prefix) > MOST_LETTERS:
        raise BadUserInput(f"`prefix` must have at most {MOST_LETTERS} characters.")
    found: dict[int, Suggestion] = {}
    bits = sum(1 << language for language in (range(len(LANGUAGES)) if languages is None else set(languages)))
    if most > 0 and (typed := fold(prefix)):
        for thing, field, language, text in _names(connection, typed, bits):
            if thing not in found:
                found[thing] = Suggestion(thing, _FIELDS[field], language, text)
                if len(found) == most:
                    break
    return list(found.values())


def _names(connection: sqlite3.Connection, typed: str, bits: int) -> Iterator[tuple[int, int, int, str]]:
    """The names that begin with all that was typed, then those that have every word of it; folded words only."""
    yield from connection.execute(_MATCHING, (f'^"{typed}" *', bits))
    *whole, begun = typed.split()
    words = " AND ".join((*(f'"{word}"' for word in dict.fromkeys(whole)), f'"{begun}" *'))
    yield from connection.execute(_MATCHING, (words, bits))
