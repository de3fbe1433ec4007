"""Files that are not Competent workbooks, or hostile ones: each gives an error message, and the process continues."""

import io
import os
import struct
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from graphql_api.sandbox import WorkbookError, conversion, package, workbook_releases
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.releases import open_workbook
from graphql_api.sandbox.serializers import PROFILES
from tests.sandbox.conftest import WriteWorkbook
from tests.sandbox.rows import BAKER, MAIN, of, profile, uuid

CODES = "Occ.Prof - Codes 3.26"
WORKSHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def rezip(path: Path, replaced: dict[str, str | bytes]) -> Path:
    """The same workbook with other parts."""
    with zipfile.ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for name, content in (parts | replaced).items():
            after.writestr(name, content)
    return path


def far_away(path: Path, title: str = MAIN) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet(MAIN)
        for row, cells in enumerate(([f"Heading {n}" for n in range(16)], profile())):
            sheet.write_row(row, 0, cells)
        if title != MAIN:
            sheet = book.add_worksheet(title)
        sheet.write(1_048_575, 16_383, "x")
    return path


def test_a_cell_in_the_last_corner_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match=r"the sheet 'Occupational Profiles 3\.26' reaches to the cell XFD1048576"):
        read_workbook(far_away(tmp_path / "export.xlsx"))


def test_a_distant_cell_on_an_unread_sheet_is_ignored(tmp_path: Path) -> None:
    assert len(read_workbook(far_away(tmp_path / "export.xlsx", "Notes")).profiles) == 1


def test_cell_formats_alone_do_not_extend_a_sheet(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "export.xlsx") as book:
        sheet = book.add_worksheet(MAIN)
        sheet.write_row(0, 0, [f"Heading {n}" for n in range(16)])
        sheet.write_row(1, 0, profile())
        sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True}))

    assert len(read_workbook(tmp_path / "export.xlsx").profiles) == 1


