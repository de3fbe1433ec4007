"""Normalisation of HAL documents: one shape for every variant of upstream."""

from typing import Any

import pytest

from graphql_api.competent import concept_reader, declarations, values
from graphql_api.competent.concept_reader import Notes
from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.competent.normalise import normalise

A, B, C = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abc")
PROFILE = f"/releases/3.11/occupationalprofiles/{A}"
COMPETENCE = f"/releases/3.11/technicalcompetences/{A}"


def profile(**keys: Any) -> dict[str, Any]:
    return normalise(PROFILE, {"id": A, **keys})


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ({"nl": " Kok ", "fr": None, "en": "", "de": 3}, {"nl": "Kok"}),
        ({"de": "Koch", "nl": "Kok"}, {"nl": "Kok", "de": "Koch"}),
        ({"nl": None, "fr": "  "}, None),
        ("Kok", {"nl": "Kok"}),
        (7, None),
        ([], None),
    ],
)
def test_a_text_is_trimmed_and_null_without_any_language(raw: Any, normalised: Any) -> None:
    assert profile(title=raw) == {"id": A, "title": normalised}


def test_a_key_is_present_exactly_if_upstream_has_a_value() -> None:
    assert profile(title=None) == {"id": A}
    assert profile(softSkills=[]) == {"id": A, "softSkills": []}
    assert profile(description={"nl": None}) == {"id": A, "description": None}


def test_ids_are_lower_case_and_codes_are_texts() -> None:
    assert normalise(PROFILE, {"id": A.upper(), "code": 12}) == {"id": A, "code": "12"}
    assert normalise(PROFILE, {"id": "OP-1", "code": " OP-1 "}) == {"code": "OP-1"}
    assert normalise(PROFILE, {"id": A, "code": True}) == {"id": A, "code": None}


def test_embedded_concepts_are_a_list_of_unique_ids() -> None:
    soft = [{"id": A, "title": {"nl": "x"}}, B, {"id": B, "code": "SS-2"}, {"id": "no"}, 3, None, {"id": A.upper()}]

    assert profile(softSkills=soft)["softSkills"] == [{"id": A, "description": {"nl": "x"}}, {"id": B}]
    assert profile(softSkills={"id": C})["softSkills"] == [{"id": C}]
    assert profile(softSkills=C)["softSkills"] == [{"id": C}]


@pytest.mark.parametrize("skill", [{"id": B, "description": "x"}, [{"id": B, "description": "x"}, {"id": C}]])
def test_the_skill_of_a_competence_is_one_object(skill: Any) -> None:
    assert normalise(COMPETENCE, {"id": A, "skill": skill})["skill"] == {"id": B, "description": {"nl": "x"}}


def test_the_skill_of_a_competence_is_null_without_an_id() -> None:
    assert normalise(COMPETENCE, {"id": A, "skill": {"code": "SK-1"}}) == {"id": A, "skill": None}


@pytest.mark.parametrize("more", [{}, {"skill": None}])
def test_the_text_of_a_flat_competence_becomes_a_skill_with_its_id(more: dict[str, None]) -> None:
    raw = {"id": A, "code": "CP-1", "description": {"nl": " Knippen "}, **more}

    normalised = normalise(COMPETENCE, raw, notes := Notes())

    assert normalised == {"id": A, "code": "CP-1", "skill": {"id": A, "description": {"nl": "Knippen"}}}
    assert not notes.unknown
    with_skill = normalise(COMPETENCE, {**raw, "skill": {"id": B}})
    assert with_skill["skill"] == {"id": B}


def test_a_flat_competence_in_a_profile_has_no_embedded_skill() -> None:
    raw = {"id": A, "essentialCompetences": [{"id": B, "code": "CP-1", "description": {"nl": "Knippen"}}]}

    normalised = normalise(PROFILE, raw, notes := Notes())

    assert normalised == {"id": A, "essentialCompetences": [{"id": B, "code": "CP-1"}]}
    assert not notes.unknown


@pytest.mark.parametrize("key", ["specificCompetences", "optionalCompetences"])
def test_optional_competences_are_normalised_to_one_key(key: str) -> None:
    assert profile(**{key: [{"id": B}]}) == {"id": A, "optionalCompetences": [{"id": B}]}


