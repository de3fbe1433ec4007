"""A Competent Excel export as a dataset: sheets by the start of their name, columns by position.

Every row is read or reported: rows that make no sense come together in one error, each with its sheet, its number as
Excel shows it, and the reason.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.progress import Progress, silent
from graphql_api.sandbox.sheets import MAIN_SHEET, Export, Row, Sheet

_SHOWN = 20
_AT_ONCE = 2  # sheets that are read: more would only be more in memory
_EXPECTED = (
    f"an Excel export of Competent is expected, with a sheet {MAIN_SHEET!r} and others like 'Occ.Prof - Alt.Names' and"
    " 'Occ.Prof - Essential Competences'"
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read; `row` counts from 1 as Excel does, and the headings are row 1."""

    sheet: str
    row: int
    reason: str

    def __str__(self) -> str:
        return f"{self.sheet}, row {self.row}: {self.reason}"


class WorkbookError(ValueError):
    """A file cannot be served as a release; `faults` lists the rows that are to blame, if rows are."""

    def __init__(self, message: str, faults: Iterable[BadRow] = ()) -> None:
        self.faults = list(faults)
        lines = [message, *(f"  {fault}" for fault in self.faults[:_SHOWN])]
        if (more := len(self.faults) - _SHOWN) > 0:
            lines.append(f"  … and {more:,} more")
        super().__init__("\n".join(lines))


def read_workbook(path: Path, progress: Progress = silent) -> Dataset:
    """The release that a workbook holds.

    Only the sheet of the profiles must be there: without the others its profiles have no competences, names and so on.

    Raises:
        WorkbookError: no file, no workbook, not Competent's export, no release number, or rows that cannot be read.
    """
    try:
        return _read(CalamineWorkbook.from_path(path).sheet_names, path, progress)
    except FileNotFoundError:
        raise WorkbookError(f"{path}: there is no such file") from None
    except (CalamineError, OSError) as error:
        raise WorkbookError(f"{path.name}: {_EXPECTED}, but this cannot be read as a workbook ({error})") from error


def _read(names: list[str], path: Path, progress: Progress) -> Dataset:
    number = _release_number(names, path)
    export = Export()
    faults: list[BadRow] = []
    found = [(name, sheet) for sheet in export.sheets() for name in _names_like(sheet.prefix, names)]
    for (name, sheet), read in zip(found, _sheets(path, [name for name, _ in found], progress), strict=True):
        faults += _take_rows(read, name, sheet, progress)
    if faults:
        count = f"{len(faults):,} rows" if len(faults) > 1 else "one row"
        raise WorkbookError(f"{path.name}: {count} cannot be read:", faults)
    return export.dataset(number)


def _sheets(path: Path, names: list[str], progress: Progress) -> Iterator[CalamineSheet]:
    """The sheets in this order, read in threads while the rows of those before are taken: calamine lets others run."""

    def read(name: str) -> CalamineSheet:
        return CalamineWorkbook.from_path(path).get_sheet_by_name(name)

    with ThreadPoolExecutor(_AT_ONCE, "sheet") as threads:
        sheets = threads.map(read, names)
        for name in names:
            progress(name, 0, 0)
            yield next(sheets)


def _release_number(sheets: list[str], path: Path) -> str:
    main = next(_names_like(MAIN_SHEET, sheets), None)
    if main is None:
        raise WorkbookError(f"{path.name}: {_EXPECTED}, but this has {', '.join(map(repr, sheets))}")
    number = re.search(r"\s(\d+(?:\.\d+)*)\s*$", main) or re.search(r"(\d+(?:\.\d+)+)", path.stem)
    if number is None:
        wanted = f"'{MAIN_SHEET} 3.26', nor the file's, as in 'export-3.26.xlsx'"
        raise WorkbookError(f"{path.name}: neither the name of the sheet {main!r} tells the release, as in {wanted}")
    return number[1]


def _names_like(prefix: str, sheets: list[str]) -> Iterator[str]:
    return (name for name in sheets if name.strip().lower().startswith(prefix.lower()))


def _take_rows(read: CalamineSheet, name: str, sheet: Sheet, progress: Progress) -> list[BadRow]:
    if read.start is None or read.end is None:
        return []
    headings = read.start[0] + 1
    total = read.end[0] + 1 - headings
    rows = islice(read.iter_rows(), headings, None)
    faults = []
    for done, row in enumerate(_padded(rows, read.start[1], read.end[1] + 1, sheet.columns), 1):
        try:
            sheet.take(row)
        except ValueError as error:
            if any(cell != "" for cell in row):
                faults.append(BadRow(name, headings + done, str(error)))
        if done % 5000 == 0:
            progress(name, done, total)
    progress(name, total, total)
    return faults


def _padded(rows: Iterable[Row], first: int, width: int, columns: int) -> Iterable[Row]:
    """Rows that begin at the column `first`, each from column A on and with as many cells as are read of it.

    Rows are made one at a time: keeping those of a large sheet costs more time than reading them.
    """
    if not first and width >= columns:
        return rows
    before: Row = [""] * first
    after: Row = [""] * (columns - width)
    return (before + row + after for row in rows)
