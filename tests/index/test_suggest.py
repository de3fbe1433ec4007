"""Suggestions of all types of concepts, with typos, and what is marked in them."""

import sqlite3
from collections.abc import Collection, Iterator

import pytest

from graphql_api.competent.declarations import KNOWLEDGE, OCCUPATIONAL_PROFILE, SKILL, TECHNICAL_COMPETENCE, ConceptType
from graphql_api.index.search import Search
from graphql_api.index.search_schema import write_search
from tests.index.small_indexes import DESCRIPTION, LABEL, NAME, TITLE, small

PROFILES = {OCCUPATIONAL_PROFILE}
TEXTS = [
    (1, TITLE, "Verpleegkundige"),
    (1, NAME, "verpleegkundige nachtdienst"),
    (2, TITLE, "C++ developer"),
    (2, DESCRIPTION, "schrijft programma's"),
    (3, TITLE, "C# developer"),
    (4, LABEL, "lassen van metaal"),
    (5, LABEL, "lassen van metaal"),
    (6, LABEL, "metaalkunde"),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    with small() as index:
        for code in ("OP-1", "OP-2", "OP-3"):
            index.thing(OCCUPATIONAL_PROFILE, code)
        for type, code in ((SKILL, "SK-1"), (TECHNICAL_COMPETENCE, "CP-1"), (KNOWLEDGE, "KN-1")):
            index.thing(type, code)
        index.connection.executemany("INSERT INTO text VALUES (?, ?, 0, ?)", TEXTS)
        index.finish()
        index.connection.execute("PRAGMA query_only = OFF")
        write_search(index.connection)
        yield index.connection


def marked_texts(
    connection: sqlite3.Connection, prefix: str, types: Collection[ConceptType] | None = frozenset(PROFILES)
) -> list[str]:
    return [suggestion.marked for suggestion in Search().suggest(connection, prefix, types, None, 10)]


@pytest.mark.parametrize(
    "typed", ["verplegk", "verplee", "vrepleegk", "verpleegkunidge", "xerpleegk", "erpleegk", "verpleegkk"]
)
def test_one_typo_is_tolerated_in_words_of_four_letters_or_more(connection: sqlite3.Connection, typed: str) -> None:
    (html,) = marked_texts(connection, typed)
    assert html.replace("<mark>", "").replace("</mark>", "") == "Verpleegkundige"
    assert html.startswith("<mark>Verpl")


def test_two_typos_or_one_in_a_short_word_are_not_tolerated(connection: sqlite3.Connection) -> None:
    assert marked_texts(connection, "verblekg") == marked_texts(connection, "vre") == []


def test_typos_are_tolerated_only_without_exact_matches(connection: sqlite3.Connection) -> None:
    assert marked_texts(connection, "metaal", None) == [
        "<mark>metaal</mark>kunde",
        "lassen van <mark>metaal</mark>",
    ]
    assert marked_texts(connection, "lasssen meta", None) == ["<mark>lassen</mark> van <mark>meta</mark>al"]


def test_names_with_punctuation_are_separate_words(connection: sqlite3.Connection) -> None:
    assert marked_texts(connection, "c++") == ["<mark>C++</mark> developer"]
    assert marked_texts(connection, "C#") == ["<mark>C#</mark> developer"]
    assert marked_texts(connection, "c") == ["<mark>C</mark># developer", "<mark>C</mark>++ developer"]


def test_types_limit_suggestions_and_competences_appear_as_their_skill(connection: sqlite3.Connection) -> None:
    suggestions = {
        types: [(s.row_id, s.field) for s in Search().suggest(connection, "lass", of, None, 10)]
        for types, of in {
            "all": None,
            "profiles": PROFILES,
            "competences": {TECHNICAL_COMPETENCE},
            "both": {TECHNICAL_COMPETENCE, SKILL},
        }.items()
    }
    assert suggestions == {
        "all": [(4, "description")],
        "profiles": [],
        "competences": [(5, "skill")],
        "both": [(4, "description")],
    }


def test_descriptions_of_profiles_are_not_suggested(connection: sqlite3.Connection) -> None:
    assert marked_texts(connection, "schrijft", None) == []
