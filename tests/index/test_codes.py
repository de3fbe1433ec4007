"""Concepts that a search finds by their codes."""

import sqlite3
from collections.abc import Iterator

import pytest

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, SKILL, TECHNICAL_COMPETENCE
from graphql_api.competent.values import ISCO
from graphql_api.index.codes import with_code
from graphql_api.index.search import MatchKind, Search
from graphql_api.index.search_schema import write_search
from graphql_api.index.tokenizer import fold
from tests.index.small_indexes import LABEL, TITLE, small


@pytest.fixture
def release() -> Iterator[sqlite3.Connection]:
    """Four profiles, three of them with ISCO codes, and a competence with its skill; the row ids are 1 to 6."""
    with small() as index:
        for number, codes in enumerate((["2221", "2222"], ["3221"], ["2211"], []), 1):
            profile = index.thing(OCCUPATIONAL_PROFILE, f"OP-{number}")
            for code in codes:
                index.term(profile, ISCO, code)
        index.term(4, "sector", "22")
        index.thing(SKILL, "SK-7")
        index.thing(TECHNICAL_COMPETENCE, "CP-7")
        rows = [(4, TITLE, 0, "afdeling 22"), (5, LABEL, 0, "op 2 wielen"), (1, TITLE, 0, "sk 7")]
        index.connection.executemany("INSERT INTO text VALUES (?, ?, ?, ?)", rows)
        index.finish()
        index.connection.execute("PRAGMA query_only = OFF")
        write_search(index.connection)
        yield index.connection


@pytest.mark.parametrize(
    ("text", "row_ids"),
    [
        ("OP-2", [2]),
        ("op 2", [2]),
        ("op2", [2]),
        ("  Op_2 ", [2]),
        ("OP—2", [2]),
        ("(op.2),", [2]),
        ("“OP:2”", [2]),
        ("#OP/2", [2]),
        ("code OP-2", [2]),
        ("ＯＰ－２", [2]),
        ("CP-7", [6]),
        ("sk-7", [5]),
        ("OP-9", []),
        ("XX-2", []),
        ("OP-2 verpleegkundige", []),
        ("2221", [1]),
        ("ISCO 2221", [1]),
        ("isco08:2221", [1]),
        ("ISCO-08 2221", [1]),
        ("2221.", [1]),
        ("2221 (ISCO-08)", [1]),
        ("isco code 2221", [1]),
        ("C2221", [1]),
        ("http://data.europa.eu/esco/isco/C2221", [1]),
        ("C22", []),
        ("22", [3, 1]),
        ("2", [3, 1]),
        ("9", []),
        ("22215", []),
        ("२२", []),
    ],
)
def test_a_code_names_a_concept_or_the_profiles_of_a_group(
    release: sqlite3.Connection, text: str, row_ids: list[int]
) -> None:
    assert [match.row_id for match in with_code(release, fold(text), None)] == row_ids


def test_types_limit_hits_by_code(release: sqlite3.Connection) -> None:
    assert with_code(release, "op 2", {SKILL}) == with_code(release, "22", {SKILL}) == []
    assert [match.row_id for match in with_code(release, "cp 7", {SKILL, TECHNICAL_COMPETENCE})] == [6]


def test_hits_by_code_come_first_and_each_concept_is_one_hit(release: sqlite3.Connection) -> None:
    hits, total = Search().search(release, "22", None, None, 0, 10)
    assert [(hit.row_id, hit.matched_by) for hit in hits] == [
        (3, MatchKind.CODE),
        (1, MatchKind.CODE),
        (4, MatchKind.WORDS),
    ]
    assert (hits[1].field, hits[1].text, hits[1].marked) == ("classifications", "2221", "<mark>22</mark>21")
    assert total == 3

    paged = [Search().search(release, "22", None, None, start, start + 1)[0] for start in range(4)]
    assert [hit for page in paged for hit in page] == hits
    assert Search().row_ids(release, "22", None, None) == [3, 1, 4]


def test_of_a_group_without_profiles_only_the_number_is_searched_for(release: sqlite3.Connection) -> None:
    assert Search().search(release, "ISCO 9112", None, None, 0, 10) == ([], 0)


def test_the_code_of_a_concept_is_not_searched_for_as_words(release: sqlite3.Connection) -> None:
    for types, row_ids in ((None, [5]), ({OCCUPATIONAL_PROFILE}, [1])):
        hits, total = Search().search(release, "SK 7", types, None, 0, 10)
        assert ([hit.row_id for hit in hits], total) == (row_ids, 1)
        assert Search().row_ids(release, "SK 7", types, None) == row_ids
