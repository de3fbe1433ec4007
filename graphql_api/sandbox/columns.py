"""The columns of a Competent Excel export: headings of each sheet, how they are found, and the release number in names."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from graphql_api.competent.declarations import Field, Plain
from graphql_api.sandbox.cells import Cell, CellError
from graphql_api.sandbox.dataset import COMPETENCE, LANGUAGES, PROFILE, relations

MAIN_SHEET = "Occupational Profiles"

_BY_POSITION = ("title", "description", "workingContext", "lastModified", "lastPublished")
"""Fields whose columns every export has, in this order. Columns of other fields are read only if their headings exist."""
_COLUMNS = {field.name: field for field in PROFILE.fields if field.column}
MAIN_FIELDS = [_COLUMNS[name] for name in _BY_POSITION if name in _COLUMNS]
OTHER_FIELDS = [field for name, field in _COLUMNS.items() if name not in _BY_POSITION]

OWNER = ("Id", "Code", "Title NL", "Title FR")
NAME = (*OWNER, "Alt.Name Id", "Alt.Name Code", "Language", "Title")
CLASSIFICATION = (*OWNER, "Type", "Value")
TERM = (*OWNER, "Id", "Code", "Title NL", "Title FR")
BLOCK = (*OWNER, "Id", "Code", "Title Id", "Title NL", "Title FR")
COMPETENCE_BLOCK = (
    *(*OWNER, "Competence Id", "Competence Code"),
    *("Block type", "Block Id", "Block Code", "Block NL", "Block FR"),
)
SKILL_OF_SET = (
    *(*OWNER, "Set Id", "Set Code", "Name NL", "Name FR", "Disambiguator NL", "Disambiguator FR"),
    *("Block type", "Block Code"),
)
RELATED = len(OWNER)
"""The first column after those of the profile."""

_PART = r"(?:0|[1-9]\d{0,2})"
_VERSION = re.compile(rf"(?<![\d.])({_PART}(?:\.{_PART}){{1,3}})(?!\.?\d)")
"""Two to four numbers of at most three digits without leading zeros; dates have a four-digit year or leading zeros."""
_WHOLE_NUMBER = re.compile(rf"\s({_PART})\s*$")


def block_type(type_name: str) -> str:
    """The name of a type in the export, such as `behavioural indicator` for BehaviouralIndicator."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_name).lower()


BLOCK_TYPES = {block_type(value.type_name): (field.name, value) for field, value in relations(COMPETENCE)}
"""The fields of a competence by the block type in a row: field name and declared value."""
SPELLINGS = {name.replace(" ", mark): name for name in BLOCK_TYPES for mark in ("", "_")}
"""Block types by their spellings in Competent's documents and in competence sets."""


def headings_of(fields: Iterable[Field]) -> tuple[str, ...]:
    """The headings of fields on the main sheet; a text has one per language."""
    return tuple(
        heading
        for field in fields
        for heading in (
            [f"{field.column} {language.upper()}" for language in LANGUAGES]
            if field.value == Plain("text")
            else [field.column]
        )
    )


def columns_of(row: Sequence[Cell], headings: Sequence[str], more: Sequence[str] = ()) -> list[int | None] | None:
    """The column of each heading; None if one of `headings` is missing.

    Columns of `more` follow, each None if it is missing.
    """
    columns_by_heading = _columns_by_heading(row)
    normal_headings = [_normal(heading) for heading in headings]
    if any(len(columns_by_heading[heading]) < count for heading, count in Counter(normal_headings).items()):
        return None
    return [_next(columns_by_heading, heading) for heading in (*normal_headings, *map(_normal, more))]


def columns_by_position(row: Sequence[Cell], headings: Sequence[str], more: Sequence[str] = ()) -> list[int | None]:
    """Columns 0 to N-1 for `headings`; those of `more` by their headings, each None if it is missing.

    Raises CellError if a heading that occurs once is in another column than expected.
    """
    _check_positions(row, headings)
    columns_by_heading = _columns_by_heading([*[""] * len(headings), *row[len(headings) :]])
    return [*range(len(headings)), *(_next(columns_by_heading, _normal(heading)) for heading in more)]


def _columns_by_heading(row: Sequence[Cell]) -> defaultdict[str, deque[int]]:
    """The columns of a row by normalized heading."""
    columns_by_heading: defaultdict[str, deque[int]] = defaultdict(deque)
    for column, cell in enumerate(row):
        columns_by_heading[_normal(cell)].append(column)
    return columns_by_heading


def _next(columns_by_heading: Mapping[str, deque[int]], heading: str) -> int | None:
    columns = columns_by_heading.get(heading)
    return columns.popleft() if columns else None


def _check_positions(row: Sequence[Cell], headings: Sequence[str]) -> None:
    actual, expected = [_normal(cell) for cell in row], [_normal(heading) for heading in headings]
    for column, heading in enumerate(expected):
        if expected.count(heading) == actual.count(heading) == 1 and actual[column : column + 1] != [heading]:
            at = actual.index(heading)
            reason = f"{headings[at]!r} is expected" if at < len(headings) else "there is no column to read"
            raise CellError(at, f"the heading {row[at]!r} stands where {reason}")


def release_number(name: str) -> str | None:
    """The release number in the name of a sheet: such as 3.27, or an integer at its end; None without exactly one."""
    match = _WHOLE_NUMBER.search(name)
    return _only_version(name) or (match[1] if match and not _VERSION.search(name) else None)


def release_number_of_file(name: str) -> str | None:
    """The release number in the name of a file, such as 3.27, but not a date; None without exactly one."""
    return _only_version(PurePath(name).stem)


def _only_version(name: str) -> str | None:
    versions = set(_VERSION.findall(name))
    return versions.pop() if len(versions) == 1 else None


def _normal(cell: Cell | str) -> str:
    return " ".join(str(cell).split()).casefold()
