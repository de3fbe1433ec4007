"""Rows of inline strings are read as by the parser; all other rows fall back to the parser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from graphql_api.sandbox import excel
from graphql_api.sandbox import plain_rows as plain_rows_module
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.package import read_package
from graphql_api.sandbox.plain_rows import NotPlain, plain_rows
from graphql_api.sandbox.report import WorkbookError
from tests.sandbox.rows import BAKER, COOK, MAIN, of, profile, uuid

HEADINGS = [f"Heading {at}" for at in range(16)]
NAMES = "Occ.Prof - Alt.Names 3.26"


def write_streamed(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> Path:
    """Write a workbook row by row, as large exports are written: with inline strings."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        for title, rows in sheets.items():
            sheet = book.add_worksheet(title)
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if cell is not None:
                        sheet.write(at, column, cell)
    return path


def xml(*rows: str) -> bytes:
    return f"<worksheet><sheetData>{''.join(rows)}</sheetData></worksheet>".encode()


def row(number: int, *cells: str, attributes: str = "") -> str:
    return f'<row r="{number}"{attributes}>{"".join(cells)}</row>'


def cell(name: str, text: str = "x") -> str:
    return f'<c r="{name}" t="inlineStr"><is><t>{text}</t></is></c>'


@pytest.mark.parametrize(
    "rows",
    [
        [["a", "b", "c"], ["d", "e", "f"]],
        [["a", "b", "c"], ["d", None, "f"], [None, None, "i"], ["j", None, None]],
        [["a"], ["b"], ["c"]],
        [["a & b < c > d \"e\" 'f' &amp; &#65;", "é ½ 漢 😀"], [" blanks  ", "two\nlines\tand a tab"]],
        [["a", "b"], *[[f"{number}", f"A{number}"] for number in range(2, 120)]],
        [
            [*"abcdef"],
            *[[*"1234", f"E{n % 3}", " " * (n % 2)] for n in range(20)],
            [*"1234", None, "E0"],
            [None, *"2345"],
        ],
    ],
)
@pytest.mark.parametrize("groups", [plain_rows_module.MAX_GROUPS, 2])
def test_rows_equal_those_of_the_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[list[Any]], groups: int
) -> None:
    monkeypatch.setattr(plain_rows_module, "MAX_GROUPS", groups)
    path = write_streamed(tmp_path / "x.xlsx", {"Sheet": rows})

    read = [list(texts) for texts in plain_rows(read_package(path).pieces("Sheet"))]

    assert read == [
        list(texts) for texts in CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Sheet").iter_rows()
    ]


def test_rows_can_have_attributes_and_span_several_chunks() -> None:
    first = xml(row(1, cell("A1"), cell("B1"), attributes=' spans="1:2" ht="15"')).removesuffix(
        b"</sheetData></worksheet>"
    )
    pieces = [first, row(2, cell("B2", "y")).encode(), b"</sheetData></worksheet>"]

    assert [list(texts) for texts in plain_rows(pieces)] == [["x", "x"], ["", "y"]]


@pytest.mark.parametrize(
    "second",
    [
        row(2, '<c r="A2"><v>1</v></c>'),
        row(2, '<c r="A2" t="s"><v>1</v></c>'),
        row(2, '<c r="A2" t="e"><v>#N/A</v></c>'),
        row(2, '<c r="A2" s="1" t="inlineStr"><is><t>x</t></is></c>'),
        row(2, '<c r="A2" t="inlineStr"><is><r><t>x</t></r></is></c>'),
        row(2, cell("A2", "<![CDATA[x]]>")),
        row(2, cell("A2", "one\r\ntwo")),
        row(2, cell("A2", "_x000D_")),
        row(2, cell("C2")),
        row(2, cell("AA2")),
        row(2, cell("AB2")),
        row(2, cell("A2", 'x" t="inlineStr"&gt;'), cell("B2"), cell("C2")),
        row(2, cell("B2"), cell("A2")),
        row(2, cell("A2"), cell("A2")),
        row(2, cell("A3")),
        row(2),
        row(3, cell("A3")),
        "<row>" + cell("A2") + "</row>",
        row(2, cell("A2")).replace("</row>", "<extra/></row>"),
        row(2, cell("A2"), attributes=' ht="1"><extra/'),
    ],
)
def test_any_other_row_falls_back_to_the_parser(second: str) -> None:
    with pytest.raises(NotPlain):
        list(plain_rows([xml(row(1, cell("A1"), cell("B1")), second)]))


@pytest.mark.parametrize("first", [row(2, cell("A2")), row(1, cell("B1")), row(1, cell("A1"), cell("C1"))])
def test_the_first_row_has_all_columns(first: str) -> None:
    with pytest.raises(NotPlain):
        next(plain_rows([xml(first)]))


def test_other_encodings_fall_back_to_the_parser() -> None:
    with pytest.raises(NotPlain):
        next(plain_rows([xml(row(1, cell("A1", "é"))).decode().encode("latin-1")]))


def test_a_sheet_of_inline_strings_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [HEADINGS, profile(), profile(COOK, "OP-2")]
    path = write_streamed(tmp_path / "export.xlsx", {MAIN: rows})
    monkeypatch.setattr(excel, "_parsed", None)

    assert [one.code for one in read_workbook(path).profiles] == ["OP-1", "OP-2"]


def test_a_sheet_is_parsed_from_its_first_complex_row_on(tmp_path: Path) -> None:
    names = [of(BAKER, uuid(number), f"AN-{number}", "nl", f"bakker {number}") for number in range(1, 20)]
    names[15][7] = 4711  # a number
    names[17][6] = "xx"
    sheets = {MAIN: [HEADINGS, profile()], NAMES: [HEADINGS[:8], *names]}
    path = write_streamed(tmp_path / "export.xlsx", sheets)

    with pytest.raises(WorkbookError, match=r"Alt.Names 3.26, row 19, column G: unknown language 'xx'"):
        read_workbook(path)

    (baker,) = read_workbook(path, lenient=True).profiles
    assert [name.name for name in baker.names()] == [
        f"bakker {n}" if n != 16 else "4711" for n in range(1, 20) if n != 18
    ]
