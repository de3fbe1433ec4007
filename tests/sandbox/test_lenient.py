"""Unusable rows: omitted and reported with `lenient`, in bounded detail."""

import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
import xlsxwriter

from graphql_api.sandbox import WorkbookError
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.releases import Releases, open_workbook
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES
from tests.sandbox.conftest import WriteWorkbook
from tests.sandbox.rows import BAKER, COOK, MAIN, OVEN, PUBLISHED, SKILL, STEW, of, profile, uuid

ESSENTIAL = "Occ.Prof - Essential Competence"
CODES = "Occ.Prof - Codes 3.26"
NEXT_YEAR = of(BAKER, OVEN, "CP-1", "attitude", uuid(90), "AT-1", "Rustig", None)


def blocks(*more: list[Any]) -> dict[str, list[list[Any]]]:
    return {MAIN: [profile()], ESSENTIAL: [of(BAKER, *SKILL), *more]}


def test_an_unknown_block_type_is_omitted_from_its_competence(write_workbook: WriteWorkbook) -> None:
    release = read_workbook(write_workbook(blocks(NEXT_YEAR)), lenient=True)

    (competence,) = release.competences
    assert competence.embedded() == competence.concepts("skill") != ()
    assert release.left_out == 1
    assert release.notes[:2] == (
        "export.xlsx: 1 row skipped:",
        f"  {ESSENTIAL}, row 3, column G: unknown block type 'attitude' (known: skill, knowledge, behavioural indicator)",
    )


def test_a_competence_with_only_unusable_rows_is_omitted(write_workbook: WriteWorkbook) -> None:
    other = of(BAKER, STEW, "CP-2", "attitude", uuid(90), "AT-1", "Rustig", None)

    release = read_workbook(write_workbook(blocks(other)), lenient=True)

    assert [competence.code for competence in release.competences] == ["CP-1"]
    assert release.profiles[0].concepts("essentialCompetences") == release.competences


def test_an_unreadable_profile_is_omitted_with_all_its_rows(write_workbook: WriteWorkbook) -> None:
    path = write_workbook(
        {
            MAIN: [profile(), profile(COOK, "")],
            CODES: [of(COOK, "ISCO08", "5120"), of(BAKER, "ISCO08", "7512")],
            ESSENTIAL: [of(COOK, *SKILL)],
        }
    )

    release = read_workbook(path, lenient=True)

    assert [profile.uuid for profile in release.profiles] == [BAKER]
    assert release.left_out == 1
    assert [note for note in release.notes if "row" in note][
        1
    ] == f"  {MAIN}, row 3, column B: the profile's code is missing"


