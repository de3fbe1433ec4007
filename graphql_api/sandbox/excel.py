"""Reads a Competent Excel export into a dataset. Sheets match by the start of their name, columns by heading or position.

Every row is read or reported: one error lists all invalid rows with sheet, row number as in Excel, column and reason. In lenient
mode they are skipped, and listed in the dataset's notes.

Run it in a separate process (conversion.py), because the parser aborts its process if memory runs out, and may have bugs.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from graphql_api.sandbox.cells import Cell, CellError, ErrorCell, Row, is_blank
from graphql_api.sandbox.columns import (
    MAIN_SHEET,
    columns_by_position,
    columns_of,
    release_number,
    release_number_of_file,
)
from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.excel_sheets import Export, Sheet
from graphql_api.sandbox.package import Package, column_letter, not_expected, read_package
from graphql_api.sandbox.plain_rows import NotPlain, plain_rows
from graphql_api.sandbox.report import BadRow, Progress, Report, WorkbookError, one_line, silent

_CONCURRENT_SHEETS = 2  # more would only use more memory
_SKILLS_IN_NOTE = 10
_ABOVE = 10  # rows in which to look for the headings


class _Table(NamedTuple):
    """The cells of one worksheet, from its first non-empty row, each row from column A; generated lazily to save memory."""

    rows: Iterator[Row]
    first: int = 0
    """The first row, from 0."""
    height: int = 0
    """The number of rows; 0 if unknown."""
    width: int = 0
    """The minimum length of a row."""


def _parsed(cells: CalamineSheet, errors: dict[int, dict[int, str]]) -> _Table:
    """The table of a parsed sheet; `errors` has the texts of its failed cells by row and column, both from 0."""
    if cells.start is None or cells.end is None:
        return _Table(iter(()))
    first, last = cells.start[0], cells.end[0]
    return _Table(_with_errors(cells, errors), first, last - first + 1, cells.end[1] + 1)


def _with_errors(cells: CalamineSheet, errors: dict[int, dict[int, str]]) -> Iterator[Row]:
    assert cells.start is not None
    top, left = cells.start
    before: list[Cell] = [""] * left
    for number, row in enumerate(islice(cells.iter_rows(), top, None), top):
        if not left and number not in errors:
            yield row
            continue
        failed = errors.get(number, {})
        read = [*before, *row, *([""] * (max(failed, default=0) + 1 - left - len(row)))]
        for at, error in failed.items():
            read[at] = ErrorCell(error)
        yield read


def read_workbook(path: Path, progress: Progress = silent, *, lenient: bool = False) -> Dataset:
    """Read the release in a workbook.

    Only the sheet of profiles is required; data of other sheets that are missing is left out and noted.

    Args:
        path: An .xlsx file.
        progress: Called with sheet, rows done and rows in total.
        lenient: Skip invalid rows and list them in `notes` instead of raising.

    Raises:
        WorkbookError: If the file is not an export of Competent, or has no release number, no profile or invalid rows.
    """
    try:
        return _read(read_package(path), progress, lenient)
    except (CalamineError, OSError, zipfile.BadZipFile) as error:
        raise not_expected(path.name, f"cannot be read as a workbook ({error})") from error


def _read(package: Package, progress: Progress, lenient: bool) -> Dataset:
    books = _Books(package)
    names = _worksheets(books)
    number = _release_number(names, package.name)
    export, report = Export(), Report()
    sheets = export.sheets()
    matches = [(name, sheet) for sheet in sheets for name in _names_like(sheet.prefix, names)]
    for (name, sheet), table in zip(matches, _tables(books, [name for name, _ in matches], progress), strict=True):
        for row in _take_rows(export, name, sheet, table, progress):
            report.add(row)
    if report.count and not lenient:
        raise report.error(package.name)
    dataset = export.dataset(number)
    if not dataset.profiles:
        raise WorkbookError(f"{package.name}: no row of the sheet {MAIN_SHEET!r} has a profile")
    missing = [sheet.prefix for sheet in sheets if not any(_names_like(sheet.prefix, names))]
    notes = tuple(_notes(package.name, report, missing, [*export.unknown_skills]))
    return replace(dataset, notes=notes, left_out=report.count)


def _notes(name: str, report: Report, missing: Sequence[str], unknown_skills: Sequence[str]) -> Iterator[str]:
    yield from report.notes(name)
    if missing:
        yield f"{name}: no sheet {', '.join(map(repr, missing))}; the release has no data from them"
    if unknown_skills:
        codes = ", ".join(map(one_line, unknown_skills[:_SKILLS_IN_NOTE]))
        yield (
            f"{name}: competence sets are without skills that no technical competence has, since their uuids are unknown "
            f"({len(unknown_skills):,}): {codes}"
        )


class _Books:
    """The workbook, opened once per thread that reads sheets: opening takes as long as reading a small sheet."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._idle: SimpleQueue[CalamineWorkbook] = SimpleQueue()

    @contextmanager
    def lend(self) -> Iterator[CalamineWorkbook]:
        """An open workbook that no other thread uses meanwhile."""
        try:
            book = self._idle.get_nowait()
        except Empty:
            book = CalamineWorkbook.from_filelike(BytesIO(self.package.content))
        yield book
        self._idle.put(book)


