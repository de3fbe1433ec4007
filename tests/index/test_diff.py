"""Changes between two releases, compared with a diff of plain dicts."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.index.diff import Change, changes, selected
from graphql_api.index.tables import LANGUAGES, TYPES, DamagedIndex
from tests.index.small_indexes import small

Things = dict[tuple[ConceptType, str], tuple[str | None, dict[str, Any]]]
"""Code and facts by kind and uuid."""


class Two:
    """Two indexes, and the row ids of their concepts by type and uuid."""

    def __init__(self, before: sqlite3.Connection, after: sqlite3.Connection) -> None:
        self.connections = (before, after)
        self.was, self.now = (
            {
                (TYPES[concept_type], uuid): n
                for concept_type, uuid, n in connection.execute("SELECT concept_type, uuid, n FROM concept")
            }
            for connection in self.connections
        )

    def changes(self) -> list[Change]:
        return changes(*self.connections)


@contextmanager
def two_indexes(before: Things, after: Things) -> Iterator[Two]:
    with small() as old, small() as new:
        for index, things in ((old, before), (new, after)):
            for (concept_type, uuid), (code, facts) in things.items():
                index.thing(concept_type, code, uuid, facts)
        yield Two(old.finish(), new.finish())


def test_concepts_are_matched_by_uuid_and_compared_by_field_and_language() -> None:
    before: Things = {
        (SKILL, "a"): ("SK-1", {"description": {"nl": "x", "fr": "y"}, "regions": []}),
        (SKILL, "b"): ("SK-2", {"description": {"nl": "x"}, "regions": []}),
        (SKILL, "c"): ("SK-3", {"description": {"nl": "x"}}),
    }
    after: Things = {
        (SKILL, "d"): ("SK-4", {"description": {"nl": "x"}}),
        (SKILL, "b"): ("SK-9", {"description": {"de": "z", "nl": "w"}, "regions": ["VLAANDEREN"]}),
        (SKILL, "a"): ("SK-1", {"description": {"nl": "x", "fr": "y"}, "regions": []}),
    }
    with two_indexes(before, after) as both:
        assert both.changes() == [
            Change("ADDED", SKILL, None, both.now[SKILL, "d"], ()),
            Change(
                "CHANGED",
                SKILL,
                both.was[SKILL, "b"],
                both.now[SKILL, "b"],
                ("description.nl", "description.de", "regions"),
            ),
            Change("REMOVED", SKILL, both.was[SKILL, "c"], None, ()),
        ]


def test_concepts_are_matched_by_code_only_within_their_type() -> None:
    before: Things = {
        (SKILL, "a"): ("X-1", {"description": {"nl": "x"}}),
        (KNOWLEDGE, "b"): ("X-2", {"description": {"nl": "x"}}),
        (KNOWLEDGE, "e"): ("X-3", {"description": {"nl": "x"}}),
    }
    after: Things = {
        (KNOWLEDGE, "c"): ("X-1", {"description": {"nl": "x"}}),
        (KNOWLEDGE, "d"): ("X-2", {"description": {"nl": "y"}}),
        (KNOWLEDGE, "f"): ("X-3", {"description": {"nl": "x"}}),
    }
    with two_indexes(before, after) as both:
        assert [(change.change, change.type, change.fields) for change in both.changes()] == [
            ("REMOVED", SKILL, ()),
            ("ADDED", KNOWLEDGE, ()),
            ("CHANGED", KNOWLEDGE, ("uuid", "description.nl")),
            ("CHANGED", KNOWLEDGE, ("uuid",)),
        ]


def test_a_code_that_moved_to_an_existing_concept_does_not_match() -> None:
    before: Things = {(SKILL, "a"): ("X-1", {"code": "X-1"}), (SKILL, "b"): ("X-2", {"code": "X-2"})}
    after: Things = {(SKILL, "b"): ("X-1", {"code": "X-1"}), (SKILL, "c"): (None, {})}
    with two_indexes(before, after) as both:
        assert [(change.change, change.before, change.after, change.fields) for change in both.changes()] == [
            ("ADDED", None, both.now[SKILL, "c"], ()),
            ("CHANGED", both.was[SKILL, "b"], both.now[SKILL, "b"], ("code",)),
            ("REMOVED", both.was[SKILL, "a"], None, ()),
            ("CODE_MOVED", both.was[SKILL, "a"], both.now[SKILL, "b"], ()),
        ]


@pytest.mark.parametrize(
    ("old", "new", "has_moved"),
    [
        ({"nl": "brood bakken"}, {"nl": "brood bakken", "fr": "cuire du pain"}, False),
        ({"nl": "brood bakken"}, {"nl": "Bröod bakken"}, False),
        ({"nl": "brood bakken"}, {"nl": "haar knippen"}, True),
        ({"nl": "brood bakken"}, {"fr": "couper les cheveux"}, False),
    ],
)
def test_a_code_that_another_label_has_under_another_uuid_has_moved(
    old: dict[str, str], new: dict[str, str], has_moved: bool
) -> None:
    """Labels without a common language say nothing. The concept is CHANGED all the same, with another uuid."""
    with small() as before, small() as after:
        before.thing(SKILL, "SK-1", "a", {"description": old}, item={"description": old})
        after.thing(SKILL, "SK-1", "b", {"description": new}, item={"description": new})
        before.thing(SKILL, "SK-2", "c", {"description": old}, item={"description": old})
        connections = before.finish(), after.finish()
        kinds = [change.change for change in changes(*connections)]
        assert kinds == ["CHANGED", "REMOVED", *(["CODE_MOVED"] if has_moved else [])]


def test_a_code_that_one_concept_retains_is_not_reported_as_moved() -> None:
    before: Things = {(SKILL, "a"): ("X-1", {}), (SKILL, "b"): ("X-1", {"b": 1}), (SKILL, "c"): ("X-2", {})}
    after: Things = {(SKILL, "a"): ("X-1", {}), (SKILL, "c"): ("X-1", {"b": 1})}
    with two_indexes(before, after) as both:
        assert [change.change for change in both.changes()] == ["CHANGED", "REMOVED"]


def test_concepts_with_one_code_are_paired_in_order() -> None:
    before: Things = {(SKILL, uuid): ("X-1", {"uuid": uuid}) for uuid in ("b", "a", "c")}
    after: Things = {(SKILL, uuid): ("X-1", {"uuid": uuid}) for uuid in ("z", "y")}
    with two_indexes(before, after) as both:
        assert both.changes() == [
            Change("CHANGED", SKILL, both.was[SKILL, "a"], both.now[SKILL, "y"], ("uuid",)),
            Change("CHANGED", SKILL, both.was[SKILL, "b"], both.now[SKILL, "z"], ("uuid",)),
            Change("REMOVED", SKILL, both.was[SKILL, "c"], None, ()),
        ]


@pytest.mark.parametrize(("digest", "is_read"), [(7, False), (9, True)])
def test_facts_are_read_only_for_common_concepts_that_differ(digest: int, is_read: bool) -> None:
    with small() as old, small() as new:
        old.thing(SKILL, "SK-1", "a", b"no JSON", digest=7)
        new.thing(SKILL, "SK-1", "a", b"no JSON", digest=digest)
        old.thing(SKILL, "SK-2", "b", b"no JSON", digest=8)
        new.thing(SKILL, "SK-3", "c", b"no JSON", digest=8)
        before, after = old.finish(), new.finish()
        with pytest.raises(DamagedIndex) if is_read else nullcontext():
            assert [change.change for change in changes(before, after)] == ["ADDED", "REMOVED"]


def test_unknown_facts_count_as_equal() -> None:
    with small() as old, small() as new:
        old.thing(TECHNICAL_COMPETENCE, "CP-1", "a", {}, digest=0)
        new.thing(TECHNICAL_COMPETENCE, "CP-1", "a", {"code": "CP-1", "skill": ["s"]})
        old.thing(TECHNICAL_COMPETENCE, "CP-2", "b", {"code": "CP-2", "skill": ["s"]})
        new.thing(TECHNICAL_COMPETENCE, "CP-2", "c", {}, digest=0)
        changed = changes(old.finish(), new.finish())
        assert [(change.change, change.fields) for change in changed] == [("CHANGED", ("uuid",))]


@pytest.mark.parametrize(
    ("was", "now", "fields"),
    [
        ({"title": None}, {"title": {"fr": "x"}}, ("title.fr",)),
        ({"title": {"fr": "x"}}, {}, ("title.fr",)),
        ({"title": {"fr": None}}, {"title": {}}, ()),
        ({"title": None, "code": None}, {}, ()),
        ({"title": "x"}, {"title": {"nl": "x"}}, ("title",)),
        ({"title": {"it": "x"}}, {"title": {"it": "y"}}, ("title",)),
        ({"regions": []}, {"regions": ["BRUSSELS"]}, ("regions",)),
        ({"b": 1, "a": 1}, {"a": 2, "c": 2, "b": 2}, ("b", "a", "c")),
    ],
)
def test_changed_fields_are_in_declared_order_and_null_equals_missing(
    was: dict[str, Any], now: dict[str, Any], fields: tuple[str, ...]
) -> None:
    with two_indexes({(SKILL, "a"): ("SK-1", was)}, {(SKILL, "a"): ("SK-1", now)}) as both:
        assert [change.fields for change in both.changes()] == ([fields] if fields else [])


def test_changes_beyond_one_batch_are_all_returned() -> None:
    before: Things = {(SKILL, str(n)): (f"SK-{n}", {"code": n}) for n in range(1100)}
    after: Things = {(SKILL, str(n)): (f"SK-{n}", {"code": -n}) for n in range(1100)}
    with two_indexes(before, after) as both:
        assert [change.fields for change in both.changes()] == [("code",)] * 1099
        assert len({change.after for change in both.changes()}) == 1099


TEXT = st.none() | st.dictionaries(st.sampled_from(LANGUAGES), st.sampled_from(["x", "y", None]))
FACTS = st.fixed_dictionaries(
    {}, optional={"code": st.none() | st.just("x"), "title": TEXT, "skills": st.lists(st.integers(0, 1), max_size=2)}
).flatmap(lambda facts: st.permutations(list(facts.items())).map(dict))
THINGS = st.dictionaries(
    st.tuples(st.sampled_from([SKILL, KNOWLEDGE, OCCUPATIONAL_PROFILE]), st.sampled_from("abcdef")),
    st.tuples(st.none() | st.sampled_from(["X-1", "X-2", "X-3"]), FACTS),
    max_size=8,
)


@pytest.mark.slow
@given(
    THINGS,
    THINGS,
    st.none() | st.sets(st.sampled_from(CONCEPT_TYPES)),
    st.none() | st.sets(st.sampled_from(["ADDED", "REMOVED", "CHANGED", "CODE_MOVED"])),
)
def test_changes_equal_a_comparison_of_dictionaries(
    before: Things, after: Things, types: set[ConceptType] | None, kinds: set[str] | None
) -> None:
    with two_indexes(before, after) as both:
        expected = [
            change
            for change in expected_changes(both, before, after)
            if (types is None or change.type in types) and (kinds is None or change.change in kinds)
        ]
        assert selected(both.changes(), types, kinds) == expected


def expected_changes(both: Two, before: Things, after: Things) -> Iterator[Change]:
    for concept_type in CONCEPT_TYPES:
        olds = uuids_in_order(before, concept_type)
        removed = [uuid for uuid in olds if (concept_type, uuid) not in after]
        for uuid in uuids_in_order(after, concept_type):
            code, facts = after[concept_type, uuid]
            twins = [old for old in removed if code is not None and before[concept_type, old][0] == code]
            new = both.now[concept_type, uuid]
            if uuid in olds:
                if fields := differing_names(before[concept_type, uuid][1], facts):
                    yield Change("CHANGED", concept_type, both.was[concept_type, uuid], new, fields)
            elif twins:
                removed.remove(twins[0])
                fields = ("uuid", *differing_names(before[concept_type, twins[0]][1], facts))
                yield Change("CHANGED", concept_type, both.was[concept_type, twins[0]], new, fields)
            else:
                yield Change("ADDED", concept_type, None, new, ())
        for uuid in removed:
            yield Change("REMOVED", concept_type, both.was[concept_type, uuid], None, ())
        for uuid in uuids_in_order(after, concept_type):
            code = after[concept_type, uuid][0]
            was = [old for old in olds if code is not None and before[concept_type, old][0] == code]
            if not any(after.get((concept_type, old), (None,))[0] == code for old in was):
                for old in was:
                    if uuid in olds or (concept_type, old) in after:
                        yield Change(
                            "CODE_MOVED", concept_type, both.was[concept_type, old], both.now[concept_type, uuid], ()
                        )


def uuids_in_order(things: Things, concept_type: ConceptType) -> list[str]:
    return sorted(
        (uuid for value, uuid in things if value is concept_type),
        key=lambda uuid: (things[concept_type, uuid][0] or "", uuid),
    )


def differing_names(was: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for field in [*was, *(field for field in now if field not in was)]:
        names |= dict.fromkeys([f"title.{language}" for language in LANGUAGES] if field == "title" else [field])
    old, new = flat_texts(was), flat_texts(now)
    return tuple(name for name in names if old.get(name) != new.get(name))


def flat_texts(facts: dict[str, Any]) -> dict[str, Any]:
    texts = {f"title.{language}": text for language, text in (facts.get("title") or {}).items()}
    return {field: value for field, value in facts.items() if field != "title"} | texts