def test_resources_in_the_embedded_key_of_hal_are_read() -> None:
    assert profile(_embedded={"softSkills": [{"id": B}]}) == {"id": A, "softSkills": [{"id": B}]}


@pytest.mark.parametrize("key", ["title", "description", "shortDescription"])
def test_the_text_of_a_soft_skill_is_normalised_to_one_key(key: str) -> None:
    skill = normalise(f"/releases/3.11/softskills/{A}", {"id": A, key: {"en": "Patience"}})
    assert skill == {"id": A, "description": {"en": "Patience"}}


def test_names_have_one_row_per_language() -> None:
    names = [
        "Kok",
        {"id": B, "code": "AN-1", "name": {"nl": "Kok", "fr": "Chef"}},
        {"title": " Cook ", "language": "EN"},
    ]

    assert [
        tuple(name.values()) for name in profile(alternativeNames=[*names, "Kok", {"name": 3}])["alternativeNames"]
    ] == [
        (None, None, "Kok", None),
        (B, "AN-1", "Kok", "nl"),
        (B, "AN-1", "Chef", "fr"),
        (None, None, "Cook", "en"),
    ]


def test_terms_have_id_code_and_title() -> None:
    sectors = [{"id": B, "code": "ES-1", "description": "Bouw"}, {"id": B, "code": "ES-1", "title": "Bouw"}, "no", {}]

    assert profile(economicSectors=sectors)["economicSectors"] == [
        {"id": B, "code": "ES-1", "title": {"nl": "Bouw"}},
        {"id": None, "code": None, "title": None},
    ]


@pytest.mark.parametrize("key", ["codes", "iscoCodes"])
def test_classifications_have_scheme_and_code(key: str) -> None:
    codes = [{"type": "isco08", "value": " 2221 "}, 2221, "2221", {"code": "x", "type": "ROME"}, {"type": "ROME"}, True]

    assert profile(**{key: codes})["classifications"] == [
        {"scheme": "ISCO-08", "code": "2221"},
        {"scheme": "ROME", "code": "x"},
    ]


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("2021-11-03T09:12:00Z", "2021-11-03T09:12:00+00:00"),
        ("2021-11-03T09:12:00+01:00", "2021-11-03T09:12:00+01:00"),
        ("2021-11-03T09:12:00", "2021-11-03T09:12:00+00:00"),
        (1_635_930_720_000, "2021-11-03T09:12:00+00:00"),
        ([2021, 11, 3, 9, 12], "2021-11-03T09:12:00+00:00"),
        ("soon", None),
        (1e300, None),
        (True, None),
        ({}, None),
    ],
)
def test_times_are_iso_8601_with_an_offset(raw: Any, normalised: Any) -> None:
    assert profile(lastModified=raw) == {"id": A, "lastModified": normalised}


def test_a_list_has_its_items_and_page_data() -> None:
    raw = {
        "_embedded": {"technicalCompetenceListInfoList": [{"id": A, "code": "CP-1"}, {"code": "CP-2"}]},
        "page": {"size": 2, "totalElements": 5, "number": 0},
        "_links": {"next": {"href": "http://internal/releases/3.11/technicalcompetences?page=1"}},
    }

    assert normalise("/releases/current/technicalcompetences?page=0&size=2", raw) == {
        "items": [{"id": A, "code": "CP-1"}, {"code": "CP-2"}],
        "size": 2,
        "total": 5,
        "number": 0,
        "more": True,
        "releases": [],
    }


def test_a_list_without_keys_is_empty() -> None:
    assert normalise("/releases/3.11/softskills", {"_links": {}}) == {
        "items": [],
        "size": 0,
        "total": None,
        "number": None,
        "more": False,
        "releases": [],
    }


def test_a_release_has_its_number_and_date() -> None:
    raw = {
        "number": "3.11",
        "publicationDate": "2022-03-14T23:30:00Z",
        "current": True,
        "_links": {"self": {"href": "http://internal:8080/competent/api/external/v1/releases/3.11"}},
    }

    release = {"releases": ["3.11"], "confirmed": True, "current": True, "publishedOn": "2022-03-15", "source": None}
    assert normalise("/releases/current", raw) == release
    assert normalise("/releases", {"_embedded": {"releaseList": [raw]}})["items"] == [release]
    assert normalise("/releases/current", {"number": "3.11"})["confirmed"] is False
    assert normalise("/releases/current", raw | {"source": " sandbox data "}) == release | {"source": "sandbox data"}