def test_a_crashed_parser_process_is_a_clear_error(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    """A distant cell whose address the preliminary check does not parse."""
    path = write_workbook({MAIN: [profile()], CODES: [of(BAKER, "ISCO08", "7512")]})
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r = "XFD1048576"><v>1</v></c></row>'
    rezip(path, {"xl/worksheets/sheet2.xml": f"{WORKSHEET}<sheetData>{rows}</sheetData></worksheet>"})

    with pytest.raises(WorkbookError, match=r"export\.xlsx: reading it took more than 4 GB of memory"):
        open_workbook(path, tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the system")
def test_a_conversion_has_bounded_memory(
    write_workbook: WriteWorkbook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_workbook({MAIN: [profile()]})
    monkeypatch.setattr(conversion, "MEMORY", 20_000_000)

    with pytest.raises(WorkbookError, match="of memory"):
        open_workbook(path, tmp_path / "cache")


def test_a_process_that_cannot_start_is_a_clear_error(
    write_workbook: WriteWorkbook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))

    with pytest.raises(WorkbookError, match="cannot start a process to read workbooks"):
        open_workbook(write_workbook({MAIN: [profile()]}), tmp_path / "cache")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/media/image1.png"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    write_workbook: WriteWorkbook, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    path = rezip(write_workbook({MAIN: [profile()]}), {part: bytes(3_000_000)})
    monkeypatch.setattr(package, "MAX_CONTENT_BYTES", 2_000_000)

    with pytest.raises(WorkbookError, match=r"unpacks to 3,\d+,\d+ bytes; the limit is 2,000,000"):
        read_workbook(path)


def test_a_part_larger_than_its_declared_size_is_refused(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = rezip(write_workbook({MAIN: [profile()]}), {"xl/worksheets/sheet1.xml": bytes(5_000_000)})
    said = struct.pack("<I", 5_000_000)
    path.write_bytes(path.read_bytes().replace(said, struct.pack("<I", 500)))

    with pytest.raises(WorkbookError):
        open_workbook(path, tmp_path / "cache")


def test_a_file_that_is_too_large_is_not_read(write_workbook: WriteWorkbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_FILE_BYTES", 1000)

    with pytest.raises(WorkbookError, match="the limit is 1,000"):
        read_workbook(write_workbook({MAIN: [profile()]}))


def archive(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


CFB = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"uuid;code\n1;2\n", "it is text"),
        (CFB, r"is a workbook of Excel 97 to 2003 \(\.xls\); save it as \.xlsx"),
        (CFB + "EncryptedPackage".encode("utf-16-le"), "is protected by a password"),
        (archive(content_dot_xml=b"<x/>"), r"is an OpenDocument spreadsheet \(\.ods\)"),
        (archive(xl__workbook_dot_bin=b"x"), r"is a binary workbook \(\.xlsb\)"),
        (archive(export_dot_xlsx=b"x"), "is a zip archive of other files"),
        (archive(xl__workbook_dot_xml=b"<workbook/>"), "cannot be read as a workbook"),
    ],
)
def test_a_file_of_another_type_with_the_suffix_of_a_workbook_is_named(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "export-3.26.xlsx").write_bytes(content)

    with pytest.raises(WorkbookError, match=rf"export-3\.26\.xlsx: an Excel export of Competent is expected.*{reason}"):
        read_workbook(tmp_path / "export-3.26.xlsx")


def test_a_lock_file_of_excel_is_named(tmp_path: Path) -> None:
    (tmp_path / "~$export.xlsx").write_bytes(b"\x05Bakker")

    with pytest.raises(WorkbookError, match=r"is the lock file of a workbook that is open in Excel; pass export\.xlsx"):
        read_workbook(tmp_path / "~$export.xlsx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "export.xlsx")

    with pytest.raises(WorkbookError, match="is not a file"):
        read_workbook(tmp_path / "export.xlsx")


def test_a_workbook_with_macros_is_read(write_workbook: WriteWorkbook) -> None:
    assert read_workbook(write_workbook({MAIN: [profile()]}, "export.xlsm")).number == "3.26"


def test_a_folder_is_read_as_its_workbooks(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    for number in ("3.9", "3.10", "4"):
        write_workbook({f"Occupational Profiles {number}": [profile()]}, f"exports/{number}.xlsx")
    for other in ("~$3.10.xlsx", ".hidden.xlsx", "readme.txt"):
        (tmp_path / "exports" / other).write_text("x")

    with closing(workbook_releases([tmp_path / "exports"], tmp_path / "cache")) as releases:
        assert releases.numbers == ("4", "3.10", "3.9")


def test_a_folder_without_workbooks_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match=r"no export \(\.xlsx or \.ndjson\) in this folder"):
        workbook_releases([tmp_path], tmp_path / "cache")


def test_a_workbook_that_changes_during_reading_is_reread(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook({MAIN: [profile()]})
    changed: list[int] = []

    def change_once(what: str, done: int, total: int) -> None:
        if what == PROFILES and not changed:
            changed.append(1)
            write_workbook({MAIN: [profile(), profile(uuid(2), "OP-2")]})

    with closing(open_workbook(path, tmp_path / "cache", change_once)) as documents:
        assert documents.count(PROFILES) == 2


def test_a_workbook_that_changes_repeatedly_is_a_clear_error(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path, times = write_workbook({MAIN: [profile()]}), iter(range(1, 100))

    def change(what: str, done: int, total: int) -> None:
        os.utime(path, (next(times),) * 2)

    with pytest.raises(WorkbookError, match="the file changed while it was read"):
        open_workbook(path, tmp_path / "cache", change)


def test_a_sheet_of_another_program_without_dimension_or_addresses_is_read(write_workbook: WriteWorkbook) -> None:
    path = write_workbook({MAIN: [profile()]})
    headings = [f"Heading {number}" for number in range(16)]
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    rows = "".join(f"<row>{''.join(map(cell.format, cells))}</row>" for cells in (headings, profile()))
    rezip(path, {"xl/worksheets/sheet1.xml": f"{WORKSHEET}<sheetData>{rows}</sheetData></worksheet>"})

    (baker,) = read_workbook(path).profiles
    assert baker.texts["title"]["nl"] == "Bakker"


def cells_of(*values: Any) -> list[Any]:
    return [*profile()[:14], *values]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (20260625, "2026-06-25T00:00:00Z"),
        ("20260625", "2026-06-25T00:00:00Z"),
        (" 20260625 ", "2026-06-25T00:00:00Z"),
        (46198, "2026-06-25T00:00:00Z"),
        ("46198", "2026-06-25T00:00:00Z"),
        (46198.5, "2026-06-25T12:00:00Z"),
        (datetime(2026, 6, 25, 23, 59, 59, 999000), "2026-06-25T23:59:59.999Z"),
        ("2026-06-25", "2026-06-25T00:00:00Z"),
        ("2026-06-25T17:08:15.29Z", "2026-06-25T17:08:15.29Z"),
        ("2026/06/25", "2026-06-25T00:00:00Z"),
        ("2026-06-25T02:00:00+02:00", "2026-06-25T00:00:00Z"),
        ("2026-06-25 00:00", "2026-06-25T00:00:00Z"),
        ("\xa0", None),
    ],
)
def test_dates_are_read_in_every_written_form(write_workbook: WriteWorkbook, cell: Any, expected: str | None) -> None:
    (baker,) = read_workbook(write_workbook({MAIN: [cells_of(cell, cell)]})).profiles

    assert (baker.moment("lastModified"), baker.moment("lastPublished")) == (expected, expected)


@pytest.mark.parametrize("cell", [20261325, "20260230", 99999999, -1, 2958466, True, "25/06/2026", "0001-01-01", 1e300])
def test_an_invalid_date_is_an_error_and_never_null(write_workbook: WriteWorkbook, cell: Any) -> None:
    with pytest.raises(WorkbookError, match=r"row 2, column P: .* is not a date"):
        read_workbook(write_workbook({MAIN: [cells_of(PUBLISHED, cell)]}))


PUBLISHED = "2026-06-25T00:00:00Z"


@pytest.mark.parametrize(
    ("published", "day"),
    [
        ("2026-06-24T22:00:00Z", "2026-06-25"),
        ("2026-06-24T21:59:00Z", "2026-06-24"),
        ("2026-12-31T23:30:00Z", "2027-01-01"),
        ("2026-06-25T00:30:00+02:00", "2026-06-25"),
        (datetime(2026, 6, 25), "2026-06-25"),
        (20260625, "2026-06-25"),
    ],
)
def test_the_publication_date_uses_the_time_zone_of_brussels(
    write_workbook: WriteWorkbook, published: Any, day: str
) -> None:
    older = [uuid(2), "OP-2", *cells_of(PUBLISHED, "2020-01-01")[2:]]

    assert read_workbook(write_workbook({MAIN: [older, cells_of(PUBLISHED, published)]})).published_on == day


def test_the_conversion_process_imports_no_web_framework() -> None:
    code = "import sys, graphql_api.sandbox.converter; print({'starlette', 'asyncio', 'httpx'} & sys.modules.keys() or 'none')"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "none"
