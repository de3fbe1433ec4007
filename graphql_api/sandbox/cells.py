"""Cells of a worksheet as text, codes, uuids and moments, whatever form the program that wrote them chose.

A cell that cannot be read raises CellError with its column and a reason that a person at the sheet understands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """A cell whose formula failed, with what Excel shows for it, such as `#N/A`."""

    error: str


Cell = int | float | str | bool | time | date | datetime | timedelta | ErrorCell
"""What python-calamine returns for a cell ('' if it is empty), or an error in its place."""
Row = Sequence[Cell]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AS_IN_DOCUMENTS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
"""A moment as Competent writes it, which is passed on unchanged."""
_NUMBER = re.compile(r"\d+(\.\d*)?")
_BLANK = " \t\r\n\v\f\xa0\u200b\ufeff"
_BRUSSELS = ZoneInfo("Europe/Brussels")
_SERIAL_DAY_ZERO = datetime(1899, 12, 30)
_YEARS = range(1900, 2200)


class CellError(ValueError):
    """A cell makes no sense; `column` is its place in the row as it was read, from 0."""

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def is_blank(cell: Cell) -> bool:
    """Whether a cell is empty, or white space only."""
    return isinstance(cell, str) and (not cell or cell.isspace() or not cell.strip(_BLANK))


def text(row: Row, column: int) -> str | None:
    """The text of a cell unchanged, white space included; None if it is blank."""
    cell = row[column]
    if isinstance(cell, str):
        return cell if cell[:1].isalnum() or not is_blank(cell) else None
    if isinstance(cell, ErrorCell):
        raise CellError(column, f"the cell contains the error {cell.error}")
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return moment(row, column)
    return str(cell)


def needed(row: Row, column: int, name: str) -> str:
    """The trimmed text of a cell that must have one: a code, or a name."""
    found = text(row, column)
    if found is None:
        raise CellError(column, f"{name} is missing")
    return found.strip().strip(_BLANK)


def uuid(row: Row, column: int, name: str) -> str:
    """A uuid in lower case."""
    found = needed(row, column, name).lower()
    if _UUID.fullmatch(found) is None:
        raise CellError(column, f"{name} {row[column]!r} is not a UUID")
    return found


def moment(row: Row, column: int) -> str | None:
    """A moment as ISO 8601 in UTC; None if the cell is blank.

    Read are dates of Excel, ISO 8601, and days as numbers or digits: 20260625, or counted as Excel does. A moment without a zone
    is in UTC, as those of Competent's exports are.
    """
    cell = row[column]
    if not isinstance(cell, date):
        found = text(row, column)
        if found is None:
            return None
        cell = found.strip().strip(_BLANK)
    try:
        iso = _iso(_parsed(cell))
        return cell if isinstance(cell, str) and _AS_IN_DOCUMENTS.fullmatch(cell) else iso
    except (ValueError, OverflowError):
        raise CellError(column, f"{row[column]!r} is not a date") from None


def day_in_brussels(moment: str) -> str:
    """The day on which a moment (ISO 8601 in UTC) was in Brussels, where Competent is published."""
    return datetime.fromisoformat(moment).astimezone(_BRUSSELS).date().isoformat()


def _parsed(cell: str | date) -> datetime:
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime.combine(cell, time())
    if _NUMBER.fullmatch(cell):
        return _numbered(float(cell))
    return datetime.fromisoformat(cell.replace("/", "-"))


def _numbered(number: float) -> datetime:
    """A day from its digits, 20260625, or from its number since 1900."""
    if number >= 1_00_00_00:
        return datetime.strptime(f"{number:.0f}", "%Y%m%d") if number.is_integer() else datetime.max
    return _SERIAL_DAY_ZERO + timedelta(milliseconds=round(number * 86_400_000))


def _iso(found: datetime) -> str:
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    if found.year not in _YEARS:
        raise ValueError(found)
    return found.isoformat(timespec="milliseconds" if found.microsecond else "seconds") + "Z"
