"""Finds columns of a sheet by their headings, and the release number in names of sheets and files."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from graphql_api.sandbox.cells import Cell, CellError

_PART = r"(?:0|[1-9]\d{0,2})"
_VERSION = re.compile(rf"(?<![\d.])({_PART}(?:\.{_PART}){{1,3}})(?!\.?\d)")
"""Two to four numbers of at most three digits without leading zeros; dates have a four-digit year or leading zeros."""
_WHOLE_NUMBER = re.compile(rf"\s({_PART})\s*$")


def columns_of(row: Sequence[Cell], headings: Sequence[str], more: Sequence[str] = ()) -> list[int | None] | None:
    """The column of each heading; None if one of `headings` is missing.

    Columns of `more` follow, each None if it is missing.
    """
    places = _places(row)
    wanted = [_normal(heading) for heading in headings]
    if any(len(places[heading]) < count for heading, count in Counter(wanted).items()):
        return None
    return [_next(places, heading) for heading in (*wanted, *map(_normal, more))]


def columns_by_position(row: Sequence[Cell], headings: Sequence[str], more: Sequence[str] = ()) -> list[int | None]:
    """Columns 0 to N-1 for `headings`; those of `more` by their headings, each None if it is missing.

    Raises CellError if a heading that occurs once is in another column than expected.
    """
    _check_positions(row, headings)
    places = _places([*[""] * len(headings), *row[len(headings) :]])
    return [*range(len(headings)), *(_next(places, _normal(heading)) for heading in more)]


def _places(row: Sequence[Cell]) -> defaultdict[str, deque[int]]:
    """The columns of a row by normalized heading."""
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for column, cell in enumerate(row):
        places[_normal(cell)].append(column)
    return places


def _next(places: Mapping[str, deque[int]], heading: str) -> int | None:
    columns = places.get(heading)
    return columns.popleft() if columns else None


def _check_positions(row: Sequence[Cell], headings: Sequence[str]) -> None:
    headings_found, wanted = [_normal(cell) for cell in row], [_normal(heading) for heading in headings]
    for column, heading in enumerate(wanted):
        if wanted.count(heading) == headings_found.count(heading) == 1 and headings_found[column : column + 1] != [
            heading
        ]:
            at = headings_found.index(heading)
            expected = f"{headings[at]!r} is expected" if at < len(headings) else "there is no column to read"
            raise CellError(at, f"the heading {row[at]!r} stands where {expected}")


def release_number(name: str) -> str | None:
    """The release number in the name of a sheet: such as 3.27, or an integer at its end; None without exactly one."""
    whole = _WHOLE_NUMBER.search(name)
    return _only_version(name) or (whole[1] if whole and not _VERSION.search(name) else None)


def release_number_of_file(name: str) -> str | None:
    """The release number in the name of a file, such as 3.27, but not a date; None without exactly one."""
    return _only_version(PurePath(name).stem)


def _only_version(name: str) -> str | None:
    versions = set(_VERSION.findall(name))
    return versions.pop() if len(versions) == 1 else None


def _normal(cell: Cell | str) -> str:
    return " ".join(str(cell).split()).casefold()
