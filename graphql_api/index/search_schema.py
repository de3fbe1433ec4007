"""The tables for full-text search: distinct texts by rank, the concepts that have them, and where words are.

`finish` derives them from `text`, `concept` and `profile_member`, whose positions must be written before. Writing them again
gives the same rows. SQLite does all sorting, because it releases the GIL meanwhile.
"""

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.postings import TEXTS
from graphql_api.index.profile_words import TABLE, ProfileTexts, profile_words
from graphql_api.index.tables import CONTAINED_TEXTS, LANGUAGES, SEARCH, numbers
from graphql_api.index.tokenizer import Stems, fold, words_as_written
from graphql_api.index.vocabulary import write_stems, write_words

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
_SEARCHED_TEXTS = """
    WITH folded AS MATERIALIZED (SELECT field, text, fold(text) AS words FROM text GROUP BY field, text)
    INSERT INTO searched_text (field, text, folded)
    SELECT field, text, words FROM folded WHERE words <> '' ORDER BY field, length(words), words, text
"""
_OCCURRENCES = """
    INSERT INTO occurrence SELECT DISTINCT searched_text.n, concept_type, position, concept.n, language
    FROM text JOIN searched_text USING (field, text) JOIN concept ON concept.n = text.concept ORDER BY 1, 2, 3, 4, 5
"""
_INDEX = f"CREATE INDEX searched_text_folded ON searched_text (folded) WHERE {CAN_BE_EXACT}"
_TEXTS_IN_LANGUAGE = """
    SELECT concept, field, searched_text FROM occurrence JOIN searched_text ON n = searched_text WHERE language = ?
"""

WordsOfTexts = Sequence[tuple[int, ...]]
"""The words of each text, by number of the text: each by its first occurrence among all words."""


def write_search(connection: sqlite3.Connection) -> None:
    """Write the search tables, replacing existing ones, in the caller's transaction or else in a new one."""
    connection.create_function("fold", 1, fold, deterministic=True)
    with _transaction(connection):
        for table, statement in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(statement)
        for statement in (_SEARCHED_TEXTS, _OCCURRENCES, _INDEX):
            connection.execute(statement)
        words_of_texts, numbers = _write_words(connection)
        write_stems(connection, _stems(connection))
        sql = "SELECT n, position FROM concept WHERE concept_type = ?"
        profiles = dict(connection.execute(sql, (OCCUPATIONAL_PROFILE.number,)))
        texts = _texts_of_profiles(connection, profiles, words_of_texts)
        connection.executemany(
            "INSERT INTO profile_word VALUES (?, ?, ?, ?)", profile_words(texts, len(profiles), numbers)
        )


def _write_words(connection: sqlite3.Connection) -> tuple[WordsOfTexts, Sequence[int]]:
    """Write the words of all texts. Returns the words of each text, and the numbers of all words in the index."""
    occurred: defaultdict[str, int] = defaultdict(count().__next__)
    postings: list[array[int]] = []
    words_of_texts: list[tuple[int, ...]] = [()]
    for n, text, folded in connection.execute("SELECT n, text, folded FROM searched_text ORDER BY n"):
        words = tuple(map(occurred.__getitem__, (*folded.split(), *words_as_written(text))))
        words_of_texts.append(words)
        postings += (array(TEXTS) for _ in range(len(occurred) - len(postings)))
        for word in set(words):
            postings[word].append(n)
    return words_of_texts, write_words(connection, occurred, postings)


_CONTAINED = numbers(type.number for type in CONTAINED_TEXTS)
_MEMBERS = f"""
    SELECT profile, member, weight FROM profile_member WHERE concept_type NOT IN ({_CONTAINED}) ORDER BY profile
"""  # noqa: S608  # numbers of types
_ESSENTIAL = 2  # the weight of what a profile holds as essential


def _texts_of_profiles(
    connection: sqlite3.Connection, profiles: Mapping[int, int], words: WordsOfTexts
) -> Callable[[int], list[ProfileTexts]]:
    """The texts of each of `profiles` (positions by row id) by language: its own, and those of all that it holds.

    What it holds as optional counts half.
    """
    held: dict[int, dict[float, list[int]]] = {profile: {1.0: [profile]} for profile in profiles}
    for profile, member, weight in connection.execute(_MEMBERS):
        held[profile].setdefault(weight / _ESSENTIAL, []).append(member)

    def in_language(language: int) -> list[ProfileTexts]:
        own: dict[float, dict[int, tuple[int, ...]]] = {search.word_weight: {} for search in SEARCH.values()}
        own_by_field = {field: own[search.word_weight] for field, search in SEARCH.items()}
        for concept, field, n in connection.execute(_TEXTS_IN_LANGUAGE, (language,)):
            words_by_concept = own_by_field[field]
            words_by_concept[concept] = words_by_concept.get(concept, ()) + words[n]
        return [ProfileTexts(profiles[profile], _by_weight(own, members)) for profile, members in held.items()]

    return in_language


def _by_weight(
    own: Mapping[float, Mapping[int, Sequence[int]]], members: Mapping[float, Sequence[int]]
) -> Mapping[float, Sequence[Sequence[int]]]:
    """The words of a profile by weight, from the `own` ones of concepts by weight, and its members by their share."""
    by_weight: dict[float, list[Sequence[int]]] = {}
    for weight, words in own.items():
        for share, of_share in members.items():
            by_weight.setdefault(weight * share, []).extend(filter(None, map(words.get, of_share)))
    return by_weight


def _stems(connection: sqlite3.Connection) -> Iterator[tuple[int, str, str]]:
    stems = Stems()
    sql = "SELECT text FROM text WHERE language = ?"
    for language in range(len(LANGUAGES)):
        texts = (text for (text,) in connection.execute(sql, (language,)))
        yield from ((language, *pair) for pair in stems.of_texts(language, texts))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    with connection:
        yield
