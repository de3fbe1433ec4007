"""Suggestions while a user types: titles and alternative names of profiles that match the input so far.

FTS5 returns names in the order of suggestions, so that reading stops after the last one needed.
"""

import sqlite3
from collections.abc import Collection, Iterator
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.errors import BadUserInput
from graphql_api.index.tables import LANGUAGES, SEARCHED
from graphql_api.index.tokenizer import MAX_TEXT_CHARS, fold


class Suggestion(NamedTuple):
    """A profile with the title or alternative name that matches; `field` is the GraphQL field of the name."""

    row_id: int
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
    Raises BadUserInput if `prefix` has more than MAX_TEXT_CHARS characters.
    """
    if len(prefix) > MAX_TEXT_CHARS:
        raise BadUserInput(f"`prefix` must have at most {MAX_TEXT_CHARS} characters.")
    suggestions: dict[int, Suggestion] = {}
    bits = sum(1 << language for language in (range(len(LANGUAGES)) if languages is None else set(languages)))
    if most > 0 and (typed := fold(prefix)):
        for row_id, field, language, text in _names(connection, typed, bits):
            if row_id not in suggestions:
                suggestions[row_id] = Suggestion(row_id, _FIELDS[field], language, text)
                if len(suggestions) == most:
                    break
    return list(suggestions.values())


def _names(connection: sqlite3.Connection, typed: str, bits: int) -> Iterator[tuple[int, int, int, str]]:
    """Yield names that begin with the whole input, then those with every word of it. `typed` is folded."""
    yield from connection.execute(_MATCHING, (f'^"{typed}" *', bits))
    *words, last = typed.split()
    expression = " AND ".join((*(f'"{word}"' for word in dict.fromkeys(words)), f'"{last}" *'))
    yield from connection.execute(_MATCHING, (expression, bits))
