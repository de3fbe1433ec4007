"""Texts of people compared with a small index: which profiles and competences they speak of, and which are guesses."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from graphql_api.competent.declarations import BEHAVIOURAL_INDICATOR, SKILL
from graphql_api.errors import BadUserInput, EmbeddingError
from graphql_api.index.search import Search, write_search
from graphql_api.index.semantic import text_competences
from graphql_api.index.semantic.meaning import OCCURRENCES, Meaning
from graphql_api.index.semantic.passage_words import MAX_WORDS
from graphql_api.index.semantic.passages import LONG_CHARS, MAX_PASSAGES, MAX_PHRASES, MAX_TEXT_CHARS
from graphql_api.index.semantic.text_competences import competences_in_text
from graphql_api.index.semantic.text_profiles import profiles_for_text
from graphql_api.index.text_matches import TextCompetence, TextEvidence, TextProfile
from tests.index.semantic.fake_embedder import FakeEmbedder
from tests.index.small_indexes import DESCRIPTION, LABEL, TITLE, Small

INDICATOR = LABEL
COOK = "Je kookt gerechten in de keuken, snijdt groenten 😀 en fietst veel"


class Compared:
    """A small index of a cook and a welder, and texts compared with it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.embedder = FakeEmbedder(same={"cuisine": "kookt", "plats": "gerechten"})
        self.connection = connection
        texts = [text for (text,) in connection.execute("SELECT text FROM searched_text ORDER BY n")]
        matrix = np.concatenate([np.zeros((1, 64), np.float32), self.embedder.documents(texts)])
        self.meaning = Meaning(
            self.embedder, matrix, np.array(connection.execute(OCCURRENCES).fetchall(), np.int64).reshape(-1, 6)
        )
        self.codes: dict[int, str] = dict(connection.execute("SELECT n, code FROM concept"))

    def profiles(
        self, text: str, start: int = 0, stop: int = 9, languages: set[int] | None = None
    ) -> list[TextProfile]:
        return profiles_for_text(self.connection, Search(), self.meaning, text, languages, start, stop)[0]

    def competences(self, text: str, most: int = 9, languages: set[int] | None = None) -> dict[str, TextCompetence]:
        result = competences_in_text(self.connection, Search(), self.meaning, text, languages, most)
        self.unresolved = result.unresolved
        return {self.codes[item.skill]: item for item in result.competences}


def fill_small_index(connection: sqlite3.Connection) -> None:
    index = Small(connection)
    skills = [index.thing(SKILL, f"SK-{n}") for n in range(1, 5)]
    indicator = index.thing(BEHAVIOURAL_INDICATOR, "BI-1")
    competences = [index.competence(f"CP-{n}", [skill]) for n, skill in enumerate(skills, 1)]
    other = index.competence("CP-5", [skills[0]], indicators=[indicator])
    cook = index.profile("OP-1", essential=[competences[0], competences[1], other])
    welder = index.profile("OP-2", essential=[competences[2]], optional=[competences[3]])
    texts = [
        (cook, TITLE, 0, "kok in de keuken"),
        (cook, DESCRIPTION, 0, "kookt gerechten en snijdt groenten"),
        (welder, TITLE, 0, "lasser van buizen"),
        (skills[0], LABEL, 0, "kookt gerechten in de keuken"),
        (indicator, INDICATOR, 0, "snijdt groenten"),
        (skills[1], LABEL, 0, "temperaturen controleren"),
        (skills[2], LABEL, 0, "buizen lassen"),
        (skills[3], LABEL, 0, "platen zagen"),
    ]
    connection.executemany("INSERT INTO text VALUES (?, ?, ?, ?)", texts)
    index.finish()
    connection.execute("PRAGMA query_only = OFF")
    write_search(connection)


@pytest.fixture
def compared_indexes() -> Iterator[Compared]:
    with closing(sqlite3.connect(":memory:")) as connection:
        fill_small_index(connection)
        yield Compared(connection)


def test_the_profile_that_a_text_describes_is_first_with_its_evidence(compared_indexes: Compared) -> None:
    profiles = compared_indexes.profiles(COOK)

    first = profiles[0]
    assert compared_indexes.codes[first.row_id] == "OP-1"
    assert (first.matched, first.field, first.language) == ("kookt gerechten in de keuken", "essentialCompetences", 0)
    assert first.passage.text in COOK
    assert 0.2 <= first.score <= 1
    assert [profile.score for profile in profiles] == sorted((profile.score for profile in profiles), reverse=True)


def test_a_title_is_evidence(compared_indexes: Compared) -> None:
    first = compared_indexes.profiles("Gezocht: lasser van buizen")[0]

    assert (compared_indexes.codes[first.row_id], first.matched, first.field) == ("OP-2", "lasser van buizen", "title")


def test_pages_of_profiles_are_slices_of_one_order(compared_indexes: Compared) -> None:
    text = "kok in de keuken en lasser van buizen"
    everything = compared_indexes.profiles(text)

    assert len(everything) == 2
    assert [*compared_indexes.profiles(text, 0, 1), *compared_indexes.profiles(text, 1, 2)] == everything
    assert compared_indexes.profiles(text, 2, 9) == []


