"""The values by which profiles are filtered and counted."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.competent.declarations import SKILL
from graphql_api.index.facets import FACETS, REGION, TITLE, Facets, facets
from graphql_api.index.tables import DamagedIndex
from tests.index.small_indexes import Small, small

UUID = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"


def of(index: Small) -> Facets:
    return facets(index.connection, [FACETS])[FACETS]


def codes(index: Small, values: Facets, members: int) -> list[str]:
    """The codes of a set of profiles."""
    by_row = dict(index.connection.execute("SELECT n, code FROM concept"))
    return [by_row[n] for n in values.rows(members)]


@contextmanager
def nurses() -> Iterator[Small]:
    """Three profiles, written in another order than that of their codes, with terms and codes."""
    with small() as index:
        index.thing(SKILL, "SK-1")
        ten, nine, two = (index.profile(code) for code in ("OP-10", "OP-9", "OP-2"))
        for profile in (ten, two):
            index.term(profile, "sector", "ES-1", UUID, title="Zorg")
        index.term(two, "sector", "ES-20")
        index.term(nine, "area", "ES-1", UUID)
        for profile, code in ((ten, "2221"), (nine, "2222"), (two, "5120"), (two, "2221")):
            index.term(profile, "ISCO-08", code)
        index.term(nine, "ROME", "5")
        index.finish()
        yield index


def test_a_value_has_its_title_and_its_profiles_in_order_of_code() -> None:
    with nurses() as index:
        values = of(index)
        sectors = [(value.uuid, value.code, value.title) for value in values.values("sector")]
        assert sectors == [(UUID, "ES-1", {"nl": "Zorg"}), (None, "ES-20", None)]
        assert [codes(index, values, value.members) for value in values.values("sector")] == [
            ["OP-2", "OP-10"],
            ["OP-2"],
        ]
        assert codes(index, values, values.everything) == ["OP-2", "OP-9", "OP-10"]
        assert values.values("none") == ()


def test_codes_and_uuids_match_in_either_case_and_any_one_suffices() -> None:
    with nurses() as index:
        values = of(index)
        for text in ("ES-1", "es-1", UUID, UUID.upper()):
            assert codes(index, values, values.having("sector", [text])) == ["OP-2", "OP-10"]
            assert codes(index, values, values.having("area", [text])) == ["OP-9"]
        assert codes(index, values, values.having("sector", ["ES-20", "?", "ES-1"])) == ["OP-2", "OP-10"]
        for text in ("", "ES", "ES-11", "%", "ES-_", "\ud800", UUID[:-1]):
            assert values.having("sector", [text]) == 0


def test_a_prefix_matches_codes_of_its_classification_alone() -> None:
    with nurses() as index:
        values = of(index)
        assert codes(index, values, values.beginning("ISCO-08", ["22"])) == ["OP-2", "OP-9", "OP-10"]
        assert codes(index, values, values.beginning("ISCO-08", ["2222", "5"])) == ["OP-2", "OP-9"]
        for text in ("22211", "%", "2%", "2_21", "221", "\0", "\ud800"):
            assert values.beginning("ISCO-08", [text]) == 0


def test_a_term_is_identified_by_uuid_and_code_together() -> None:
    with nurses() as index:
        values = of(index)
        assert codes(index, values, values.of_term("sector", UUID, "ES-1")) == ["OP-2", "OP-10"]
        assert values.of_term("sector", None, "ES-1") == values.of_term("proof", UUID, "ES-1") == 0


def test_regions_are_those_of_the_concepts_that_profiles_use() -> None:
    with small() as index:
        skill = index.thing(SKILL, "SK-1")
        index.region(skill, "Brussel", "Wallonie")
        index.region(index.thing(SKILL, "SK-2"), "Vlaanderen")
        index.profile("OP-1", optional=[index.competence("CP-1", [skill])])
        index.profile("OP-2")
        index.finish()
        values = of(index)
        assert [value.code for value in values.values(REGION)] == ["Brussel", "Wallonie"]
        assert codes(index, values, values.having(REGION, ["brussel", "Vlaanderen"])) == ["OP-1"]


def test_titles_count_by_language() -> None:
    with small() as index:
        index.profile("OP-1", titles={"nl": "a", "fr": "b"})
        index.profile("OP-2", titles={"de": "c"})
        index.profile("OP-3")
        index.finish()
        values = of(index)
        assert codes(index, values, values.having(TITLE, ["nl"])) == ["OP-1"]
        assert codes(index, values, values.having(TITLE, ["fr", "de"])) == ["OP-1", "OP-2"]
        assert values.having(TITLE, ["en"]) == 0


def test_the_most_complete_of_different_titles_is_used() -> None:
    with small() as index:
        one, two = index.profile("OP-1"), index.profile("OP-2")
        index.term(one, "sector", "ES-1")
        index.term(two, "sector", "ES-1", title="Zorg")
        index.finish()
        assert [value.title for value in of(index).values("sector")] == [{"nl": "Zorg"}]


@given(st.sets(st.integers(0, 40)), st.integers(41, 60))
def test_a_set_of_profiles_converts_to_row_ids_and_back(positions: set[int], size: int) -> None:
    row_ids = tuple(range(100, 100 + size))
    values = Facets(row_ids, {})
    expected = [row_ids[position] for position in sorted(positions)]
    members = values.members(reversed(expected))
    assert members.bit_count() == len(positions)
    assert values.rows(members) == expected
    assert values.rows(values.everything) == [*row_ids]


def test_a_release_without_profiles_has_no_values() -> None:
    with small() as index:
        index.finish()
        values = of(index)
        assert (values.everything, values.rows(0), values.values("sector")) == (0, [], ())


def test_a_value_with_invalid_json_is_damage() -> None:
    with small() as index:
        index.term(index.profile("OP-1"), "sector", "ES-1")
        index.finish()
        index.connection.execute("PRAGMA query_only = OFF")
        index.connection.execute("UPDATE facet SET title = '{'")
        with pytest.raises(DamagedIndex):
            of(index)