def _worksheets(books: _Books) -> list[str]:
    """The names of the visible worksheets, and of hidden ones whose prefix no visible one has."""
    with books.lend() as book:
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    hidden = [sheet.name for sheet in sheets if sheet.visible != SheetVisibleEnum.Visible]
    prefixes = [sheet.prefix for sheet in Export().sheets()]
    hiding = [prefix for prefix in prefixes if not any(_names_like(prefix, visible))]
    return visible + [name for prefix in hiding for name in _names_like(prefix, hidden)]


def _tables(books: _Books, names: list[str], progress: Progress) -> Iterator[_Table]:
    """The sheets in this order, parsed in threads while the rows of earlier ones are processed (calamine releases the GIL)."""

    def read(name: str) -> _Table:
        errors = books.package.error_cells(name)
        with books.lend() as book:
            return _parsed(book.get_sheet_by_name(name), errors)

    def read_plainly(name: str) -> _Table:
        rows = plain_rows(books.package.pieces(name))
        try:
            first = next(rows)
        except (NotPlain, StopIteration):
            return read(name)
        return _Table(_continued(chain([first], rows), lambda: read(name)), width=len(first))

    with ThreadPoolExecutor(_CONCURRENT_SHEETS, "sheet") as threads:
        tables = threads.map(read_plainly, names)
        for name in names:
            progress(name, 0, 0)
            yield next(tables)


def _continued(rows: Iterator[Row], parse: Callable[[], _Table]) -> Iterator[Row]:
    """The rows of a sheet; from the first one on that is not plain, those of the parsed sheet."""
    done = 0
    try:
        for row in rows:
            yield row
            done += 1
    except NotPlain:
        yield from islice(parse().rows, done, None)


def _release_number(sheets: list[str], file: str) -> str:
    main = list(_names_like(MAIN_SHEET, sheets))
    if not main:
        raise not_expected(file, one_line(f"has {', '.join(map(repr, sheets)) or 'no sheet'}"))
    numbers = {number for sheet in main if (number := release_number(sheet[len(MAIN_SHEET) :]))}
    if len(numbers) > 1:
        raise WorkbookError(f"{file}: {', '.join(map(repr, main))} are sheets of several releases; keep those of one")
    number = next(iter(numbers), None) or release_number_of_file(file)
    if number is None:
        raise WorkbookError(
            f"{file}: no release number in the name of the sheet {main[0]!r}, as in '{MAIN_SHEET} 3.26', nor in the name of the "
            "file, as in 'export-3.26.xlsx'; a date is not a release number"
        )
    return number


def _names_like(prefix: str, sheets: Iterable[str]) -> Iterator[str]:
    return (name for name in sheets if name.strip().lower().startswith(prefix.lower()))


def _take_rows(export: Export, name: str, sheet: Sheet, table: _Table, progress: Progress) -> Iterator[BadRow]:
    """Add the rows of a sheet to the export; yields those that it cannot use."""
    top = list(islice(table.rows, _ABOVE))
    if not top:
        return
    at, columns, below = _headings(name, sheet, top)
    first, total = table.first + at + 2, max(table.height - at - 1, 0)
    done = 0
    take, problems = sheet.take, export.problems
    for done, row in enumerate(_arranged(chain(below, table.rows), columns, table.width), 1):
        try:
            take(row)
        except CellError as error:
            if not all(map(is_blank, row)):
                problems.append(error)
        if problems:
            yield from (
                BadRow(name, first + done - 1, one_line(str(problem)), _letter(columns, problem))
                for problem in problems
            )
            problems.clear()
        if done % 5000 == 0:
            progress(name, done, total)
    progress(name, done, done)


def _arranged(rows: Iterable[Row], columns: list[int | None], width: int) -> Iterable[Row]:
    """Rows that start with these columns, in this order; None makes an empty cell. `width` is the minimum length of a row."""
    if columns == list(range(len(columns))) and width >= len(columns):
        return rows
    return (["" if at is None or at >= len(row) else row[at] for at in columns] for row in rows)


def _letter(columns: list[int | None], error: CellError) -> str:
    at = columns[error.column]
    return "" if at is None else column_letter(at)


def _headings(name: str, sheet: Sheet, rows: list[Row]) -> tuple[int, list[int | None], list[Row]]:
    """The index of the row with the headings, the columns to read, and the rows below it. Raises WorkbookError."""
    for at, row in enumerate(rows):
        if columns := columns_of(row, sheet.headings, sheet.more):
            return at, columns, rows[at + 1 :]
    try:
        return 0, columns_by_position(rows[0], sheet.headings, sheet.more), rows[1:]
    except CellError as error:
        raise WorkbookError(f"{name}, column {column_letter(error.column)}: {error}") from None
