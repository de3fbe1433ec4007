"""Finding the sheets, columns and release number of a workbook."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from graphql_api.sandbox import WorkbookError
from graphql_api.sandbox.columns import release_number, release_number_of_file
from graphql_api.sandbox.excel import read_workbook
from tests.sandbox.conftest import WriteWorkbook
from tests.sandbox.rows import BAKER, COOK, MAIN, of, profile, uuid

HEADINGS = [
    *("Id", "Code", "Title NL", "Title FR", "Title EN", "Title DE"),
    *(f"{text} {language}" for text in ("Description", "Working context") for language in ("NL", "FR", "EN", "DE")),
    *("Last modified", "Last published"),
]
OWNER = ["Id", "Code", "Title NL", "Title FR"]


def write(path: Path, sheets: dict[str, list[Sequence[Any]]], hidden: Sequence[str] = ()) -> Path:
    """Rows as they are, headings included."""
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
            if name in hidden:
                sheet.hide()
    return path


def test_columns_in_another_order_are_found_by_their_headings(tmp_path: Path) -> None:
    order = [15, *range(14, -1, -1)]
    rows = [[item[position] for position in order] for item in (HEADINGS, profile())]

    (baker,) = read_workbook(write(tmp_path / "export.xlsx", {MAIN: rows})).profiles

    assert (baker.uuid, baker.code) == (BAKER, "OP-1")
    assert baker.texts["title"] == {"nl": "Bakker", "fr": "Boulanger", "en": "Baker", "de": "Bäcker"}
    assert baker.texts["workingContext"]["de"] == "w de"


def test_additional_columns_are_ignored(tmp_path: Path) -> None:
    added = [[*row[:6], extra, *row[6:], extra] for row, extra in ((HEADINGS, "Title ES"), (profile(), "Panadero"))]
    names = [
        [*OWNER, "Region", "Id", "Code", "Title NL", "Title FR"],
        [BAKER, "OP-1", "Bakker", "Boulanger", "BE", uuid(3), "ES-1", "Voeding", "Alimentation"],
    ]

    path = write(tmp_path / "export.xlsx", {MAIN: added, "Occ.Prof - Econ.Sectors 3.26": names})
    (baker,) = read_workbook(path).profiles

    assert baker.texts["description"]["nl"] == "d nl"
    (sector,) = baker.terms("economicSectors")
    assert (sector.uuid, sector.code, sector.title["nl"], sector.title["fr"]) == (
        uuid(3),
        "ES-1",
        "Voeding",
        "Alimentation",
    )


def test_headings_are_found_below_a_title(tmp_path: Path) -> None:
    rows = [["Competent 3.26"], [], HEADINGS, profile(), ["x"]]

    with pytest.raises(WorkbookError) as error:
        read_workbook(write(tmp_path / "export.xlsx", {MAIN: rows}))

    assert [(fault.row, fault.column) for fault in error.value.faults] == [(5, "A")]


def test_an_error_names_a_column_by_its_letter_in_the_file(tmp_path: Path) -> None:
    rows = [["", "Remark", *item] for item in (HEADINGS, profile(code=""))]
    rows[0][:2] = "", "Remark"

    with pytest.raises(WorkbookError, match=r"row 2, column D: the profile's code is missing"):
        read_workbook(write(tmp_path / "export.xlsx", {MAIN: rows}))


def test_misplaced_headings_beside_unknown_ones_are_refused(tmp_path: Path) -> None:
    swapped = [*HEADINGS[:2], "Title FR", "Title NL", *HEADINGS[4:15], "Published"]

    with pytest.raises(
        WorkbookError, match=r"3\.26, column D: the heading 'Title NL' stands where 'Title FR' is expected"
    ):
        read_workbook(write(tmp_path / "export.xlsx", {MAIN: [swapped, profile()]}))


def test_a_hidden_sheet_is_read_only_if_no_visible_one_has_its_name(tmp_path: Path) -> None:
    old, codes = "Occupational Profiles 3.25", "Occ.Prof - Codes 3.26"
    sheets: dict[str, list[Sequence[Any]]] = {
        MAIN: [HEADINGS, profile()],
        old: [HEADINGS, profile(COOK, "OP-2")],
        codes: [[*OWNER, "Type", "Value"], of(BAKER, "ISCO08", "7512")],
    }

    release = read_workbook(write(tmp_path / "export.xlsx", sheets, hidden=[old, codes]))

    assert release.number == "3.26"
    assert [(profile.uuid, profile.related["classifications"]) for profile in release.profiles] == [
        (BAKER, (("ISCO08", "7512"),))
    ]


def test_sheets_of_two_releases_in_one_workbook_are_refused(write_workbook: WriteWorkbook) -> None:
    with pytest.raises(WorkbookError, match="are sheets of several releases; keep those of one"):
        read_workbook(write_workbook({MAIN: [profile()], "Occupational Profiles 3.27": [profile()]}))


def test_sheets_that_are_missing_are_named(write_workbook: WriteWorkbook) -> None:
    release = read_workbook(write_workbook({MAIN: [profile()], "Occ.Prof - Codes 3.26": []}))

    (note,) = release.notes
    assert note.startswith("export.xlsx: no sheet 'Occ.Prof - Alt.Names', 'Occ.Prof - Essential Competence',")
    assert "Codes" not in note


def test_merged_cells_have_their_value_in_the_first_row_only(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "export.xlsx") as book:
        book.add_worksheet(MAIN).write_row(1, 0, profile())
        book.get_worksheet_by_name(MAIN).write_row(0, 0, HEADINGS)
        sheet = book.add_worksheet("Occ.Prof - Codes 3.26")
        sheet.write_row(0, 0, [*OWNER, "Type", "Value"])
        sheet.write_row(1, 4, ["ISCO08", "7512"])
        sheet.write_row(2, 4, ["ISCO08", "7513"])
        sheet.merge_range(1, 0, 2, 0, BAKER)

    with pytest.raises(WorkbookError, match=r"row 3, column A: the profile's uuid is missing"):
        read_workbook(tmp_path / "export.xlsx")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("competent-export-3.27.xlsx", "3.27"),
        ("3.27 (20260625).xlsx", "3.27"),
        ("competent-3.27-2026-06-25.xlsx", "3.27"),
        ("2026-06-25 competent 3.27.1.xlsx", "3.27.1"),
        ("20260625_v4.0_final.xlsx", "4.0"),
        ("competent-export-3.27 (1).xlsx", "3.27"),
        ("competent-export-2026-06-25.xlsx", None),
        ("competent-2026.06.25.xlsx", None),
        ("competent-25.06.2026.xlsx", None),
        ("competent-25.6.2026.xlsx", None),
        ("competent 20260625.xlsx", None),
        ("competent-2026.xlsx", None),
        ("competent-3.26-3.27.xlsx", None),
        ("competent.xlsx", None),
    ],
)
def test_a_date_in_a_file_name_is_not_a_release_number(name: str, number: str | None) -> None:
    assert release_number_of_file(name) == number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (" 3.27", "3.27"),
        (" 4", "4"),
        (" 3.27 (2)", "3.27"),
        (" v3.27.1 ", "3.27.1"),
        (" 2026", None),
        (" 20260625", None),
        (" 25.06.2026", None),
        (" 2026-06-25", None),
        ("", None),
    ],
)
def test_a_date_in_a_sheet_name_is_not_a_release_number(name: str, number: str | None) -> None:
    assert release_number(name) == number


def test_a_workbook_with_only_a_date_is_refused(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({"Occupational Profiles": [profile()]}, "competent-export-2026-06-25.xlsx")

    with pytest.raises(WorkbookError, match=r"no release number.*; a date is not a release number"):
        read_workbook(path)
