"""Suggestions while a user types: titles and alternative names of profiles that match the input so far.

FTS5 returns names in the order of suggestions, so that reading stops after the last one needed.
"""

import sqlite3
from collections.abc import Collection, Iterator
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.errors import BadUserInput
from graphql_api.index.tables import LANGUAGES, SEARCHED
from graphql_api.index.tokenizer import MOST_LETTERS, fold


class Suggestion(NamedTuple):
    """A profile with the title or alternative name that matches; `field` is the GraphQL field of the name."""

    thing: int
    field: str
    language: int
    text: str


_MATCHING = f"""
SELECT concept, field, language, text
FROM name_words CROSS JOIN occurrence ON searched_text = name_words.rowid
CROSS JOIN searched_text ON n = searched_text
WHERE name_words MATCH ? AND concept_type = {OCCUPATIONAL_PROFILE.number} AND (1 << language) & ?
ORDER BY name_words.rowid
"""  # noqa: S608  # the number of a type
_FIELDS = {number: name for name, number in SEARCHED[OCCUPATIONAL_PROFILE].items()}


def suggest(
    connection: sqlite3.Connection, prefix: str, languages: Collection[int] | None, most: int
) -> list[Suggestion]:
    """Suggest at most `most` names that contain every typed word, the last one as a prefix; one name per profile.

    Names that begin with the whole input come first; within each group, titles come before alternative names, and shorter names
    before longer ones. `languages` (positions in LANGUAGES) limits the search; None means all. Empty input gives no suggestions.
    Raises BadUserInput if `prefix` has more than MOST_LETTERS characters.
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
    """Yield names that begin with the whole input, then those with every word of it. `typed` is folded."""
    yield from connection.execute(_MATCHING, (f'^"{typed}" *', bits))
    *whole, begun = typed.split()
    words = " AND ".join((*(f'"{word}"' for word in dict.fromkeys(whole)), f'"{begun}" *'))
    yield from connection.execute(_MATCHING, (words, bits))
