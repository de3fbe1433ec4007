"""Normalised documents stay unchanged, and stored values of other shapes are converted to the declared ones."""

from typing import Any

import pytest

from graphql_api.competent.normalise import EMPTY_LIST, FORMAT, NO_RELEASE, normalise, renormalise

A, B, C = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abc")
PROFILE = f"/releases/3.11/occupationalprofiles/{A}"
COMPETENCE = f"/releases/3.11/technicalcompetences/{A}"
LIST = "/releases/3.11/technicalcompetences?page=0&size=2"
RAW: list[tuple[str, dict[str, Any]]] = [
    (
        PROFILE,
        {
            "id": A.upper(),
            "code": 12,
            "title": {"nl": " Kok ", "de": "Koch"},
            "description": {"nl": None},
            "alternativeNames": ["Kok", {"id": B, "code": "AN-1", "name": {"nl": "Kok", "fr": "Chef"}}],
            "specificCompetences": {"id": B, "skill": [{"id": C, "description": "x", "regions": "VL"}]},
            "softSkills": [B, {"id": C, "title": {"en": "Patience"}}],
            "digitalSkills": [],
            "economicSectors": [{"id": B, "code": "ES-1", "description": "Bouw"}, {}],
            "codes": [{"type": "isco08", "value": "2221"}, {"type": "ROME", "code": "x"}],
            "lastModified": [2021, 11, 3, 9, 12],
            "lastPublished": "soon",
        },
    ),
    (COMPETENCE, {"id": A, "skill": {"code": "SK-1"}, "knowledgeItems": [{"id": B}]}),
    (COMPETENCE, {}),
    (
        LIST,
        {
            "_embedded": {"list": [{"id": A, "code": "CP-1"}, {"code": "CP-2"}]},
            "page": {"size": 2, "totalElements": 5, "number": 0},
            "_links": {"next": {"href": "/x"}, "self": {"href": "/releases/3.11"}},
        },
    ),
    ("/releases/3.11/softskills", {}),
    (f"{COMPETENCE}/occupationalprofiles/used", {"_embedded": {"list": [{"id": A, "title": "Kok"}]}}),
    (
        "/releases/current",
        {"number": "3.11", "publicationDate": "2022-03-14T23:30:00Z", "_links": {"self": {"href": "/releases/3.11"}}},
    ),
    ("/releases", {"_embedded": {"list": [{"number": "3.11", "current": True}, {"number": "3.9"}]}}),
    (
        "/search?searchValue=kok",
        {"_embedded": {"list": [{"document": [{"id": A, "releaseNumber": "3.11", "title": {"nl": "Kok"}}]}]}},
    ),
    ("/elsewhere", {"id": A}),
]


@pytest.mark.parametrize(("path", "raw"), RAW)
def test_a_normalised_document_is_unchanged(path: str, raw: dict[str, Any]) -> None:
    normalised = normalise(path, raw)
    assert renormalise(path, normalised) == normalised


def test_removed_fields_are_dropped_and_new_fields_stay_missing() -> None:
    assert renormalise(PROFILE, {"id": A, "wages": 3, "optionalCompetences": [{"id": B, "level": 3}]}) == {
        "id": A,
        "optionalCompetences": [{"id": B}],
    }


@pytest.mark.parametrize("value", [3, "x", True, None, [], [3], {}, {"a": [{}]}])
def test_documents_of_the_wrong_shape_are_empty(value: Any) -> None:
    document = dict.fromkeys((*EMPTY_LIST, *NO_RELEASE), value)

    assert renormalise("/releases/3.11", document).keys() == NO_RELEASE.keys()
    renormalised = renormalise(LIST, document)
    assert renormalised.keys() == EMPTY_LIST.keys()
    assert renormalise(LIST, renormalised) == renormalised


def test_the_format_is_short_and_in_hexadecimal() -> None:
    assert len(FORMAT) == 12
    assert int(FORMAT, 16) >= 0
