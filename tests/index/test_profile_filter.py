"""Filters and orders of profiles."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.competent.declarations import SKILL, SOFT_SKILL
from graphql_api.errors import BadUserInput
from graphql_api.index.facets import FACETS, facets
from graphql_api.index.profile_filter import Order, ProfileFilter, profiles, title_ranks
from tests.index.small_indexes import Small, small

CODE = Order()


def by_title(index: Small, language: int, descending: bool = False) -> Order:
    return Order(title_ranks(index.connection, [language])[language], descending)


def codes_of_matches(index: Small, order: Order = CODE, **conditions: object) -> list[str]:
    """The codes of the matching profiles."""
    codes = dict(index.connection.execute("SELECT n, code FROM concept"))
    within = conditions.pop("within", facets(index.connection, [FACETS])[FACETS].row_ids)
    return [codes[n] for n in profiles(index.connection, ProfileFilter(within, **conditions), order)]  # type: ignore[arg-type]


def test_without_a_condition_all_profiles_are_listed_in_order() -> None:
    with small() as index:
        competence = index.competence("CP-1")
        for code in ("OP-10", "OP-9", "OP-2"):
            index.profile(code, essential=[competence])
        index.finish()
        assert codes_of_matches(index) == ["OP-2", "OP-9", "OP-10"]
        assert codes_of_matches(index, Order(descending=True)) == ["OP-10", "OP-9", "OP-2"]


def test_text_matches_filter_profiles_and_ignore_other_types() -> None:
    with small() as index:
        skill = index.thing(SKILL, "SK-1")
        one, _, three = (index.profile(f"OP-{n}") for n in (1, 2, 3))
        index.finish()
        assert codes_of_matches(index, text_matches=frozenset({three, one, skill})) == ["OP-1", "OP-3"]
        assert codes_of_matches(index, text_matches=frozenset()) == []


def test_uses_accepts_competences_blocks_and_soft_skills() -> None:
    with small() as index:
        skill, soft = index.thing(SKILL, "SK-1"), index.thing(SOFT_SKILL, "SS-1")
        competence = index.competence("CP-1", [skill])
        other = index.competence("CP-2", [skill])
        index.profile("OP-1", essential=[competence])
        index.profile("OP-2", optional=[other], soft=[soft])
        index.finish()
        assert codes_of_matches(index, uses=skill) == ["OP-1", "OP-2"]
        assert codes_of_matches(index, uses=competence) == ["OP-1"]
        assert codes_of_matches(index, uses=soft) == ["OP-2"]
        assert codes_of_matches(index, uses=999) == []


def test_modified_since_is_inclusive_and_respects_time_offsets() -> None:
    with small() as index:
        for code, moment in (
            ("OP-1", "2025-11-03T09:12:00Z"),
            ("OP-2", "2025-11-03T10:11:59.999+01:00"),
            ("OP-3", "2025-11-03T09:12:00.001"),
            ("OP-4", "2025-11-04"),
            ("OP-5", "yesterday"),
        ):
            index.modified(index.profile(code), moment)
        index.profile("OP-6")
        index.finish()
        assert codes_of_matches(index, modified_since="2025-11-03T09:12:00Z") == ["OP-1", "OP-3", "OP-4"]
        assert codes_of_matches(index, modified_since="2025-11-03T11:12:00.000+02:00") == ["OP-1", "OP-3", "OP-4"]
        assert codes_of_matches(index, modified_since="2025-11-03") == ["OP-1", "OP-2", "OP-3", "OP-4"]
        assert codes_of_matches(index, modified_since="2025-11-04T00:00:00") == ["OP-4"]
        assert codes_of_matches(index, modified_since="9999-12-31T23:59:59-23:59") == []


@given(
    st.datetimes(timezones=st.just(UTC) | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))),
    st.datetimes(timezones=st.just(UTC) | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))),
)
def test_any_two_moments_can_be_compared(own: datetime, since: datetime) -> None:
    with small() as index:
        index.modified(index.profile("OP-1"), own.isoformat())
        index.finish()
        assert codes_of_matches(index, modified_since=since.isoformat()) == (["OP-1"] if own >= since else [])


@pytest.mark.parametrize("moment", ["", "yesterday", "2025-13-01", "2025-11-03T09:12:00Q", "0", "%"])
def test_an_invalid_time_is_bad_input(moment: str) -> None:
    with small() as index:
        index.finish()
        with pytest.raises(BadUserInput, match="2025-11-03T09:12:00Z"):
            codes_of_matches(index, modified_since=moment)


def test_all_conditions_must_match() -> None:
    with small() as index:
        competence = index.competence("CP-1")
        one = index.profile("OP-1", essential=[competence])
        two = index.profile("OP-2", essential=[competence])
        three = index.profile("OP-3")
        index.finish()
        assert codes_of_matches(index, within=[two, three], uses=competence) == ["OP-2"]
        assert codes_of_matches(index, within=[two, three], text_matches=frozenset({one, three})) == ["OP-3"]


def test_titles_are_ordered_without_case_and_accents_then_by_position() -> None:
    with small() as index:
        index.profile("OP-1", titles={"fr": "épicier"})
        index.profile("OP-4", titles={"fr": "Éducateur"})
        index.profile("OP-3", titles={"fr": "EPICIER"})
        index.profile("OP-2", titles={"fr": "zingueur"})
        index.profile("OP-5")
        index.finish()
        assert codes_of_matches(index, by_title(index, 1)) == ["OP-4", "OP-1", "OP-3", "OP-2", "OP-5"]
        assert codes_of_matches(index, by_title(index, 1, descending=True)) == ["OP-2", "OP-1", "OP-3", "OP-4", "OP-5"]


def test_a_missing_title_is_ordered_by_its_first_other_language() -> None:
    with small() as index:
        index.profile("OP-1", titles={"fr": "b", "nl": "z"})
        index.profile("OP-2", titles={"nl": "a", "fr": "m", "de": "n"})
        index.profile("OP-3", titles={"en": "c", "de": "a"})
        index.profile("OP-4", titles={"de": "d"})
        index.finish()
        assert codes_of_matches(index, by_title(index, 0)) == ["OP-2", "OP-3", "OP-4", "OP-1"]
        assert codes_of_matches(index, by_title(index, 1)) == ["OP-1", "OP-3", "OP-4", "OP-2"]
        assert codes_of_matches(index, by_title(index, 2)) == ["OP-2", "OP-3", "OP-4", "OP-1"]
        assert codes_of_matches(index, by_title(index, 3)) == ["OP-3", "OP-4", "OP-2", "OP-1"]
        assert codes_of_matches(index, by_title(index, 3), text_matches=frozenset()) == []
