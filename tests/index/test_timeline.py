"""The history of concepts over several releases, compared with plain sets of concepts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.index.concepts import Key
from graphql_api.index.succession import Evidence, Successor
from graphql_api.index.timeline import MAX_PREDECESSORS, ReleaseDiff, Timeline, _inverted

CODE, LABEL, SHARED, UUID = Evidence.CODE, Evidence.LABEL, Evidence.SHARED_COMPETENCES, Evidence.UUID
Replacements = dict[tuple[str, str], list[tuple[str, Evidence, float]]]
"""Successors by uuids: of an ended concept, in the next release."""


def key(uuid: str) -> Key:
    return 1, uuid


def timeline(*releases: str, successors: Replacements | None = None) -> Timeline:
    """A timeline of releases `1`, `2` … whose concepts are letters; a successor is looked up by release and letter."""
    diffs = []
    for position, (old, new) in enumerate(pairwise(map(set, releases)), 1):
        replacements = {
            key(uuid): tuple(Successor(key(to), evidence, score) for to, evidence, score in of_uuid)
            for (release, uuid), of_uuid in (successors or {}).items()
            if release == str(position)
        }
        ended, added = (frozenset(map(key, one - other)) for one, other in ((old, new), (new, old)))
        changed = {key("c"): ("title.nl",)} if "c" in old & new else {}
        diffs.append(ReleaseDiff(ended, added, changed, replacements, _inverted(replacements)))
    return Timeline(tuple(str(position) for position, _ in enumerate(releases, 1)), tuple(diffs))


@given(st.lists(st.sets(st.sampled_from("abcd")), min_size=1, max_size=6))
def test_presence_lists_the_releases_with_a_concept(releases: list[set[str]]) -> None:
    over = timeline(*("".join(release) for release in releases))
    for number, release in zip(over.releases, releases, strict=True):
        for uuid in release:
            presence = over.presence(number, key(uuid))
            assert [one.release for one in presence] == list(over.releases)
            assert [one.exists for one in presence] == [uuid in other for other in releases]
            assert [bool(one.changed_fields) for one in presence] == [
                uuid == "c" and position > 0 and "c" in releases[position] & releases[position - 1]
                for position in range(len(releases))
            ]


def test_an_existing_concept_is_its_own_successor() -> None:
    over = timeline("ab", "b", "ab", successors={("1", "a"): [("b", CODE, 0.9)]})

    assert over.successors("1", key("b")) == [Successor(key("b"), UUID, 1.0)]
    assert over.successors("1", key("a")) == [Successor(key("a"), UUID, 1.0)]  # it came back
    assert over.successors("3", key("a")) is None


def test_a_chain_has_its_weakest_evidence_and_the_product_of_its_scores() -> None:
    over = timeline(
        "a",
        "bc",
        "de",
        successors={
            ("1", "a"): [("b", SHARED, 0.8), ("c", CODE, 0.7)],
            ("2", "b"): [("d", LABEL, 0.9)],
            ("2", "c"): [("d", LABEL, 0.6), ("e", CODE, 1.0)],
        },
    )

    assert over.successors("1", key("a")) == [
        Successor(key("d"), SHARED, 0.72),
        Successor(key("e"), CODE, 0.7),
    ]
    assert over.successors("2", key("b")) == [Successor(key("d"), LABEL, 0.9)]
    assert [
        (one.release, one.successor.key, one.successor.score) for one in over.predecessors("3", key("d")) or ()
    ] == [
        ("2", key("b"), 0.9),
        ("1", key("a"), 0.72),
        ("2", key("c"), 0.6),
    ]


def test_a_concept_replaces_concepts_that_ended_in_any_earlier_release() -> None:
    over = timeline("abx", "bx", "x", successors={("1", "a"): [("x", LABEL, 0.9)], ("2", "b"): [("x", CODE, 0.8)]})

    assert over.predecessors("3", key("x")) == [
        ("1", Successor(key("a"), LABEL, 0.9)),
        ("2", Successor(key("b"), CODE, 0.8)),
    ]
    assert over.predecessors("2", key("x")) == [("1", Successor(key("a"), LABEL, 0.9))]
    assert over.predecessors("1", key("x")) is None
    assert over.predecessors("2", key("b")) == []


@pytest.mark.parametrize("number", [5, 40])
def test_the_number_of_predecessors_is_limited(number: int) -> None:
    ended = [chr(200 + n) for n in range(number)]
    over = timeline("".join(ended), "x", successors={("1", one): [("x", LABEL, 0.9)] for one in ended})

    assert len(over.predecessors("2", key("x")) or ()) == min(number, MAX_PREDECESSORS)


def test_a_single_release_has_no_successors_or_predecessors() -> None:
    over = timeline("a")

    assert [(one.release, one.exists) for one in over.presence("1", key("a"))] == [("1", True)]
    assert over.successors("1", key("a")) is None
    assert over.predecessors("1", key("a")) is None
