"""Reads cells of a worksheet as text, codes, uuids and timestamps, in whatever form the spreadsheet program wrote them.

A cell that cannot be read raises CellError with its column and a reason for the editor of the sheet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """A cell whose formula failed, with the error that Excel shows, such as `#N/A`."""

    error: str


Cell = int | float | str | bool | time | date | datetime | timedelta | ErrorCell
"""What python-calamine returns for a cell ('' if it is empty), or an error in its place."""
Row = Sequence[Cell]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AS_IN_DOCUMENTS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
"""A timestamp as Competent writes it; it stays unchanged."""
_NUMBER = re.compile(r"\d+(\.\d*)?")
_BLANK = " \t\r\n\v\f\xa0\u200b\ufeff"
_BRUSSELS = ZoneInfo("Europe/Brussels")
_SERIAL_DAY_ZERO = datetime(1899, 12, 30)
_YEARS = range(1900, 2200)


class CellError(ValueError):
    """A cell cannot be read; `column` is its position, from 0, in the row as arranged for the sheet."""

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def is_blank(cell: Cell) -> bool:
    """True if a cell is empty or contains only white space."""
    return isinstance(cell, str) and (not cell or cell.isspace() or not cell.strip(_BLANK))


def text(row: Row, column: int) -> str | None:
    """The text of a cell, white space included; None if it is blank. Raises CellError for an error cell."""
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


def required(row: Row, column: int, name: str) -> str:
    """The trimmed text of a required cell. Raises CellError if it is blank."""
    value = text(row, column)
    if value is None:
        raise CellError(column, f"{name} is missing")
    return _stripped(value)


def _stripped(text: str) -> str:
    return text if text[:1].isalnum() and text[-1:].isalnum() else text.strip().strip(_BLANK)


def uuid(row: Row, column: int, name: str) -> str:
    """The uuid in a cell, in lower case. Raises CellError if it is not one."""
    value = required(row, column, name).lower()
    if _UUID.fullmatch(value) is None:
        raise CellError(column, f"{name} {row[column]!r} is not a UUID")
    return value


def moment(row: Row, column: int) -> str | None:
    """The timestamp in a cell, as ISO 8601 in UTC; None if the cell is blank.

    Accepts Excel dates, ISO 8601, and days as digits (20260625) or Excel serial numbers. A timestamp without a time zone is in
    UTC, as in Competent's exports. Raises CellError for anything else.
    """
    cell = row[column]
    if not isinstance(cell, date):
        value = text(row, column)
        if value is None:
            return None
        cell = value.strip().strip(_BLANK)
    try:
        iso = _iso(_parsed(cell))
        return cell if isinstance(cell, str) and _AS_IN_DOCUMENTS.fullmatch(cell) else iso
    except (ValueError, OverflowError):
        raise CellError(column, f"{row[column]!r} is not a date") from None


def day_in_brussels(moment: str) -> str:
    """The date in Brussels, where Competent is published, of a timestamp (ISO 8601 in UTC)."""
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
    """A date from its digits (20260625) or its Excel serial number."""
    if number >= 1_00_00_00:
        return datetime.strptime(f"{number:.0f}", "%Y%m%d") if number.is_integer() else datetime.max
    return _SERIAL_DAY_ZERO + timedelta(milliseconds=round(number * 86_400_000))


def _iso(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if value.year not in _YEARS:
        raise ValueError(value)
    return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