def test_a_search_hit_is_a_profile_with_its_release() -> None:
    hit = {"document": [{"id": A, "code": "OP-1", "releaseNumber": "3.11", "title": {"nl": "Kok"}}]}
    page = normalise("/search?searchValue=kok", {"_embedded": {"competentSearchResultList": [hit]}})

    assert page["items"] == [{"id": A, "code": "OP-1", "title": {"nl": "Kok"}, "releases": ["3.11"]}]


def test_unknown_keys_are_dropped_and_counted_by_name() -> None:
    notes = Notes()
    raw = {"id": A, "wages": 3, "type": "x", "skill": {"id": B, "level": 2}, "knowledgeItems": [{"id": C, "level": 1}]}

    assert normalise(COMPETENCE, raw, notes) == {"id": A, "skill": {"id": B}, "knowledgeItems": [{"id": C}]}
    assert notes.unknown == {"TechnicalCompetence.wages": 1, "Skill.level": 1, "Knowledge.level": 1}


@pytest.mark.parametrize(
    ("href", "refused"),
    [
        (f"http://internal:8080/x/releases/current/technicalcompetences/{A.upper()}", 0),
        (f"http://internal/releases/3.11/technicalcompetences/{A}", 0),
        (f"http://internal/releases/3.11/technicalcompetences/{B}", 1),
        (f"http://internal/releases/3.11//technicalcompetences/{A}", 1),
        (f"http://internal/releases/3.11?3.11/technicalcompetences/{A}", 1),
        (f"http://internal/technicalcompetences/{A}", 1),
        (f"http://internal/releases/3.11/softskills/{A}", 1),
        ("http://elsewhere/", 1),
        (7, 1),
    ],
)
def test_a_self_link_to_another_path_is_counted(href: Any, refused: int) -> None:
    notes = Notes()
    normalise(COMPETENCE, {"id": A, "_links": {"self": {"href": href}}}, notes)
    assert notes.links_refused == refused


def test_a_document_of_an_unknown_path_is_empty() -> None:
    assert normalise("/elsewhere", {"id": A}) == {}


def test_every_conversion_has_a_function() -> None:
    kinds = {
        field.value.conversion
        for type in CONCEPT_TYPES
        for field in type.fields
        if isinstance(field.value, declarations.Plain)
    }
    assert all(callable(getattr(values, name)) for name in kinds)


def test_numbers_names_and_prefixes_of_types_are_unique() -> None:
    for attribute in ("name", "number", "code_prefix", "single", "listing"):
        assert len({getattr(item, attribute) for item in CONCEPT_TYPES}) == len(CONCEPT_TYPES)


def test_an_equal_embedded_concept_is_the_same_object_with_its_notes() -> None:
    skill = {"id": B, "code": "SK-1", "description": {"nl": "lassen"}}
    one, two = (normalise(COMPETENCE, {"id": A, "skill": dict(skill)})["skill"] for _ in range(2))
    other = normalise(COMPETENCE, {"id": A, "skill": skill | {"code": True}})["skill"]
    notes = Notes()
    for _ in range(2):
        normalise(COMPETENCE, {"id": A, "skill": skill | {"level": 2}}, notes)

    assert one is two == {"id": B, "code": "SK-1", "description": {"nl": "lassen"}}
    assert other == one | {"code": None}
    assert notes.unknown == {"Skill.level": 2}


def test_an_embedded_number_too_large_for_json_is_read() -> None:
    competence = normalise(COMPETENCE, {"id": A, "skill": {"id": B, "code": 10**30}})
    assert competence["skill"] == {"id": B, "code": str(10**30)}


def test_cached_embedded_concepts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concept_reader, "MAX_CACHED", 2)
    documents = [
        normalise(COMPETENCE, {"id": A, "knowledgeItems": [{"id": C, "code": f"bounded-{n}"}]})["knowledgeItems"][0]
        for n in (0, 1, 2, 0)
    ]
    assert documents[0] == documents[3]
    assert documents[0] is not documents[3]