def test_a_skill_is_found_once_by_its_text_and_its_indicators(compared_indexes: Compared) -> None:
    matches = compared_indexes.competences(COOK)

    assert [span.text for span in matches["SK-1"].spans] == [
        "Je kookt gerechten in de keuken, snijdt groenten 😀 en fietst veel",
        "Je kookt gerechten in de keuken",
        "snijdt groenten 😀",
    ]
    assert matches["SK-1"].because is TextEvidence.WORDS
    assert {compared_indexes.codes[n] for n in matches["SK-1"].technical_competences} == {"CP-1", "CP-5"}


def test_spans_are_in_utf_16(compared_indexes: Compared) -> None:
    units = COOK.encode("utf-16-le")
    spans = [span for item in compared_indexes.competences(COOK).values() for span in item.spans]

    assert len(spans) > 2
    for start, end, text in spans:
        assert units[2 * start : 2 * end].decode("utf-16-le") == text


def test_skills_implied_only_by_the_profile_are_guesses_without_spans(compared_indexes: Compared) -> None:
    matches = compared_indexes.competences(COOK)

    assert (matches["SK-2"].because, list(matches["SK-2"].spans)) == (TextEvidence.LIKELY_PROFILE, [])
    assert matches["SK-2"].score < matches["SK-1"].score
    assert "SK-3" not in matches


def test_another_language_is_found_by_meaning(compared_indexes: Compared) -> None:
    assert compared_indexes.competences("cuisine plats keuken")["SK-1"].because is TextEvidence.MEANING


def test_passages_without_a_competence_are_unresolved(compared_indexes: Compared) -> None:
    compared_indexes.competences("Je kookt gerechten in de keuken. Wij bieden 32 vakantiedagen!")

    assert [span.text for span in compared_indexes.unresolved] == ["Wij bieden 32 vakantiedagen"]


def test_the_limit_of_competences_prefers_evidence_over_guesses(compared_indexes: Compared) -> None:
    assert list(compared_indexes.competences(COOK)) == ["SK-1", "SK-2"]
    assert list(compared_indexes.competences(COOK, most=1)) == ["SK-1"]
    assert compared_indexes.competences(COOK, most=0) == {}


def test_languages_limit_the_texts_that_are_compared(compared_indexes: Compared) -> None:
    assert compared_indexes.profiles(COOK, languages={1}) == []
    assert compared_indexes.competences(COOK, languages={1}) == {}


def test_a_long_text_is_encoded_once(compared_indexes: Compared) -> None:
    text = "Je kookt gerechten in de keuken, snijdt groenten. " * (LONG_CHARS // 50 + 1)
    matches = compared_indexes.competences(text)

    assert "SK-1" in matches
    assert sum(map(len, compared_indexes.embedder.searched)) < len(text)
    assert compared_indexes.codes[compared_indexes.profiles(text)[0].row_id] == "OP-1"


def test_no_part_of_a_text_is_cached(compared_indexes: Compared) -> None:
    compared_indexes.profiles(COOK)
    searched = len(compared_indexes.embedder.searched)
    compared_indexes.profiles(COOK)

    assert len(compared_indexes.embedder.searched) == 2 * searched > 0
    assert compared_indexes.meaning._vector.cache_info().currsize == 0  # type: ignore[attr-defined]


def test_an_unusable_text_and_a_service_that_is_down_are_errors(compared_indexes: Compared) -> None:
    with pytest.raises(BadUserInput):
        compared_indexes.profiles("?!")
    compared_indexes.embedder.is_down = True
    with pytest.raises(EmbeddingError):
        compared_indexes.competences(COOK)


def test_an_index_without_concepts_has_no_profiles() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        Small(connection).finish()
        connection.execute("PRAGMA query_only = OFF")
        write_search(connection)
        compared_indexes = Compared(connection)

        assert compared_indexes.profiles(COOK) == []
        assert compared_indexes.competences(COOK) == {}


def test_a_phrase_matches_few_skills(compared_indexes: Compared) -> None:
    similarities = np.full((6, 1), 0.9, np.float32)

    assert list(text_competences._spoken_of(similarities, np.zeros(6, np.float32))) == [0, 1]


@pytest.mark.parametrize("separator", [" ", ", ", ".\n"])
def test_the_longest_texts_take_bounded_work(compared_indexes: Compared, separator: str) -> None:
    text = separator.join(f"w{n:x}" for n in range(4_000))[:MAX_TEXT_CHARS]
    statements: list[str] = []
    compared_indexes.connection.set_trace_callback(statements.append)

    compared_indexes.profiles(text)
    of_profiles, encoded = len(statements), len(compared_indexes.embedder.searched)
    compared_indexes.competences(text)

    assert encoded <= MAX_PASSAGES + MAX_PHRASES
    assert len(compared_indexes.embedder.searched) - encoded <= MAX_PASSAGES + MAX_PHRASES
    assert of_profiles <= MAX_WORDS + 100
    assert len(statements) - of_profiles <= MAX_WORDS + 100
