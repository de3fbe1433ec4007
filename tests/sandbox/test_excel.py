"""Workbooks: how columns are read, and the errors for unreadable ones."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from python_calamine import CalamineWorkbook

from graphql_api.sandbox import BadRow, WorkbookError
from graphql_api.sandbox.dataset import Concept, texts
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.releases import open_workbook
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES
from tests.sandbox.conftest import WriteWorkbook
from tests.sandbox.rows import BAKER, COOK, MAIN, MODIFIED, OVEN, PUBLISHED, SKILL, STEW, of, profile, uuid

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def label_of(block: Concept) -> tuple[str, str, str | None, str | None]:
    text = block.texts["description"]
    return block.uuid, block.code, text["nl"], text["fr"]


def test_each_column_of_each_sheet_is_read(write_workbook: WriteWorkbook) -> None:
    path = write_workbook(
        {
            MAIN: [profile()],
            "Occ.Prof - Alt.Names 3.26": [of(BAKER, uuid(1), "AN-1", "fr", "Mitron")],
            "Occ.Prof - ProofsOfLearning 3.2": [of(BAKER, uuid(2), "PL-1", "Attest", "Attestation")],
            "Occ.Prof - Codes 3.26": [of(BAKER, "ISCO08", "7512")],
            "Occ.Prof - Econ.Sectors 3.26": [of(BAKER, uuid(3), "ES-1", "Voeding", "Alimentation")],
            "Occ.Prof - Areas of Interest 3.": [of(BAKER, uuid(4), "AI-1", "Koken", "Cuisiner")],
            "Occ.Prof - Soft Skills 3.26": [of(BAKER, uuid(5), "SS-1", uuid(50), "Plannen", "Planifier")],
            "Occ.Prof - Digital Skills 3.26": [of(BAKER, uuid(6), "DS-1", uuid(60), "Rekenen", "Calculer")],
            "Occ.Prof - Essential Competence": [
                of(BAKER, OVEN, "CP-1", "skill", uuid(7), "SK-1", "Brood bakken", "Cuire du pain"),
                of(BAKER, OVEN, "CP-1", "knowledge", uuid(8), "KN-1", "baktechnieken", "techniques de cuisson"),
                of(BAKER, OVEN, "CP-1", "behavioural indicator", uuid(9), "BI-1", "Stelt de oven in", "Règle le four"),
            ],
            "Occ.Prof - Optional Competences": [of(BAKER, STEW, "CP-2", "skill", uuid(10), "SK-2", "Stoven", None)],
            "Occ.Prof - Competentiesets 3.26": [
                of(BAKER, uuid(11), "CS-1", "Set", "Jeu", "van bakkers", "de boulangers", "SKILL", code, "nl", "fr")
                for code in ("SK-1", "SK-2", "SK-9", "SK-1")
            ],
        }
    )

    release = read_workbook(path)

    assert (release.number, release.published_on) == ("3.26", "2026-03-26")
    (baker,) = release.profiles
    assert (baker.uuid, baker.code) == (BAKER, "OP-1")
    assert baker.texts["title"] == texts("Bakker", "Boulanger", "Baker", "Bäcker")
    assert baker.texts["description"] == texts("d nl", "d fr", "d en", "d de")
    assert baker.texts["workingContext"] == texts("w nl", "w fr", "w en", "w de")
    assert (baker.moment("lastModified"), baker.moment("lastPublished")) == (MODIFIED, PUBLISHED)
    assert [(one.uuid, one.code, one.language, one.name) for one in baker.names()] == [
        (uuid(1), "AN-1", "fr", "Mitron")
    ]
    names = ("proofsOfLearning", "economicSectors", "areasOfInterest")
    terms = [(one.uuid, one.code, one.title["nl"], one.title["fr"]) for name in names for one in baker.terms(name)]
    skills = (*baker.concepts("softSkills"), *baker.concepts("digitalSkills"))
    assert terms + [label_of(one) for one in skills] == [
        (uuid(2), "PL-1", "Attest", "Attestation"),
        (uuid(3), "ES-1", "Voeding", "Alimentation"),
        (uuid(4), "AI-1", "Koken", "Cuisiner"),
        (uuid(5), "SS-1", "Plannen", "Planifier"),
        (uuid(6), "DS-1", "Rekenen", "Calculer"),
    ]
    assert baker.related["classifications"] == (("ISCO08", "7512"),)
    assert baker.competences == release.competences
    bread, stew = release.competences
    assert [label_of(one) for one in (*bread.embedded(), *stew.embedded())] == [
        (uuid(7), "SK-1", "Brood bakken", "Cuire du pain"),
        (uuid(8), "KN-1", "baktechnieken", "techniques de cuisson"),
        (uuid(9), "BI-1", "Stelt de oven in", "Règle le four"),
        (uuid(10), "SK-2", "Stoven", None),
    ]
    (one_set,) = baker.concepts("competenceSets")
    assert (one_set.uuid, one_set.code) == (uuid(11), "CS-1")
    assert [skill.uuid for skill in one_set.concepts("skills")] == [uuid(7), uuid(10)]
    assert one_set.texts == {"title": texts("Set", "Jeu"), "disambiguator": texts("van bakkers", "de boulangers")}
    (note,) = [note for note in release.notes if "competence sets" in note]
    assert note.endswith(
        "competence sets are without skills that no technical competence has, since their uuids are unknown (1): SK-9"
    )
    assert release.blocks["SoftSkill"] == baker.concepts("softSkills")


def test_a_competence_of_many_profiles_has_the_union_of_its_blocks(write_workbook: WriteWorkbook) -> None:
    skill = (OVEN, "CP-1", "skill", uuid(7), "SK-1", "Brood bakken", None)
    first, second = ((OVEN, "CP-1", "knowledge", uuid(n), f"KN-{n}", f"kennis {n}", None) for n in (1, 2))
    path = write_workbook(
        {
            MAIN: [profile(), profile(COOK, "OP-2", "Kok")],
            "Occ.Prof - Essential Competence": [of(BAKER, *skill), of(BAKER, *second)],
            "Occ.Prof - Optional Competences": [of(COOK, *skill), of(COOK, *first), of(COOK, *second)],
        }
    )

    release = read_workbook(path)

    (competence,) = release.competences
    assert [item.code for item in competence.concepts("knowledgeItems")] == ["KN-2", "KN-1"]
    baker, cook = release.profiles
    assert (baker.concepts("essentialCompetences"), baker.concepts("optionalCompetences")) == ((competence,), ())
    assert (cook.concepts("essentialCompetences"), cook.concepts("optionalCompetences")) == ((), (competence,))


def test_only_the_sheet_of_profiles_is_required(write_workbook: WriteWorkbook) -> None:
    release = read_workbook(write_workbook({MAIN: [profile()], "Notes": [["anything", "at all"]]}))

    assert len(release.profiles) == 1
    assert release.competences == ()


@pytest.mark.parametrize(
    ("sheet", "name", "number"),
    [
        ("Occupational Profiles 3.26", "competent 3.9.xlsx", "3.26"),
        ("occupational profiles 4", "competent.xlsx", "4"),
        ("Occupational Profiles", "competent-export-3.27.xlsx", "3.27"),
        ("Occupational Profiles", "v3.27.1 of Competent.xlsx", "3.27.1"),
    ],
)
def test_the_release_number_comes_from_the_sheet_or_else_the_file_name(
    write_workbook: WriteWorkbook, sheet: str, name: str, number: str
) -> None:
    assert read_workbook(write_workbook({sheet: [profile()]}, name)).number == number


def test_a_workbook_without_a_release_number_is_refused(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({"Occupational Profiles": [profile()]}, "competent.xlsx")

    with pytest.raises(WorkbookError, match=r"competent\.xlsx: no release number.*'Occupational Profiles 3\.26'"):
        read_workbook(path)


def test_cells_are_read_in_every_stored_type(write_workbook: WriteWorkbook) -> None:
    row = [BAKER.upper(), " OP-1 ", 2132.0, 1.5, True, " ", *[None] * 4, date(2020, 1, 2), None, None, None]
    path = write_workbook(
        {
            MAIN: [
                [*row, datetime(2022, 7, 5, 14, 42, 21), 45000.25],
                [*profile(COOK)[:14], datetime(2022, 7, 5, 14, 42, 21, 456000), date(2026, 3, 26)],
                [*profile(OVEN)[:14], "2022-07-05 14:42:21", "2026-03-26"],
            ],
            "Occ.Prof - Codes": [of(BAKER, "ISCO08", 7512)],
        }
    )

    baker, cook, third = read_workbook(path).profiles

    assert (baker.uuid, baker.code) == (BAKER, "OP-1")
    assert baker.texts["title"] == texts("2132", "1.5", "TRUE", None)
    assert baker.texts["workingContext"]["nl"] == "2020-01-02T00:00:00Z"
    assert baker.related["classifications"] == (("ISCO08", "7512"),)
    assert (baker.moment("lastModified"), baker.moment("lastPublished")) == (
        "2022-07-05T14:42:21Z",
        "2023-03-15T06:00:00Z",
    )
    assert (cook.moment("lastModified"), cook.moment("lastPublished")) == (MODIFIED, PUBLISHED)
    assert (third.moment("lastModified"), third.moment("lastPublished")) == ("2022-07-05T14:42:21Z", PUBLISHED)


def test_white_space_in_texts_is_preserved(write_workbook: WriteWorkbook) -> None:
    (baker,) = read_workbook(write_workbook({MAIN: [profile(title=" Bakker\n")]})).profiles

    assert baker.texts["title"]["nl"] == " Bakker\n"


SHEETS = {
    "names": "Occ.Prof - Alt.Names 3.26",
    "codes": "Occ.Prof - Codes 3.26",
    "soft": "Occ.Prof - Soft Skills 3.26",
    "essential": "Occ.Prof - Essential Competence",
    "sets": "Occ.Prof - Competentiesets 3.26",
}


@pytest.mark.parametrize(
    ("sheet", "row", "reason"),
    [
        ("names", of(COOK, uuid(1), "AN-1", "nl", "Kok"), f"there is no profile {COOK} on the sheet"),
        ("names", of("", uuid(1), "AN-1", "nl", "Kok"), "the profile's uuid is missing"),
        ("names", of("OP-1", uuid(1), "AN-1", "nl", "Kok"), "the profile's uuid 'OP-1' is not a UUID"),
        ("names", of(BAKER, None, "AN-1", "nl", "Kok"), "the name's uuid is missing"),
        ("names", of(BAKER, uuid(1)[:-1], "AN-1", "nl", "Kok"), "is not a UUID"),
        ("names", of(BAKER, uuid(1), None, "nl", "Kok"), "the name's code is missing"),
        ("names", of(BAKER, uuid(1), "AN-1", "es", "Panadero"), "unknown language 'es' (known: nl, fr, en, de)"),
        ("names", of(BAKER, uuid(1), "AN-1", "nl"), "the name is missing"),
        ("names", [BAKER, "OP-1"], "the name's uuid is missing"),
        ("codes", of(BAKER, "ISCO08"), "the value of the code is missing"),
        ("soft", of(BAKER, uuid(1), None, uuid(2), "Plannen"), "the code is missing"),
        ("essential", of(BAKER, "x", *SKILL[1:]), "the competence's uuid 'x' is not a UUID"),
        ("essential", of(BAKER, OVEN, None, *SKILL[2:]), "the competence's code is missing"),
        (
            "essential",
            of(BAKER, *SKILL[:2], "attitude", *SKILL[3:]),
            "unknown block type 'attitude' (known: skill, know",
        ),
        ("essential", of(BAKER, *SKILL[:2], None, *SKILL[3:]), "the block type is missing"),
        ("essential", of(BAKER, *SKILL[:3], None, *SKILL[4:]), "the uuid is missing"),
        ("essential", of(BAKER, *SKILL[:4]), "the code is missing"),
        ("essential", of(BAKER, *SKILL[:3], uuid(8), "SK-8", "Stoven"), "CP-1 already has the skill SK-1"),
        ("sets", of(BAKER, uuid(1), "CS-1", "n", "n", "", "", "KNOWLEDGE", "KN-1"), "unknown block type 'KNOWLEDGE'"),
        ("sets", of(BAKER, uuid(1), "CS-1", "n", "n", "", "", "SKILL"), "the skill's code is missing"),
    ],
)
def test_an_invalid_row_is_reported_with_sheet_row_and_reason(
    write_workbook: WriteWorkbook, sheet: str, row: list[Any], reason: str
) -> None:
    good = {"essential": [of(BAKER, *SKILL)]}.get(sheet, [])
    path = write_workbook({MAIN: [profile()], SHEETS[sheet]: [*good, row]})

    with pytest.raises(WorkbookError) as error:
        read_workbook(path)

    (fault,) = error.value.faults
    assert (fault.sheet, fault.row) == (SHEETS[sheet], len(good) + 2)
    assert reason in fault.reason
    assert fault.column in "AEFGHIKLM"
    assert str(error.value) == (
        f"export.xlsx: one row cannot be read:\n  {fault.sheet}, row {fault.row}, column {fault.column}: {fault.reason}\n"
        "Correct the file, or skip these rows with --lenient (COMPETENT_LENIENT=on)."
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (profile(uuid="?"), "the profile's uuid '?' is not a UUID"),
        (profile(COOK, ""), "the profile's code is missing"),
        (profile(COOK)[:1], "the profile's code is missing"),
        (profile(BAKER), f"the profile {BAKER} is here twice"),
        ([*profile(COOK)[:14], "gisteren", PUBLISHED], "'gisteren' is not a date"),
    ],
)
def test_an_invalid_profile_is_reported(write_workbook: WriteWorkbook, row: list[Any], reason: str) -> None:
    with pytest.raises(WorkbookError) as error:
        read_workbook(write_workbook({MAIN: [profile(), row]}))

    assert error.value.faults == [BadRow(MAIN, 3, reason)]


def test_an_invalid_profile_is_reported_once_across_sheets(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({MAIN: [profile(code="")], SHEETS["codes"]: [of(BAKER, "ISCO08", "7512")]})

    with pytest.raises(WorkbookError) as error:
        read_workbook(path)

    assert error.value.faults == [BadRow(MAIN, 2, "the profile's code is missing")]


def test_all_invalid_rows_are_counted_and_the_first_twenty_described(write_workbook: WriteWorkbook) -> None:
    names = [of(BAKER, uuid(n), f"AN-{n}", "xx", "x") for n in range(24)]
    path = write_workbook({MAIN: [profile(), ["x"]], "Occ.Prof - Alt.Names 3.26": names})

    with pytest.raises(WorkbookError) as error:
        read_workbook(path)

    assert len(error.value.faults) == 25
    lines = str(error.value).splitlines()
    assert lines[0] == "export.xlsx: 25 rows cannot be read:"
    assert lines[1] == f"  {MAIN}, row 3, column A: the profile's uuid 'x' is not a UUID"
    assert lines[2] == "  Occ.Prof - Alt.Names 3.26, row 2, column G: unknown language 'xx' (known: nl, fr, en, de)"
    assert lines[21:-1] == ["  … and 5 more (5 on 'Occ.Prof - Alt.Names 3.26')"]
    assert "--lenient" in lines[-1]


def test_row_numbers_equal_those_of_excel(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({MAIN: [profile(), [], [""], ["x"]]}, headings_at=2)

    with pytest.raises(WorkbookError) as error:
        read_workbook(path)

    assert [fault.row for fault in error.value.faults] == [7]


@pytest.mark.parametrize("content", [b"", b"uuid,code\n", b"PK\x03\x04 half a zip", bytes(range(256)) * 40])
@pytest.mark.parametrize("name", ["export-3.26.xlsx", "export-3.26.csv", "export-3.26.xls"])
def test_the_error_for_a_file_of_another_kind_names_the_expected_one(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(
        WorkbookError, match="an Excel export of Competent is expected, with a sheet 'Occupational Prof"
    ):
        read_workbook(tmp_path / name)


def test_a_truncated_workbook_is_refused_with_a_message(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({MAIN: [profile()]})
    path.write_bytes(path.read_bytes()[:-500])

    with pytest.raises(WorkbookError, match="cannot be read as a workbook"):
        read_workbook(path)


def test_the_error_for_another_workbook_lists_its_sheets(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({"Sheet1": [["a"]], "Budget": [["b"]]}, "budget.xlsx")

    with pytest.raises(WorkbookError) as error:
        read_workbook(path)

    assert "\n" not in str(error.value)
    assert str(error.value).endswith("but this has 'Sheet1', 'Budget'")
    assert "'Occupational Profiles'" in str(error.value)


@pytest.mark.parametrize("name", ["nowhere.xlsx", "."])
def test_a_missing_file_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkbookError):
        read_workbook(tmp_path / name)


def test_progress_is_reported_by_sheet_and_row(write_workbook: WriteWorkbook) -> None:
    names = [of(BAKER, uuid(n), f"AN-{n}", "nl", f"Bakker {n}") for n in range(5001)]
    messages: list[tuple[str, int, int]] = []

    read_workbook(
        write_workbook({MAIN: [profile()], "Occ.Prof - Alt.Names 3.26": names}), lambda *args: messages.append(args)
    )

    assert messages == [
        (MAIN, 0, 0),
        (MAIN, 1, 1),
        ("Occ.Prof - Alt.Names 3.26", 0, 0),
        ("Occ.Prof - Alt.Names 3.26", 5000, 5001),
        ("Occ.Prof - Alt.Names 3.26", 5001, 5001),
    ]


# Workbooks of real size, compared with their own rows.


class Rows:
    """A workbook's rows, read without the code under test."""

    def __init__(self, path: Path) -> None:
        book = CalamineWorkbook.from_path(path)
        self._rows = {name: book.get_sheet_by_name(name).to_python()[1:] for name in book.sheet_names}

    def __getitem__(self, start: str) -> list[list[Any]]:
        return next(rows for name, rows in self._rows.items() if name.startswith(start))

    def of(self, owner: str, start: str) -> list[list[Any]]:
        return [row[4:] for row in self[start] if row[0] == owner]


