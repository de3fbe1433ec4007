"""Cells of a worksheet as text, codes, uuids and moments, however the program that wrote them kept them.

What cannot be read raises ValueError with a reason that a person at the sheet understands.
"""

import re
from datetime import date, datetime, time, timedelta

Cell = int | float | str | bool | time | date | datetime | timedelta
"""What python-calamine gives for a cell; an empty one is ''."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SERIAL_DAY_ZERO = datetime(1899, 12, 30)


def text(cell: Cell) -> str | None:
    """The text of a cell as it stands, white space and all; None where there is none."""
    if isinstance(cell, str):
        return cell if cell and not cell.isspace() else None
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return moment(cell)
    return str(cell)


def needed(cell: Cell, name: str) -> str:
    """The trimmed text of a cell that must have one: a code, or a name."""
    found = text(cell)
    if found is None:
        raise ValueError(f"{name} is missing")
    return found.strip()


def uuid(cell: Cell, name: str) -> str:
    """A uuid in lower case."""
    found = needed(cell, name).lower()
    if _UUID.fullmatch(found) is None:
        raise ValueError(f"{name} {cell!r} is no uuid")
    return found


def moment(cell: Cell) -> str | None:
    """A moment as ISO 8601 in UTC; a number is a day as Excel counts them, None an empty cell."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        try:
            cell = _SERIAL_DAY_ZERO + timedelta(days=cell)
        except OverflowError:
            raise ValueError(f"{cell!r} is no day") from None
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds" if cell.microsecond else "seconds") + "Z"
    if isinstance(cell, date):
        return f"{cell.isoformat()}T00:00:00Z"
    found = text(cell)
    return found and _iso_moment(found.strip())


def _iso_moment(found: str) -> str:
    try:
        parsed = datetime.fromisoformat(found)
    except ValueError:
        raise ValueError(f"{found!r} is no date") from None
    if len(found) == len("2026-06-25"):
        return f"{found}T00:00:00Z"
    return found if parsed.tzinfo else f"{found.replace(' ', 'T')}Z"
