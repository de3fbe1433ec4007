"""What `finish` writes so that texts can be searched: each text once, by rank, the things that have it, and its words for FTS5.

All of it comes from the tables `text` and `thing`, whose places must be there; written again, it is the same.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from graphql_api.index.tables import LANGUAGES, SEARCH, numbers
from graphql_api.index.tokenizer import Stems, fold
from graphql_api.index.vocabulary import write_vocabulary

_TABLES = {
    # A text of a field, however many things have it there. Its number is its rank before any question: by field, then the
    # shorter first.
    "searched": """CREATE TABLE searched (
        n INTEGER PRIMARY KEY, field INTEGER NOT NULL, text TEXT NOT NULL, folded TEXT NOT NULL)""",
    # The things that have a text; `place` is a thing's place among its kind, in the order of which equal ones stand.
    "occurrence": """CREATE TABLE occurrence (
        searched INTEGER NOT NULL, kind INTEGER NOT NULL, place INTEGER NOT NULL, thing INTEGER NOT NULL,
        language INTEGER NOT NULL, PRIMARY KEY (searched, kind, place, thing, language)) WITHOUT ROWID""",
    # Folded words are letters and digits: the tokenizer `ascii` parts them at spaces and leaves them as they are.
    "searched_words": """CREATE VIRTUAL TABLE searched_words USING fts5(
        words, content = '', columnsize = 0, detail = none, prefix = '3', tokenize = 'ascii')""",
    # Of names (titles and alternative names) alone, and with the order of words: what names begin with.
    "name_words": """CREATE VIRTUAL TABLE name_words USING fts5(
        words, content = '', columnsize = 0, prefix = '1 2 3', tokenize = 'ascii')""",
}
EXACT = f"field IN ({numbers(number for number, each in SEARCH.items() if each.exact is not None)})"
"""The condition for texts that can match word for word; they have an index."""
_INDEX = f"CREATE INDEX searched_folded ON searched (folded) WHERE {EXACT}"

_NAMES = f"""
    INSERT INTO name_words (rowid, words) SELECT n, folded FROM searched
    WHERE field IN ({numbers(number for number, each in SEARCH.items() if each.is_name)}) ORDER BY n
"""  # noqa: S608  # numbers of fields


class SearchRows(NamedTuple):
    """Rows of the tables `searched`, `occurrence` and `stem`, in their order."""

    texts: Sequence[tuple[int, int, str, str]]
    occurrences: Sequence[tuple[int, int, int, int, int]]
    stems: Sequence[tuple[int, str, str]]


_Things = Mapping[int, tuple[int, int]]
"""Kind and place."""
_Text = tuple[int, str, int, int]
"""A row of `text`: field, text, thing, language."""


def read_texts(connection: sqlite3.Connection) -> tuple[_Things, list[_Text]]:
    """All that `arrange` works on."""
    things = {n: (kind, place) for n, kind, place in connection.execute("SELECT n, kind, place FROM thing")}
    return things, connection.execute("SELECT field, text, thing, language FROM text").fetchall()


def arrange(things: _Things, texts: Collection[_Text]) -> SearchRows:
    """What is to be written: half of the work of writing it, and without a connection, so that a thread can do it."""
    folded = {text: fold(text) for text in {text for _, text, _, _ in texts}}
    ranked = sorted(
        (field, len(words), words, text)
        for field, text in {(field, text) for field, text, _, _ in texts}
        if (words := folded[text])
    )
    number = {(field, text): n for n, (field, _, _, text) in enumerate(ranked, 1)}
    occurrences = {
        (n, *things[thing], thing, language)
        for field, text, thing, language in texts
        if (n := number.get((field, text)))
    }
    return SearchRows(
        [(n, field, text, words) for n, (field, _, words, text) in enumerate(ranked, 1)],
        sorted(occurrences),
        _stems(texts),
    )


def write_search(connection: sqlite3.Connection, arranged: SearchRows | None = None) -> None:
    """Write the tables of the search, instead of those that are there; in a transaction of the caller, else in one of its own."""
    with _transaction(connection):
        for table, statement in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(statement)
        texts, occurrences, stems = arranged or arrange(*read_texts(connection))
        connection.executemany("INSERT INTO searched VALUES (?, ?, ?, ?)", texts)
        connection.executemany("INSERT INTO occurrence VALUES (?, ?, ?, ?, ?)", occurrences)
        connection.execute(_INDEX)
        _write_words(connection)
        write_vocabulary(connection, _counts(connection), stems)


def _write_words(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO searched_words (rowid, words) SELECT n, folded FROM searched ORDER BY n")
    connection.execute(_NAMES)


def _counts(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Each word and the number of texts that have it, as FTS5 counted."""
    connection.execute("CREATE VIRTUAL TABLE temp.word_count USING fts5vocab('main', 'searched_words', 'row')")
    yield from connection.execute("SELECT term, doc FROM temp.word_count")
    connection.execute("DROP TABLE temp.word_count")


def _stems(texts: Iterable[_Text]) -> list[tuple[int, str, str]]:
    by_language: list[set[str]] = [set() for _ in LANGUAGES]
    for _, text, _, language in texts:
        by_language[language].add(text)
    stems = Stems()
    return sorted(
        (language, *pair) for language, some in enumerate(by_language) for pair in stems.of_texts(language, some)
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    with connection:
        yield
