"""The tables for full-text search: distinct texts by rank, the concepts that have them, and where words are.

`finish` derives them from `text`, `concept` and `profile_member`, whose positions must be written before. Writing them again
gives the same rows.
"""

import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.postings import TEXTS
from graphql_api.index.profile_words import TABLE, ProfileTexts, Text, profile_words
from graphql_api.index.tables import CONTAINED_TEXTS, LANGUAGES, SEARCH, numbers
from graphql_api.index.tokenizer import Stems, fold, words_as_written
from graphql_api.index.vocabulary import write_vocabulary

_TABLES = {
    # Distinct texts of a field, however many concepts have them. The number is the rank independent of any query: by field,
    # then shorter texts first.
    "searched_text": """CREATE TABLE searched_text (
        n INTEGER PRIMARY KEY, field INTEGER NOT NULL, text TEXT NOT NULL, folded TEXT NOT NULL)""",
    # The concepts that have a text; `position` is that of the concept, the order of equal ones.
    "occurrence": """CREATE TABLE occurrence (
        searched_text INTEGER NOT NULL, concept_type INTEGER NOT NULL, position INTEGER NOT NULL,
        concept INTEGER NOT NULL, language INTEGER NOT NULL,
        PRIMARY KEY (searched_text, concept_type, position, concept, language)) WITHOUT ROWID""",
    "profile_word": TABLE,
}
CAN_BE_EXACT = f"field IN ({numbers(number for number, search in SEARCH.items() if search.exact is not None)})"
"""The SQL condition for texts that can match exactly; they have an index."""
_INDEX = f"CREATE INDEX searched_text_folded ON searched_text (folded) WHERE {CAN_BE_EXACT}"


class SearchRows(NamedTuple):
    """The rows of the tables `searched_text`, `occurrence`, `word` and `stem`, sorted; and the words of all texts, by text."""

    texts: Sequence[tuple[int, int, str, str]]
    occurrences: Sequence[tuple[int, int, int, int, int]]
    words: Sequence[tuple[int, str, int, bytes]]
    stems: Sequence[tuple[int, str, str]]
    words_of_texts: Mapping[str, Sequence[int]]


_Concepts = Mapping[int, tuple[int, int]]
"""(concept_type, position) by row id."""
_Text = tuple[int, str, int, int]
"""A row of `text`: field, text, concept, language."""


_CONCEPTS = "SELECT n, concept_type, position FROM concept"


def read_texts(connection: sqlite3.Connection) -> tuple[_Concepts, list[_Text]]:
    """Read the arguments of `arrange`."""
    concepts = {n: (concept_type, position) for n, concept_type, position in connection.execute(_CONCEPTS)}
    return concepts, connection.execute("SELECT field, text, concept, language FROM text").fetchall()


def arrange(concepts: _Concepts, texts: Collection[_Text]) -> SearchRows:
    """Compute the rows to write. This is half of the work and needs no connection, so that a thread can do it."""
    folded = {text: fold(text) for text in {text for _, text, _, _ in texts}}
    ranked = sorted(
        (field, len(words), words, text)
        for field, text in {(field, text) for field, text, _, _ in texts}
        if (words := folded[text])
    )
    number = {(field, text): n for n, (field, _, _, text) in enumerate(ranked, 1)}
    occurrences = {
        (n, *concepts[concept], concept, language)
        for field, text, concept, language in texts
        if (n := number.get((field, text)))
    }
    numbers: dict[str, int] = {}
    words_by_text = {
        text: array(
            "I", [numbers.setdefault(word, len(numbers)) for word in (*of_text.split(), *words_as_written(text))]
        )
        for text, of_text in folded.items()
    }
    word_rows, ranks = _words([*numbers], words_by_text, (text for _, _, _, text in ranked))
    return SearchRows(
        [(n, field, text, words) for n, (field, _, words, text) in enumerate(ranked, 1)],
        sorted(occurrences),
        word_rows,
        _stems(texts),
        {text: array("I", [ranks[word] for word in of_text]) for text, of_text in words_by_text.items()},
    )


def write_search(connection: sqlite3.Connection, arranged: SearchRows | None = None) -> None:
    """Write the search tables, replacing existing ones, in the caller's transaction or else in a new one."""
    with _transaction(connection):
        for table, statement in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(statement)
        concepts, texts = read_texts(connection)
        rows = arranged or arrange(concepts, texts)
        connection.executemany("INSERT INTO searched_text VALUES (?, ?, ?, ?)", rows.texts)
        connection.executemany("INSERT INTO occurrence VALUES (?, ?, ?, ?, ?)", rows.occurrences)
        connection.execute(_INDEX)
        write_vocabulary(connection, rows.words, rows.stems)
        profiles = [(n, position) for n, (type, position) in concepts.items() if type == OCCUPATIONAL_PROFILE.number]
        connection.executemany(
            "INSERT INTO profile_word VALUES (?, ?, ?, ?)",
            profile_words(_texts_of_profiles(connection, profiles, texts, rows.words_of_texts), len(profiles)),
        )


def _words(
    words: Sequence[str], words_by_text: Mapping[str, Iterable[int]], texts: Iterable[str]
) -> tuple[list[tuple[int, str, int, bytes]], Sequence[int]]:
    """The rows of `word`, and the number there of each of `words`; `texts` are in order of their numbers."""
    postings = [array(TEXTS) for _ in words]
    for n, text in enumerate(texts, 1):
        for word in set(words_by_text[text]):
            postings[word].append(n)
    ranks = [0] * len(words)
    rows = []
    for n, word in enumerate(sorted(range(len(words)), key=words.__getitem__), 1):
        ranks[word] = n
        rows.append((n, words[word], len(postings[word]), postings[word].tobytes()))
    return rows, ranks


_CONTAINED = numbers(type.number for type in CONTAINED_TEXTS)
_MEMBERS = f"""
    SELECT profile, member, weight FROM profile_member WHERE concept_type NOT IN ({_CONTAINED}) ORDER BY profile
"""  # noqa: S608  # numbers of types
_ESSENTIAL = 2  # the weight of what a profile holds as essential


def _texts_of_profiles(
    connection: sqlite3.Connection,
    profiles: Iterable[tuple[int, int]],
    texts: Collection[_Text],
    words: Mapping[str, Sequence[int]],
) -> Callable[[int], Iterator[ProfileTexts]]:
    """The texts of each of `profiles` (row id and position) by language: its own, and those of all that it holds.

    What it holds as optional counts half.
    """
    held: dict[int, list[tuple[int, float]]] = {}
    for profile, member, weight in connection.execute(_MEMBERS):
        held.setdefault(profile, []).append((member, weight / _ESSENTIAL))

    def in_language(searched: int) -> Iterator[ProfileTexts]:
        own: dict[int, list[Text]] = {}
        for field, text, concept, language in texts:
            if language == searched:
                own.setdefault(concept, []).append((SEARCH[field].word_weight, words[text]))
        for profile, position in profiles:
            members = ((profile, 1.0), *held.get(profile, ()))
            yield ProfileTexts(
                position,
                [(of_text * share, words) for member, share in members for of_text, words in own.get(member, ())],
            )

    return in_language


def _stems(texts: Iterable[_Text]) -> list[tuple[int, str, str]]:
    by_language: list[set[str]] = [set() for _ in LANGUAGES]
    for _, text, _, language in texts:
        by_language[language].add(text)
    stems = Stems()
    return sorted(
        (language, *pair)
        for language, texts_in_it in enumerate(by_language)
        for pair in stems.of_texts(language, texts_in_it)
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    with connection:
        yield
