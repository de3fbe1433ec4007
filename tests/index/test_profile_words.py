"""Profiles found by the words of their competences, in any text."""

import sqlite3
from collections.abc import Iterator

import pytest

from graphql_api.competent.declarations import (
    DIGITAL_SKILL,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
)
from graphql_api.index.profile_words import ProfileTexts, profile_words
from graphql_api.index.search import Hit, Search
from graphql_api.index.search_schema import write_search
from graphql_api.index.tables import LANGUAGES
from tests.index.small_indexes import DESCRIPTION, LABEL, TITLE, Small, small

NL, FR, EN, DE = range(len(LANGUAGES))
NURSE, COOK, CLEANER = "Verpleegkundige", "Kok", "Schoonmaker"


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """Three profiles: the nurse and the cook hold competences with a text, the cleaner only describes itself."""
    with small() as index:
        pressure = _labelled(index, SKILL.number, "SK-1", (NL, "de bloeddruk meten"), (FR, "mesurer la tension"))
        medicine = _labelled(index, KNOWLEDGE.number, "KN-1", (NL, "toedienen van medicatie"))
        cutting = _labelled(index, SKILL.number, "SK-2", (NL, "groenten snijden"))
        friendly = _labelled(index, SOFT_SKILL.number, "SS-1", (NL, "vriendelijk zijn"))
        digital = _labelled(index, DIGITAL_SKILL.number, "DS-1", (NL, "een agenda bijhouden"))
        nursing = index.competence("CP-1", skill=[pressure], knowledge=[medicine])
        cooking = index.competence("CP-2", skill=[cutting])
        profiles = [
            index.profile("OP-1", essential=[nursing], optional=[cooking], soft=[friendly], titles={"nl": NURSE}),
            index.profile("OP-2", essential=[cooking], digital=[digital], titles={"nl": COOK}),
            index.profile("OP-3", titles={"nl": CLEANER}),
        ]
        text = (profiles[2], DESCRIPTION, NL, "Maakt de keuken schoon, ook na het koken.")
        index.connection.execute("INSERT INTO text VALUES (?, ?, ?, ?)", text)
        index.finish()
        index.connection.execute("PRAGMA query_only = OFF")
        write_search(index.connection)
        yield index.connection


def _labelled(index: Small, type: int, code: str, *texts: tuple[int, str]) -> int:
    declared = {item.number: item for item in (SKILL, KNOWLEDGE, SOFT_SKILL, DIGITAL_SKILL)}[type]
    n = index.thing(declared, code)
    rows = [(n, LABEL, language, text) for language, text in texts]
    index.connection.executemany("INSERT INTO text VALUES (?, ?, ?, ?)", rows)
    return n


def hits(connection: sqlite3.Connection, text: str, languages: set[int] | None = None) -> list[tuple[str, Hit]]:
    titles = dict(connection.execute("SELECT concept, text FROM text WHERE field = ?", (TITLE,)))
    results, _ = Search().search(connection, text, {OCCUPATIONAL_PROFILE}, languages, 0, 10)
    return [(titles[hit.row_id], hit) for hit in results]


def test_words_of_several_competences_find_the_profile_that_holds_them(connection: sqlite3.Connection) -> None:
    [(title, hit)] = hits(connection, "ik wil bloeddruk nemen en medicatie geven")

    assert title == NURSE
    assert (hit.field, hit.language) == ("essentialCompetences", NL)
    assert hit.marked in ("de <mark>bloeddruk</mark> meten", "toedienen van <mark>medicatie</mark>")


@pytest.mark.parametrize(
    ("text", "title", "field"),
    [
        ("snijden", NURSE, "optionalCompetences"),
        ("snijden", COOK, "essentialCompetences"),
        ("vriendelijk", NURSE, "softSkills"),
        ("agenda", COOK, "digitalSkills"),
        ("keuken", CLEANER, "description"),
        ("kok", COOK, "title"),
    ],
)
def test_a_match_names_the_field_that_holds_its_text(
    connection: sqlite3.Connection, text: str, title: str, field: str
) -> None:
    assert {concept: hit.field for concept, hit in hits(connection, text)}[title] == field


def test_essential_competences_count_more(connection: sqlite3.Connection) -> None:
    assert [title for title, _ in hits(connection, "groenten snijden")][:2] == [COOK, NURSE]


def test_languages_limit_the_searched_competence_texts_of_a_profile(connection: sqlite3.Connection) -> None:
    [(title, hit)] = hits(connection, "tension", {FR})
    assert (title, hit.language, hit.marked) == (NURSE, FR, "mesurer la <mark>tension</mark>")
    assert hits(connection, "tension", {NL, EN}) == []
    assert hits(connection, "bloeddruk", {FR}) == []


def test_only_the_searched_types_are_found(connection: sqlite3.Connection) -> None:
    hits, total = Search().search(connection, "bloeddruk", {TECHNICAL_COMPETENCE}, None, 0, 10)
    assert (hits, total) == ([], 0)  # the competence has no text of its own here
    (hit,) = Search().search(connection, "bloeddruk", {SKILL, TECHNICAL_COMPETENCE}, None, 0, 10)[0]
    assert hit.text == "de bloeddruk meten"


def test_pages_of_profiles_found_by_competences_are_slices_of_one_list(connection: sqlite3.Connection) -> None:
    search = Search()
    complete, total = search.search(connection, "groenten keuken", None, None, 0, 10)
    pages = [search.search(connection, "groenten keuken", None, None, at, at + 1)[0] for at in range(total)]
    assert [hit for page in pages for hit in page] == complete
    assert len(complete) == total == len({hit.row_id for hit in complete}) > 1


def test_a_weight_saturates_with_frequency_and_falls_with_length() -> None:
    def weights(*profiles: tuple[float, list[int]]) -> list[int]:
        """The weights of word 1 in the profiles, each with the weight of a field and the words there."""
        texts = [ProfileTexts(position, {weight: [words]}) for position, (weight, words) in enumerate(profiles)]
        rows = profile_words(lambda language: texts if language == NL else [], len(texts), range(50))
        return next(list(weights) for word, _, _, weights in rows if word == 1)

    once, twice, often = weights((1.0, [1, 2, 3, 4]), (1.0, [1, 1, 3, 4]), (1.0, [1, 1, 1, 1]))
    assert 0 < once < twice < often < 255
    assert twice - once > (often - twice) / 2
    short, long = weights((1.0, [1, 2]), (1.0, [1, *range(2, 50)]))
    assert short > long
    light, heavy = weights((0.5, [1, 2]), (5.0, [1, 2]))
    assert light < heavy
