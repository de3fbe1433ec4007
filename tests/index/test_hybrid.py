"""Hybrid search: exact matches first, then words and meaning together, in an order that never changes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, SKILL, ConceptType
from graphql_api.errors import BadUserInput, EmbeddingError
from graphql_api.index.hybrid import MAX_SCORE, HybridSearch
from graphql_api.index.search import Hit, MatchKind, Search, write_search
from graphql_api.index.semantic.meaning import OCCURRENCES, Meaning
from tests.index.semantic.fake_embedder import FakeEmbedder
from tests.index.small_indexes import DESCRIPTION, LABEL, NAME, TITLE, Small

SAME = {"cook": "kok", "restaurant": "eetzaal"}
FIRST = 20


class Searched:
    """A connection with texts, and a hybrid search over them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.embedder = FakeEmbedder(same=SAME)
        self.connection = connection
        texts = [text for (text,) in connection.execute("SELECT text FROM searched_text ORDER BY n")]
        matrix = np.concatenate([np.zeros((1, 64), np.float32), self.embedder.documents(texts)])
        occurrences = np.array(connection.execute(OCCURRENCES).fetchall(), np.int64)
        self.hybrid = HybridSearch(Search(), Meaning(self.embedder, matrix, occurrences))

    def hits(
        self, text: str, types: set[ConceptType] | None = None, languages: set[int] | None = None, start: int = 0
    ) -> list[Hit]:
        return self.hybrid.search(self.connection, text, types, languages, start, FIRST)[0]


@pytest.fixture
def searched_index() -> Iterator[Searched]:
    with closing(sqlite3.connect(":memory:")) as connection:
        index = Small(connection)
        kok, ober, lasser, soldeerder = (index.thing(OCCUPATIONAL_PROFILE, f"OP-{n}") for n in range(1, 5))
        koken = index.thing(SKILL, "SK-1")
        texts = [
            (kok, TITLE, 0, "kok"),
            (kok, DESCRIPTION, 0, "maakt eten in een eetzaal"),
            (ober, TITLE, 0, "ober"),
            (ober, TITLE, 2, "waiter"),
            (ober, DESCRIPTION, 0, "werkt in een eetzaal"),
            (lasser, TITLE, 0, "lasser"),
            (lasser, NAME, 0, "lasser van buizen"),
            (soldeerder, TITLE, 0, "soldeerder van buizen & <platen>"),
            (koken, LABEL, 0, "als kok werken"),
        ]
        connection.executemany("INSERT INTO text VALUES (?, ?, ?, ?)", texts)
        index.finish()
        connection.execute("PRAGMA query_only = OFF")
        write_search(connection)
        yield Searched(connection)


def codes(searched_index: Searched, hits: list[Hit]) -> list[str]:
    names = dict(searched_index.connection.execute("SELECT n, code FROM concept"))
    return [names[hit.row_id] for hit in hits]


def test_a_name_in_another_language_is_found_by_its_meaning(searched_index: Searched) -> None:
    hits = searched_index.hits("cook", {OCCUPATIONAL_PROFILE})

    assert codes(searched_index, hits)[0] == "OP-1"
    assert hits[0].matched_by is MatchKind.MEANING
    assert (hits[0].field, hits[0].text, hits[0].marked, hits[0].language) == ("title", "kok", "kok", 0)
    assert 0.35 < hits[0].score < MAX_SCORE


def test_an_exact_match_is_first_with_its_own_score(searched_index: Searched) -> None:
    hits = searched_index.hits("waiter")

    assert codes(searched_index, hits)[0] == "OP-2"
    assert (hits[0].score, hits[0].matched_by) == (1.0, MatchKind.WORDS)
    assert all(hit.score < MAX_SCORE for hit in hits[1:])


def test_a_match_by_code_comes_first_and_only_once(searched_index: Searched) -> None:
    hits = searched_index.hits("OP-2")

    assert codes(searched_index, hits)[0] == "OP-2"
    assert hits[0].matched_by is MatchKind.CODE
    assert codes(searched_index, hits).count("OP-2") == 1


def test_words_and_meaning_together_are_better_than_either(searched_index: Searched) -> None:
    hits = searched_index.hits("buizen cook", {OCCUPATIONAL_PROFILE})
    kinds = dict(zip(codes(searched_index, hits), (hit.matched_by for hit in hits), strict=True))

    assert kinds["OP-3"] is kinds["OP-4"] is MatchKind.WORDS
    assert kinds["OP-1"] is MatchKind.MEANING
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.row_id for hit in hits}) == len(hits)


def test_hits_by_meaning_are_escaped(searched_index: Searched) -> None:
    (hit,) = [hit for hit in searched_index.hits("platen cook van buizen") if "platen" in hit.text]

    assert "&amp;" in hit.marked
    assert "<platen>" not in hit.marked


def test_types_and_languages_limit_hits_by_meaning(searched_index: Searched) -> None:
    assert codes(searched_index, searched_index.hits("cook", {SKILL})) == ["SK-1"]
    assert searched_index.hits("cook", languages={1}) == []
    assert codes(searched_index, searched_index.hits("cook restaurant", languages={2})) == []


def test_pages_are_slices_of_one_order(searched_index: Searched) -> None:
    all_hits, total = searched_index.hybrid.search(
        searched_index.connection, "kok in een restaurant", None, None, 0, FIRST
    )

    assert total == len(all_hits) > 2
    for start in range(total):
        page, count = searched_index.hybrid.search(
            searched_index.connection, "kok in een restaurant", None, None, start, start + 1
        )
        assert (page, count) == ([all_hits[start]], total)


def test_a_text_without_meaning_has_no_hits(searched_index: Searched) -> None:
    assert searched_index.hits("xqzvw") == []


def test_invalid_input_is_refused_before_it_is_embedded(searched_index: Searched) -> None:
    for text in ("", " ?! ", "x" * 10_001, "\ud800 kok"):
        with pytest.raises(BadUserInput):
            searched_index.hits(text)

    assert searched_index.embedder.searched == []


def test_an_embedder_that_is_down_is_an_error(searched_index: Searched) -> None:
    searched_index.embedder.is_down = True
    with pytest.raises(EmbeddingError):
        searched_index.hits("cook")