def distinct_values(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


@pytest.mark.real
@pytest.mark.parametrize("number", ["3.26", "3.27"])
def test_a_workbook_of_real_size_is_served_exactly(number: str, tmp_path: Path) -> None:
    path = SHARED / f"competent-export-{number}.xlsx"
    if not path.exists():
        pytest.skip(f"there is no {path}: the workbooks of real size are not part of the project")
    rows = Rows(path)

    documents = open_workbook(path, tmp_path)

    try:
        competence_rows = rows["Occ.Prof - Essential"] + rows["Occ.Prof - Optional"]
        assert documents.number == number
        assert documents.count(PROFILES) == len(rows["Occupational Profiles"])
        assert documents.count(COMPETENCES) == len({row[4] for row in competence_rows})
        for row in (rows["Occupational Profiles"][at] for at in (0, 320, -1)):
            assert_profile(orjson.loads(documents.document(PROFILES, row[0]) or b""), row, rows)
        for uuid in distinct_values(row[4] for row in competence_rows)[:: len(competence_rows) // 100]:
            assert_competence(orjson.loads(documents.document(COMPETENCES, uuid) or b""), competence_rows)
            used = {orjson.loads(item)["id"] for item in documents.used_in(uuid)}
            assert used == {row[0] for row in competence_rows if row[4] == uuid}
    finally:
        documents.close()


def assert_profile(body: dict[str, Any], row: list[Any], rows: Rows) -> None:
    uuid = row[0]
    languages = ("nl", "fr", "en", "de")
    assert body["code"] == row[1]
    for key, first in (("title", 2), ("description", 6), ("workingContext", 10)):
        assert body[key] == {language: row[first + at] or None for at, language in enumerate(languages)}
    assert (body["lastModified"], body["lastPublished"]) == tuple(row[14:16])
    names = [tuple(cells) for cells in rows.of(uuid, "Occ.Prof - Alt")]
    assert [(one["id"], one["code"], one["language"], one["name"]) for one in body["alternativeNames"]] == names
    assert [[one["type"], one["value"]] for one in body["codes"]] == rows.of(uuid, "Occ.Prof - Codes")
    for key, sheet in (
        ("softSkills", "Occ.Prof - Soft"),
        ("digitalSkills", "Occ.Prof - Digital"),
        ("proofsOfLearning", "Occ.Prof - Proofs"),
        ("economicSectors", "Occ.Prof - Econ"),
        ("areasOfInterest", "Occ.Prof - Areas"),
        ("essentialCompetences", "Occ.Prof - Essential"),
        ("specificCompetences", "Occ.Prof - Optional"),
    ):
        expected = distinct_values((cells[0], cells[1]) for cells in rows.of(uuid, sheet))
        assert [(one["id"], one["code"]) for one in body[key]] == expected, key
    sets: dict[str, list[str]] = defaultdict(list)
    for cells in rows.of(uuid, "Occ.Prof - Competentiesets"):
        sets[cells[1]].append(cells[7])
    assert {one["code"]: [skill["code"] for skill in one["skills"]] for one in body["competenceSets"]} == {
        code: distinct_values(skills) for code, skills in sets.items()
    }


def assert_competence(body: dict[str, Any], rows: list[list[Any]]) -> None:
    blocks = distinct_values(tuple(row[6:]) for row in rows if row[4] == body["id"])
    for key, type_name in (("knowledgeItems", "knowledge"), ("behaviouralIndicators", "behavioural indicator")):
        expected = [(uuid, code, nl or None, fr or None) for type_, uuid, code, nl, fr in blocks if type_ == type_name]
        assert [values_of(one) for one in body[key]] == expected
    assert [values_of(body["skill"])] == [
        (uuid, code, nl or None, fr or None) for type_, uuid, code, nl, fr in blocks if type_ == "skill"
    ]


def values_of(block: dict[str, Any]) -> tuple[str, str, str | None, str | None]:
    return block["id"], block["code"], block["description"]["nl"], block["description"]["fr"]
