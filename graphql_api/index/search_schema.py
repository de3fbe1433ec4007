"""The tables for full-text search: each distinct text by rank, the concepts that have it, and its words for FTS5.

`finish` derives them from `text` and `concept`, whose positions must be written before. Writing them again gives the same rows.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from graphql_api.index.tables import LANGUAGES, SEARCH, numbers
from graphql_api.index.tokenizer import Stems, fold
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
    # Folded words have only letters and digits: the tokenizer `ascii` splits at spaces and leaves words unchanged.
    "searched_words": """CREATE VIRTUAL TABLE searched_words USING fts5(
        words, content = '', columnsize = 0, detail = none, prefix = '3', tokenize = 'ascii')""",
    # Only names (titles and alternative names), with word positions, to match how names begin.
    "name_words": """CREATE VIRTUAL TABLE name_words USING fts5(
        words, content = '', columnsize = 0, prefix = '1 2 3', tokenize = 'ascii')""",
}
EXACT = f"field IN ({numbers(number for number, search in SEARCH.items() if search.exact is not None)})"
"""The SQL condition for texts that can match exactly; they have an index."""
_INDEX = f"CREATE INDEX searched_text_folded ON searched_text (folded) WHERE {EXACT}"

_NAMES = f"""
    INSERT INTO name_words (rowid, words) SELECT n, folded FROM searched_text
    WHERE field IN ({numbers(number for number, search in SEARCH.items() if search.is_name)}) ORDER BY n
"""  # noqa: S608  # numbers of fields


class SearchRows(NamedTuple):
    """The rows of the tables `searched_text`, `occurrence` and `stem`, sorted."""

    texts: Sequence[tuple[int, int, str, str]]
    occurrences: Sequence[tuple[int, int, int, int, int]]
    stems: Sequence[tuple[int, str, str]]


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
    return SearchRows(
        [(n, field, text, words) for n, (field, _, words, text) in enumerate(ranked, 1)],
        sorted(occurrences),
        _stems(texts),
    )


def write_search(connection: sqlite3.Connection, arranged: SearchRows | None = None) -> None:
    """Write the search tables, replacing existing ones, in the caller's transaction or else in a new one."""
    with _transaction(connection):
        for table, statement in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(statement)
        texts, occurrences, stems = arranged or arrange(*read_texts(connection))
        connection.executemany("INSERT INTO searched_text VALUES (?, ?, ?, ?)", texts)
        connection.executemany("INSERT INTO occurrence VALUES (?, ?, ?, ?, ?)", occurrences)
        connection.execute(_INDEX)
        _write_words(connection)
        write_vocabulary(connection, _counts(connection), stems)


def _write_words(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO searched_words (rowid, words) SELECT n, folded FROM searched_text ORDER BY n")
    connection.execute(_NAMES)


def _counts(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Yield each word and the number of texts that have it, as counted by FTS5."""
    connection.execute("CREATE VIRTUAL TABLE temp.word_count USING fts5vocab('main', 'searched_words', 'row')")
    yield from connection.execute("SELECT term, doc FROM temp.word_count")
    connection.execute("DROP TABLE temp.word_count")


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