def test_an_unreadable_date_is_null_and_its_profile_is_served(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({MAIN: [[*profile()[:14], "25/06/2026", PUBLISHED]]})

    release = read_workbook(path, lenient=True)

    assert release.profiles[0].values == {"lastModified": None, "lastPublished": PUBLISHED}
    assert release.left_out == 1
    assert release.notes[1] == f"  {MAIN}, row 2, column O: '25/06/2026' is not a date"


def test_twenty_omitted_rows_are_named_and_the_others_counted(write_workbook: WriteWorkbook) -> None:
    release = read_workbook(write_workbook(blocks(*[NEXT_YEAR] * 5000)), lenient=True)

    rows = [note for note in release.notes if note.startswith("  ")]
    assert release.left_out == 5000
    assert len(rows) == 21
    assert rows[-1] == f"  … and 4,980 more (4,980 on '{ESSENTIAL}')"


def test_an_error_quotes_a_cell_shortened_on_one_line(write_workbook: WriteWorkbook) -> None:
    code = "CP-9\n2026 ERROR \x1b[2J" + "x" * 5000

    with pytest.raises(WorkbookError) as error:
        read_workbook(write_workbook(blocks(of(BAKER, OVEN, code, "skill", uuid(7), "SK-1", "Brood", None))))

    (fault,) = error.value.faults
    assert fault.reason.isprintable()
    assert len(fault.reason) == 300


def test_the_error_names_the_lenient_option(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    with pytest.raises(WorkbookError) as error:
        open_workbook(write_workbook(blocks(NEXT_YEAR)), tmp_path / "cache")

    assert f"{ESSENTIAL}, row 3, column G: unknown block type 'attitude'" in str(error.value)
    assert "--lenient" in str(error.value)
    assert [(fault.row, fault.column) for fault in error.value.faults] == [(3, "G")]


def test_a_workbook_without_usable_profiles_is_an_error(write_workbook: WriteWorkbook) -> None:
    with pytest.raises(WorkbookError, match="no row of the sheet 'Occupational Profiles' has a profile"):
        read_workbook(write_workbook({MAIN: [profile(uuid="?")]}), lenient=True)
    with pytest.raises(WorkbookError, match="no row of the sheet 'Occupational Profiles' has a profile"):
        read_workbook(write_workbook({MAIN: []}))


def test_omitted_rows_are_reported_at_each_start(
    write_workbook: WriteWorkbook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_workbook(blocks(NEXT_YEAR))

    for _ in range(2):
        caplog.clear()
        with closing(Releases([open_workbook(path, tmp_path / "cache", lenient=True)])) as releases:
            assert releases.describe().endswith("; rows skipped: 1")
        messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert messages[0] == "export.xlsx: 1 row skipped:"
        assert messages[1].startswith(f"  {ESSENTIAL}, row 3, column G: unknown block type")


def test_a_lenient_conversion_is_not_served_in_strict_mode(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook(blocks(NEXT_YEAR))
    open_workbook(path, tmp_path / "cache", lenient=True).close()

    with pytest.raises(WorkbookError, match="unknown block type"):
        open_workbook(path, tmp_path / "cache")


def test_a_valid_workbook_is_converted_once_for_both_modes(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path, messages = write_workbook(blocks()), list[str]()
    open_workbook(path, tmp_path / "cache", lenient=True).close()

    with closing(open_workbook(path, tmp_path / "cache", lambda what, done, total: messages.append(what))) as documents:
        assert (documents.left_out, documents.count(PROFILES), documents.count(COMPETENCES)) == (0, 1, 1)
    assert messages == []


def test_lenient_mode_works_without_a_cache_folder(write_workbook: WriteWorkbook) -> None:
    with closing(open_workbook(write_workbook(blocks(NEXT_YEAR)), None, lenient=True)) as documents:
        (item,) = documents.items(PROFILES)
        assert orjson.loads(item)["id"] == BAKER
        assert documents.left_out == 1


@pytest.mark.parametrize(
    ("column", "value"), [(2, "title"), (7, "description"), (1, "code"), (15, "day")], ids=lambda value: str(value)
)
@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#NAME?"])
def test_a_formula_error_is_reported_and_never_null(tmp_path: Path, column: int, value: str, error: str) -> None:
    with xlsxwriter.Workbook(tmp_path / "export.xlsx") as book:
        sheet = book.add_worksheet(MAIN)
        sheet.write_row(0, 0, [f"Heading {n}" for n in range(16)])
        sheet.write_row(1, 0, profile())
        sheet.write_formula(1, column, "=VLOOKUP(A1,B:C,2,0)", None, error)
        sheet.write_row(2, 0, profile(COOK, "OP-2"))

    with pytest.raises(WorkbookError) as raised:
        read_workbook(tmp_path / "export.xlsx")

    (fault,) = raised.value.faults
    assert (fault.row, fault.column, fault.reason) == (
        2,
        "ABCDEFGHIJKLMNOP"[column],
        f"the cell contains the error {error}",
    )


def test_a_formula_is_read_as_its_value(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "export.xlsx") as book:
        sheet = book.add_worksheet(MAIN)
        sheet.write_row(0, 0, [f"Heading {n}" for n in range(16)])
        sheet.write_row(1, 0, profile())
        sheet.write_formula(1, 2, '=UPPER("bakker")', None, "BAKKER")

    assert read_workbook(tmp_path / "export.xlsx").profiles[0].texts["title"]["nl"] == "BAKKER"


@pytest.mark.parametrize("blank", [" ", "\xa0", "\n\t", "\u200b", " \u2003 "])
def test_a_trailing_row_of_white_space_is_ignored(write_workbook: WriteWorkbook, blank: str) -> None:
    path = write_workbook({MAIN: [profile(), [blank, None, blank]], CODES: [of(BAKER, "ISCO08", "7512"), [blank] * 6]})

    release = read_workbook(path)

    assert (len(release.profiles), release.profiles[0].related["classifications"]) == (1, (("ISCO08", "7512"),))


def test_one_uuid_with_two_codes_is_an_error(write_workbook: WriteWorkbook) -> None:
    second = of(BAKER, OVEN, "CP-9", "knowledge", uuid(8), "KN-8", "baktechnieken", None)
    block = of(BAKER, OVEN, "CP-1", "knowledge", uuid(7), "KN-7", "baktechnieken", None)

    with pytest.raises(WorkbookError) as error:
        read_workbook(write_workbook(blocks(second, block)))

    assert [(fault.row, fault.column, fault.reason) for fault in error.value.faults] == [
        (3, "F", f"{OVEN} already has the code CP-1 and cannot also have CP-9"),
        (4, "I", f"{uuid(7)} already has the code SK-1 and cannot also have KN-7"),
    ]


@pytest.mark.parametrize("spelling", ["Behavioural Indicator", "behaviouralindicator", "BEHAVIOURAL_INDICATOR"])
def test_a_block_type_is_read_in_each_spelling_of_competent(write_workbook: WriteWorkbook, spelling: str) -> None:
    row = of(BAKER, OVEN, "CP-1", spelling, uuid(9), "BI-1", "Stelt de oven in", None)

    (competence,) = read_workbook(write_workbook(blocks(row))).competences
    assert [concept.code for concept in competence.concepts("behaviouralIndicators")] == ["BI-1"]


def test_a_numeric_isco_code_regains_its_leading_zeros(write_workbook: WriteWorkbook) -> None:
    codes = [of(BAKER, "ISCO08", 110), of(BAKER, "ISCO08", "0210"), of(BAKER, "NACE", 110), of(BAKER, "ISCO08", 7512.0)]

    (baker,) = read_workbook(write_workbook({MAIN: [profile()], CODES: codes})).profiles
    assert baker.related["classifications"] == (
        ("ISCO08", "0110"),
        ("ISCO08", "0210"),
        ("NACE", "110"),
        ("ISCO08", "7512"),
    )


def test_uuids_are_case_insensitive(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({MAIN: [profile(BAKER.upper())], CODES: [of(f" {BAKER.upper()}", "ISCO08", "7512")]})

    (baker,) = read_workbook(path).profiles
    assert (baker.uuid, baker.related["classifications"]) == (BAKER, (("ISCO08", "7512"),))
