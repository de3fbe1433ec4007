"""Which concepts are taken for the successors of ended ones, and why."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

import pytest

from graphql_api.competent.declarations import (
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.competent.hal import Document
from graphql_api.index.diff import changes
from graphql_api.index.succession import MAX_SUCCESSORS, MIN_SCORE, Evidence, Successor
from graphql_api.index.timeline import release_diff
from tests.index.small_indexes import normalised, written_index

BREAD, CUT, HAIR = "brood en banket bakken", "haar knippen en verven", "haren knippen en verven"


def uuid(number: int) -> str:
    return str(UUID(int=number))


def skill(number: int, nl: str | None, code: str = "", **other: str) -> Document:
    return {"id": uuid(number), "code": code or f"SK-{number}", "description": {"nl": nl, **other}, "type": "skill"}


def knowledge(number: int, nl: str) -> Document:
    return {"id": uuid(number), "code": f"KN-{number}", "description": {"nl": nl}, "type": "knowledge"}


def competence(number: int, skill: Document, *knowledge: Document) -> Document:
    """A technical competence, raw."""
    return {"id": uuid(number), "code": f"CP-{number}", "skill": skill, "knowledgeItems": list(knowledge)}


def profile(number: int, title: str, *competences: Document, names: tuple[str, ...] = (), code: str = "") -> Document:
    """An occupational profile, raw."""
    alternative = [{"id": uuid(1000 * number + n), "title": name, "language": "nl"} for n, name in enumerate(names, 1)]
    return {
        "id": uuid(number),
        "code": code or f"OP-{number}",
        "title": {"nl": title},
        "essentialCompetences": list(competences),
        "alternativeNames": alternative,
    }


def documents(*raw: Document) -> list[tuple[ConceptType, Document]]:
    typed = [(OCCUPATIONAL_PROFILE if "title" in one else TECHNICAL_COMPETENCE, one) for one in raw]
    return [(type, normalised(type, one["id"], **{k: v for k, v in one.items() if k != "id"})) for type, one in typed]


@contextmanager
def successors_found(before: list[Document], after: list[Document]) -> Iterator[dict[tuple[str, int], list[Any]]]:
    """The successors by type and number of the ended concept: (number, evidence, score)."""
    with written_index(*documents(*before)) as old, written_index(*documents(*after)) as new:
        yield {
            (types[type], UUID(one).int): [(UUID(to.key[1]).int, to.evidence, to.score) for to in successors]
            for (type, one), successors in release_diff(changes(old, new), old, new).successors.items()
            for types in [
                {
                    concept_type.number: concept_type.code_prefix
                    for concept_type in (OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE, SKILL, KNOWLEDGE)
                }
            ]
        }


def test_equal_releases_have_no_successors() -> None:
    release = [competence(1, skill(2, CUT))]
    with successors_found(release, release) as successors:
        assert successors == {}


def test_a_new_uuid_with_the_same_code_and_label_is_a_successor() -> None:
    with successors_found([competence(1, skill(2, CUT))], [competence(1, skill(3, CUT, "SK-2"))]) as successors:
        ((number, evidence, score),) = successors["SK", 2]

    assert (number, evidence) == (3, Evidence.CODE)
    assert score > 0.95


def test_a_reused_code_is_no_evidence() -> None:
    before = [competence(1, skill(2, CUT)), competence(4, skill(5, BREAD))]
    after = [competence(4, skill(5, BREAD)), competence(6, skill(7, "lassen", "SK-2"))]
    with successors_found(before, after) as successors:
        assert successors.get(("SK", 2), []) == []


def test_a_code_counts_if_the_labels_have_no_language_in_common() -> None:
    before = [competence(1, skill(2, CUT))]
    after = [competence(8, skill(3, None, "SK-2", fr="couper les cheveux"))]
    with successors_found(before, after) as successors:
        assert successors["SK", 2] == [(3, Evidence.CODE, 0.6)]


def test_a_concept_with_a_corrected_label_is_a_successor() -> None:
    before = [competence(1, skill(2, CUT)), competence(4, skill(5, BREAD))]
    after = [competence(1, skill(9, HAIR)), competence(4, skill(5, BREAD))]
    with successors_found(before, after) as successors:
        ((number, evidence, score),) = successors["SK", 2]

    assert (number, evidence) == (9, Evidence.LABEL)
    assert score > 0.8


def test_a_concept_that_replaces_another_in_a_competence_is_a_successor() -> None:
    before = [competence(1, skill(2, CUT), knowledge(20, "kapsels"))]
    after = [competence(1, skill(9, "klanten verzorgen"), knowledge(21, "hygiëne"))]
    with successors_found(before, after) as successors:
        assert [(number, evidence) for number, evidence, _ in successors["SK", 2]] == [(9, Evidence.SHARED_COMPETENCES)]
        assert ("KN", 20) not in successors  # one of several places, and another label


def test_a_competence_that_shared_knowledge_before_is_no_successor() -> None:
    """Both competences had the knowledge item, so the end of one is no evidence for the other."""
    shared = knowledge(20, "kapsels")
    before = [competence(1, skill(2, CUT), shared), competence(3, skill(4, BREAD), shared)]
    with successors_found(before, [competence(3, skill(4, BREAD), shared)]) as successors:
        assert successors == {}


def test_a_profile_is_matched_by_its_competences() -> None:
    parts = [competence(n, skill(100 + n, f"{chr(96 + n) * 9} maken")) for n in range(1, 14)]
    other = profile(50, "bakker", competence(40, skill(140, BREAD)))
    before = [profile(10, "kapper", *parts), other, *parts]
    after = [profile(11, "haarstylist", *parts[:12]), other, *parts]
    with successors_found(before, after) as successors:
        ((number, evidence, score),) = successors["OP", 10]

    assert (number, evidence) == (11, Evidence.SHARED_COMPETENCES)
    assert score >= MIN_SCORE


def test_a_title_that_became_an_alternative_name_is_evidence() -> None:
    part = competence(1, skill(2, CUT))
    before = [profile(10, "poetshulp", part), profile(12, "schoonmaker", part), part]
    after = [profile(12, "schoonmaker", part, names=("Poetshulp",)), part]
    with successors_found(before, after) as successors:
        assert [(number, evidence) for number, evidence, _ in successors["OP", 10]] == [(12, Evidence.LABEL)]


def test_a_shared_skill_alone_does_not_match_competences() -> None:
    same = skill(2, CUT)
    before = [competence(1, same, knowledge(20, "kapsels")), competence(3, same, knowledge(21, "hygiëne"))]
    with successors_found(before, [competence(3, same, knowledge(21, "hygiëne"))]) as successors:
        assert successors == {}


def test_a_concept_of_another_type_with_the_same_uuid_is_the_same() -> None:
    before = [competence(1, skill(2, CUT), knowledge(20, "kapsels"))]
    after = [competence(1, skill(20, "kapsels"))]
    with successors_found(before, after) as successors:
        assert successors["KN", 20] == [(20, Evidence.UUID, 1.0)]


@pytest.mark.parametrize(("parts", "were_there", "expected"), [(2, 0, 2), (3, 0, 3), (4, 0, 0), (2, 1, 0)])
def test_a_concept_that_was_split_has_its_parts_as_successors(parts: int, were_there: int, expected: int) -> None:
    """New knowledge items divide the competences of one that ended; one that was there before is no part of it."""
    texts = ["deeg kneden", "ovens stoken", "klanten helpen", "facturen sturen"]
    items = [knowledge(100 + n, texts[n]) for n in range(parts)]
    of_old = [competence(n, skill(200 + n, f"vaardigheid {n}"), knowledge(99, "brood bakken")) for n in range(12)]
    others = [competence(50 + n, skill(300, "iets anders"), items[n]) for n in range(were_there)]
    of_new = [competence(n, skill(200 + n, f"vaardigheid {n}"), items[n % parts]) for n in range(12)]
    with successors_found([*of_old, *others], [*of_new, *others]) as successors:
        assert successors.get(("KN", 99), []) == [(100 + n, Evidence.SHARED_COMPETENCES, 0.75) for n in range(expected)]


def test_successors_are_ranked_and_limited() -> None:
    before = [competence(1, skill(2, CUT))]
    after = [competence(n, skill(100 + n, CUT, "SK-2" if n == 30 else "")) for n in range(20, 40)]
    with successors_found(before, after) as successors:
        ranked = successors["SK", 2]

    assert ranked[0][:2] == (130, Evidence.CODE)
    assert len(ranked) <= MAX_SUCCESSORS
    assert [score for *_, score in ranked] == sorted((score for *_, score in ranked), reverse=True)


def test_releases_without_common_concepts_have_no_successors() -> None:
    with (
        written_index() as old,
        written_index(*documents(competence(1, skill(2, CUT)))) as new,
        closing(old),
        closing(new),
    ):
        assert release_diff(changes(old, new), old, new).successors == {}
        assert release_diff(changes(new, old), new, old).successors == {}
    assert Successor((3, "x"), Evidence.UUID, 1.0).evidence < Evidence.CODE
