"""Suggestions while a user types: titles, names and labels of concepts that match the input so far."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from graphql_api.index.hits import texts_of
from graphql_api.index.names import MIN_ONE_EDIT_CHARS
from graphql_api.index.release_texts import ReleaseTexts
from graphql_api.index.scoring import EXACT
from graphql_api.index.search_schema import CAN_BE_EXACT
from graphql_api.index.tables import FIELD_NAMES
from graphql_api.index.tokenizer import fold, marked_beginnings

MAX_TYPO_CHARS = 40
"""Maximum length of words that may have a typo."""
MAX_BEGINNINGS = 200
"""Maximum words that the last typed word may begin: the shortest."""

_BEGINNING = f"SELECT n FROM searched_text WHERE folded >= ? AND folded < ? AND {CAN_BE_EXACT} ORDER BY n"  # noqa: S608
_LAST = "\U0010ffff"


class Suggestion(NamedTuple):
    """A concept with the text that matches: its GraphQL field, its position in LANGUAGES, and the text, plain and marked."""

    row_id: int
    field: str
    language: int
    text: str
    marked: str


_Group = tuple[Iterable[int], Collection[str]]
"""Numbers of texts, best first, and the beginnings of words to mark in them."""


class _Match(NamedTuple):
    """A text of a concept, and the beginnings of words that match in it."""

    n: int
    row_id: int
    language: int
    beginnings: Collection[str]


def suggest(
    connection: sqlite3.Connection,
    release: ReleaseTexts,
    prefix: str,
    types: Collection[int],
    languages: Collection[int],
    most: int,
) -> list[Suggestion]:
    """Suggest at most `most` texts that contain every typed word, the last one as a prefix; one per concept.

    `types` are numbers of concept types, `languages` positions in LANGUAGES. Texts that begin with the whole input come first;
    within each group, titles come before alternative names and labels, and shorter texts before longer ones. If nothing matches,
    words of at least four letters may have one typo. Input without a word gives no suggestions.
    """
    if most <= 0 or not (typed := fold(prefix)):
        return []
    bits = {type * 4 + language for type in types for language in languages}
    matches: dict[int, _Match] = {}
    for candidates in (_as_typed, _with_typos):
        for texts, beginnings in candidates(connection, release, typed.split()):
            _add(matches, release, bits, texts, beginnings, most)
            if len(matches) == most:
                break
        if matches:
            break
    return _suggestions(connection, release, matches.values())


def _add(
    matches: dict[int, _Match],
    release: ReleaseTexts,
    bits: Collection[int],
    texts: Iterable[int],
    beginnings: Collection[str],
    most: int,
) -> None:
    """Add a match for each further concept that has one of the texts, until there are `most`."""
    for n in texts:
        for row_id, bit in release.table.occurrences(n):
            if len(matches) >= most:
                return
            if bit in bits and row_id not in matches:
                matches[row_id] = _Match(n, row_id, bit % 4, beginnings)


def _as_typed(connection: sqlite3.Connection, release: ReleaseTexts, typed: list[str]) -> Iterator[_Group]:
    """Yield the texts that begin with the input, then those that have all words."""
    text = " ".join(typed)
    yield [n for (n,) in connection.execute(_BEGINNING, (text, text + _LAST))], typed
    yield _with_all(release, [[word] for word in typed[:-1]], typed[-1:]), typed


def _with_typos(connection: sqlite3.Connection, release: ReleaseTexts, typed: list[str]) -> Iterator[_Group]:
    """Yield the texts that have all words with at most one typo each, then those without the last letter."""
    *words, last = typed
    nearby = [_nearby(release, word) for word in words]
    beginnings = release.vocabulary.near_beginnings(last) if MIN_ONE_EDIT_CHARS <= len(last) <= MAX_TYPO_CHARS else []
    for starts in ([last] if words else [], beginnings, [last[:-1]] if beginnings else []):
        texts = _with_all(release, nearby, starts)
        yield texts, [*(word for of_word in nearby for word in of_word), *starts]


def _nearby(release: ReleaseTexts, word: str) -> list[str]:
    """The word, or if the release does not have it the words with one edit."""
    if word in release.vocabulary or len(word) < MIN_ONE_EDIT_CHARS:
        return [word]
    return [near for near, _ in release.vocabulary.near(word, 1, MAX_BEGINNINGS)]


def _with_all(release: ReleaseTexts, words: Iterable[Iterable[str]], beginnings: Iterable[str]) -> list[int]:
    """The texts that have one of each of these words, and a word that begins so."""
    table, vocabulary = release.table, release.vocabulary
    texts: set[int] | None = None
    for of_word in words:
        having = _having(release, of_word)
        texts = having if texts is None else texts & having
    if texts is None or texts:
        longer = {word for beginning in beginnings for word in vocabulary.beginning_with(beginning)}
        shortest = sorted(longer, key=lambda word: (len(word), word))[:MAX_BEGINNINGS]
        having = _having(release, shortest)
        texts = having if texts is None else texts & having
    return sorted(n for n in texts if table.fields[n] in EXACT)


def _having(release: ReleaseTexts, words: Iterable[str]) -> set[int]:
    """The texts that have any of these words."""
    return set().union(*(release.postings.texts(release.vocabulary.number(word)) for word in words))


def _suggestions(
    connection: sqlite3.Connection, release: ReleaseTexts, matches: Collection[_Match]
) -> list[Suggestion]:
    table = release.table
    texts = texts_of(connection, (match.n for match in matches))
    return [
        Suggestion(
            row_id,
            FIELD_NAMES[table.types[row_id], table.fields[n]],
            language,
            texts[n],
            marked_beginnings(texts[n], beginnings),
        )
        for n, row_id, language, beginnings in matches
    ]
