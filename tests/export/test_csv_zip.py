"""CSV: a table for each concept type and each relation, with the rows that the documents have."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest

from graphql_api.competent.declarations import CONCEPT_TYPES, SKILL
from graphql_api.export import CSV, Options, ReleaseFacts, export
from graphql_api.export.contents import Batch, Contents
from graphql_api.export.csv_zip import steps
from graphql_api.export.tables import tables_of
from tests.conftest import Server
from tests.export.conftest import exported, index_of

Table = list[dict[str, str]]
original_read = Batch.read


def tables_in(archive: bytes, encoding: str = "utf-8") -> dict[str, Table]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {
            name: list(csv.DictReader(io.StringIO(opened.read(name).decode(encoding), newline="")))
            for name in opened.namelist()
        }


@pytest.fixture
async def tables(original: Server) -> dict[str, Table]:
    return tables_in(await exported(original, "3.11", "csv"))


@pytest.fixture
async def documents(original: Server) -> dict[str, list[dict[str, Any]]]:
    """The concepts of the NDJSON export, by type."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for line in (await exported(original, "3.11")).splitlines():
        by_type.setdefault((concept := json.loads(line))["type"], []).append(concept)
    return by_type


async def test_there_is_a_table_for_each_type_and_relation(tables: dict[str, Table]) -> None:
    assert tables.keys() == {"release.csv"} | {table.name for type in CONCEPT_TYPES for table in tables_of(type)}
    assert len(tables) == 23
    assert all(tables.values()), [name for name, table in tables.items() if not table]
    assert tables["release.csv"][0]["number"] == "3.11"


async def test_concepts_have_their_texts_by_language(
    tables: dict[str, Table], documents: dict[str, list[dict[str, Any]]]
) -> None:
    for type in CONCEPT_TYPES:
        (main, *_) = tables_of(type)
        assert [row["id"] for row in tables[main.name]] == [concept["id"] for concept in documents[type.name]]
    nurse = next(profile for profile in documents["OccupationalProfile"] if profile["code"] == "OP-101")
    row = next(row for row in tables["occupational-profiles.csv"] if row["code"] == "OP-101")

    assert {language: row[f"title_{language}"] for language in nurse["title"]} == nurse["title"]
    assert row["last_modified"] == nurse["lastModified"]


async def test_a_relation_has_a_row_for_each_pair(
    tables: dict[str, Table], documents: dict[str, list[dict[str, Any]]]
) -> None:
    profiles = documents["OccupationalProfile"]
    pairs = [(row["occupational_profile_id"], row["technical_competence_code"]) for row in
             tables["occupational-profiles.optional-competences.csv"]]  # fmt: skip
    skills = [(row["technical_competence_code"], row["skill_id"]) for row in tables["technical-competences.skill.csv"]]
    codes = [(row["occupational_profile_code"], row["scheme"], row["code"]) for row in
             tables["occupational-profiles.classifications.csv"]]  # fmt: skip

    assert pairs == [
        (profile["id"], competence["code"]) for profile in profiles for competence in profile["specificCompetences"]
    ]
    assert skills == [(one["code"], one["skill"]["id"]) for one in documents["TechnicalCompetence"]]
    assert codes == [(one["code"], item["type"], item["value"]) for one in profiles for item in one["codes"]]


async def test_excel_recognises_utf_8_by_a_byte_order_mark(original: Server, tables: dict[str, Table]) -> None:
    index = await index_of(original, "3.11")
    marked = b"".join([piece async for piece in export(index, ReleaseFacts("3.11"), CSV, Options(has_bom=True))])

    with zipfile.ZipFile(io.BytesIO(marked)) as archive:
        assert all(archive.read(name).startswith(b"\xef\xbb\xbf") for name in archive.namelist())
    assert tables_in(marked, "utf-8-sig")["skills.csv"] == tables["skills.csv"]


async def test_each_document_is_read_once(original: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    index, read = await index_of(original, "3.11"), list[Batch]()
    monkeypatch.setattr(Batch, "read", lambda batch, connection: read.append(batch) or original_read(batch, connection))
    monkeypatch.setattr("graphql_api.export.csv_zip.MAX_IN_MEMORY", 1000)  # so that relations wait in files
    pieces = [piece async for piece in export(index, ReleaseFacts("3.11"), CSV)]

    assert len(read) == len(set(read)) > len(CONCEPT_TYPES)
    assert tables_in(b"".join(pieces))["occupational-profiles.essential-competences.csv"]


@pytest.mark.slow
async def test_the_same_release_gives_the_same_bytes(original: Server, reimported: Server) -> None:
    assert await exported(reimported, "3.11", "csv") == await exported(original, "3.11", "csv")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("+32", "'+32"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ('a "b", c\nd', 'a "b", c\nd'),
        ("a=b", "a=b"),
    ],
)
def test_cells_are_escaped_against_formula_injection(text: str, cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"id": "1", "code": text, "description": {"nl": text}, "regions": [text, "x"]}
    monkeypatch.setattr(Batch, "read", lambda batch, connection: [document])
    contents = Contents(ReleaseFacts("3.11", source=text), {SKILL: (Batch(SKILL, 0, 1),)})
    archive = b"".join([step(None) for step in steps(contents)])  # type: ignore[arg-type]

    tables = tables_in(archive)
    assert tables["release.csv"][0]["source"] == cell
    assert tables["skills.csv"] == [
        {"id": "1", "code": cell, "regions": f"{cell}|x"}
        | {f"description_{language}": cell if language == "nl" else "" for language in ("nl", "fr", "en", "de")}
    ]


async def test_an_incomplete_archive_cannot_be_opened(original: Server) -> None:
    pieces = export(await index_of(original, "3.11"), ReleaseFacts("3.11"), CSV)
    part = b"".join([await anext(pieces) for _ in range(20)])
    await pieces.aclose()

    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(part))
