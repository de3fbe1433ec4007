"""ReleaseDocuments in SQLite: documents are read back unchanged, and only complete files of the same source are opened."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from graphql_api.sandbox.dataset import (
    AlternativeName,
    Classification,
    Concept,
    Dataset,
    Profile,
    Term,
    texts,
)
from graphql_api.sandbox.document_store import ReleaseDocuments, documents_in_memory, read_documents, write_documents
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES, SOFT_SKILLS

INTERNAL = "http://competent00-rel1prd.vdab.be:8080/competent/api/external/v1/releases/3.9"
EMPTY = {"nl": None, "fr": None, "en": None, "de": None}


def block(code: str, nl: str) -> Concept:
    return Concept(f"uuid-{code.lower()}", code, {"description": texts(nl)})


def term(code: str, nl: str) -> Term:
    return Term(f"uuid-{code.lower()}", code, texts(nl))


def profile(number: int, *title: str, **related: tuple[Any, ...]) -> Profile:
    return Profile(f"uuid-op-{number}", f"OP-{number}", {"title": texts(*title)}, related=related)


BREAD = Concept(
    "uuid-cp-1",
    "CP-1",
    related={
        "skill": (block("SK-1", "Brood bakken"),),
        "knowledgeItems": (block("KN-1", "gist"),),
        "behaviouralIndicators": (block("BI-1", "Kneedt"),),
    },
)
STEW = Concept("uuid-cp-2", "CP-2", related={"skill": (block("SK-2", "Stoven"),)})
PLANNING = block("SS-1", "Plannen")
BAKER = replace(
    profile(
        1,
        "Bakker",
        "Boulanger",
        alternativeNames=(
            AlternativeName("uuid-an-1", "AN-1", "nl", "Broodbakker"),
            AlternativeName("uuid-an-2", "AN-2", "en", "Baker"),
        ),
        essentialCompetences=(BREAD,),
        optionalCompetences=(STEW,),
        softSkills=(PLANNING,),
        digitalSkills=(block("DS-1", "Rekenen"),),
        proofsOfLearning=(term("PL-1", "Attest"),),
        economicSectors=(term("ES-1", "Voeding"),),
        areasOfInterest=(term("AI-1", "Koken"),),
        classifications=(Classification("ISCO08", "7512"),),
    ),
    values={"lastModified": "2022-01-02T00:00:00Z", "lastPublished": "2022-03-31T00:00:00Z"},
)
COOK = profile(2, "Kok", "Cuisinier", essentialCompetences=(STEW, BREAD))
BUTCHER = profile(3, "Slager", "Boucher")
RELEASE = Dataset("3.9", "2022-03-31", (BAKER, COOK, BUTCHER), (BREAD, STEW), {"SoftSkill": (PLANNING,)})


@pytest.fixture
def documents() -> Iterator[ReleaseDocuments]:
    opened = documents_in_memory(RELEASE)
    yield opened
    opened.close()


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Callable[[str], ReleaseDocuments | None]]:
    """Open the file of the release again, as the conversion of this source."""
    opened: list[ReleaseDocuments] = []
    write_documents(RELEASE, tmp_path / "3.9.sqlite", "a workbook")

    def read(source: str) -> ReleaseDocuments | None:
        documents = read_documents(tmp_path / "3.9.sqlite", source)
        opened.extend([documents] if documents else [])
        return documents

    yield read
    for one in opened:
        one.close()


def test_a_release_has_its_number_date_and_counts(documents: ReleaseDocuments) -> None:
    assert (documents.number, documents.published_on) == ("3.9", "2022-03-31")
    assert [documents.count(name) for name in (PROFILES, COMPETENCES, SOFT_SKILLS, "skills")] == [3, 2, 1, 0]


def test_keys_of_a_profile_are_in_the_order_of_the_service(documents: ReleaseDocuments) -> None:
    body = orjson.loads(documents.document(PROFILES, "uuid-op-1") or b"")

    def concept_with_title(code: str, nl: str) -> dict[str, object]:
        return {"id": f"uuid-{code.lower()}", "code": code, "title": {**EMPTY, "nl": nl}}

    def embedded_competence(number: int, skill: str, knowledge: list[object]) -> dict[str, object]:
        uuid = f"uuid-cp-{number}"
        return {
            "id": uuid,
            "code": f"CP-{number}",
            "skill": concept_with_description(f"SK-{number}", skill, "skill"),
            "knowledgeItems": knowledge,
            "_links": {"self": {"href": f"{INTERNAL}/technicalcompetences/{uuid}"}},
        }

    expected = {
        "id": "uuid-op-1",
        "code": "OP-1",
        "title": {**EMPTY, "nl": "Bakker", "fr": "Boulanger"},
        "description": EMPTY,
        "workingContext": EMPTY,
        "alternativeNames": [
            {"id": "uuid-an-1", "code": "AN-1", "name": "Broodbakker", "language": "nl"},
            {"id": "uuid-an-2", "code": "AN-2", "name": "Baker", "language": "en"},
        ],
        "essentialCompetences": [
            embedded_competence(1, "Brood bakken", [concept_with_description("KN-1", "gist", "knowledge")])
        ],
        "specificCompetences": [embedded_competence(2, "Stoven", [])],
        "competenceSets": [],
        "softSkills": [
            {
                **concept_with_title("SS-1", "Plannen"),
                "type": "softskill",
                "_links": {"self": {"href": f"{INTERNAL}/softskills/uuid-ss-1"}},
            }
        ],
        "digitalSkills": [{**concept_with_title("DS-1", "Rekenen"), "type": "digitalskill"}],
        "proofsOfLearning": [concept_with_title("PL-1", "Attest")],
        "economicSectors": [concept_with_title("ES-1", "Voeding")],
        "areasOfInterest": [concept_with_title("AI-1", "Koken")],
        "codes": [{"type": "ISCO08", "value": "7512"}],
        "lastModified": "2022-01-02T00:00:00Z",
        "lastPublished": "2022-03-31T00:00:00Z",
        "_links": {"self": {"href": f"{INTERNAL}/occupationalprofiles/uuid-op-1"}},
    }
    assert body == expected
    assert list(body) == list(expected)


def concept_with_description(code: str, nl: str, type_name: str) -> dict[str, object]:
    return {
        "id": f"uuid-{code.lower()}",
        "code": code,
        "description": {**EMPTY, "nl": nl},
        "regions": [],
        "type": type_name,
    }


def test_a_document_is_found_by_uuid_in_either_case_in_its_collection(documents: ReleaseDocuments) -> None:
    result = documents.document(COMPETENCES, "UUID-CP-1")

    assert result == documents.document(COMPETENCES, "uuid-cp-1")
    assert result is not None
    assert documents.document(PROFILES, "uuid-cp-1") is None
    assert documents.document(COMPETENCES, "uuid-cp-9") is None


def test_list_items_are_in_order_and_can_be_sliced(documents: ReleaseDocuments) -> None:
    codes = [orjson.loads(item)["code"] for item in documents.items(PROFILES)]

    assert codes == ["OP-1", "OP-2", "OP-3"]
    assert [orjson.loads(item)["code"] for item in documents.items(PROFILES, 1, 1)] == ["OP-2"]
    assert documents.items(PROFILES, 3, 20) == []


def test_a_competence_in_a_list_has_no_texts(documents: ReleaseDocuments) -> None:
    assert [orjson.loads(item) for item in documents.items(COMPETENCES, 0, 1)] == [
        {"id": "uuid-cp-1", "code": "CP-1", "_links": {"self": {"href": f"{INTERNAL}/technicalcompetences/uuid-cp-1"}}}
    ]


def test_profiles_with_an_essential_or_optional_competence_are_listed(documents: ReleaseDocuments) -> None:
    assert [orjson.loads(item)["code"] for item in documents.used_in("UUID-CP-2")] == ["OP-1", "OP-2"]
    assert documents.used_in("uuid-cp-9") == []


@pytest.mark.parametrize(
    ("text", "language", "first"),
    [
        ("Bakker", "nl", "OP-1"),
        ("broodb", "nl", "OP-1"),
        ("slager", None, "OP-3"),
        ("de cuisinier", "fr", "OP-2"),
        ("baker", "en", "OP-1"),
        ("slaaager", "nl", "OP-3"),
        ("boucherie", "fr", "OP-3"),
        ("zzk", "nl", "OP-2"),
        ("butcher", "nl", "OP-1"),
        ('"bakker" OR (', "nl", "OP-1"),
    ],
)
def test_search_finds_words_then_prefixes_then_similar_then_any_texts(
    documents: ReleaseDocuments, text: str, language: str | None, first: str
) -> None:
    hits = documents.search(text, language)

    assert [orjson.loads(item)["code"] for item in documents.items_at(hits[:1])] == [first]


def test_search_prefers_titles_over_alternative_names(documents: ReleaseDocuments) -> None:
    twin = profile(9, "Kok", alternativeNames=(AlternativeName("a", "AN-9", "nl", "Bakker"),))
    both = documents_in_memory(Dataset("3.9", None, (twin, BAKER), ()))

    assert both.search("bakker", "nl") == [1, 0]
    both.close()


def test_search_without_words_has_no_hits(documents: ReleaseDocuments) -> None:
    assert documents.search("?! *", "nl") == []


def test_a_file_is_read_back_unchanged(
    documents: ReleaseDocuments, reopen: Callable[[str], ReleaseDocuments | None]
) -> None:
    read = reopen("a workbook")

    assert read is not None
    assert (read.number, read.published_on) == ("3.9", "2022-03-31")
    assert read.items(PROFILES) == documents.items(PROFILES)
    assert read.document(COMPETENCES, "uuid-cp-1") == documents.document(COMPETENCES, "uuid-cp-1")
    assert read.search("bakker") == documents.search("bakker")


def test_a_file_of_another_source_is_not_read(reopen: Callable[[str], ReleaseDocuments | None]) -> None:
    assert reopen("another workbook") is None


def test_a_file_of_another_format_is_not_read(reopen: Callable[[str], ReleaseDocuments | None], tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "3.9.sqlite")
    connection.execute("UPDATE about SET value = '0' WHERE name = 'format'")
    connection.commit()
    connection.close()

    assert reopen("a workbook") is None


@pytest.mark.parametrize("content", [b"", b"this is no database", b"SQLite format 3\x00" + bytes(200)])
def test_a_damaged_file_is_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "damaged.sqlite").write_bytes(content)

    assert read_documents(tmp_path / "damaged.sqlite", "a workbook") is None


def test_a_file_with_zeroed_pages_is_not_read(reopen: Callable[[str], ReleaseDocuments | None], tmp_path: Path) -> None:
    """The first pages are valid, so without the check it would be opened and fail for some documents."""
    path = tmp_path / "3.9.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[:-65536] + bytes(65536))

    assert reopen("a workbook") is None


def test_a_truncated_file_is_not_read(reopen: Callable[[str], ReleaseDocuments | None], tmp_path: Path) -> None:
    path = tmp_path / "3.9.sqlite"
    path.write_bytes(path.read_bytes()[:8192])

    assert reopen("a workbook") is None
