"""Reads rows whose cells are all inline strings, as streaming writers write them, in a third of the CPU time of a parser.

Such a row is `<row r="7"><c r="A7" t="inlineStr"><is><t>text</t></is></c>…</row>`. Anything else raises NotPlain, and a parser
has to read the sheet. The rows of an export repeat the cells of a profile (A to D), and those of what it has (from E on).
Without the number of the row they are the same bytes, which are read once.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from string import ascii_uppercase

_START = b"<sheetData>"
_ROW = b'<row r="%d'
_FIRST_CELL = b'><c r="'
_TEXT = b'%d" t="inlineStr"><is><t>'
_NEXT_CELL = b'</t></is></c><c r="'
_END = b"</t></is></c></row>"
_PRESERVED = b'<t xml:space="preserve">'
_MARK = b"\0"
"""Replaces the markup between the columns and texts of cells; XML cannot contain it."""
_SECOND_COLUMN, _IN_FIRST_GROUP = b"E", 4
"""The column with which the second group of cells begins, and the number of those before."""
_SECOND_GROUP = _NEXT_CELL + _SECOND_COLUMN + _MARK
_ESCAPE = "_x"
"""How escaped characters begin, such as `_x000D_`; parsers change these and carriage returns, each in its way."""
MAX_GROUPS = 32_768
"""Maximum cached groups of cells of a sheet; a full-size release has 27,000."""
MAX_GROUP_BYTES = 4_096
"""Maximum size of a cached group."""

Texts = tuple[str, ...]


class NotPlain(ValueError):
    """A row has another form."""


def plain_rows(pieces: Iterable[bytes]) -> Iterator[Texts]:
    """Yield all rows of a sheet from its XML, which is split between rows; the first row has every column, from A.

    Rows have equal lengths, with empty strings for missing cells. Raises NotPlain at the first row with another form, or if a
    row is missing.
    """
    reader = _RowReader()
    for number, row in enumerate(_rows(pieces), 1):
        try:
            texts = reader.read(number, row)
        except NotPlain:
            if _PRESERVED not in row:
                raise
            texts = reader.read(number, row.replace(_PRESERVED, b"<t>"))
        yield texts


def _rows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of a sheet, without their ends."""
    is_first = True
    for xml in pieces:
        if _MARK in xml or b"\r" in xml:
            raise NotPlain
        if is_first:
            xml, is_first = xml.partition(_START)[2], False
        *rows, rest = xml.split(_END)
        if b"<row" in rest:
            raise NotPlain
        yield from rows


class _RowReader:
    """Reads the rows of a sheet in two groups of cells, equal ones once."""

    def read(self, number: int, row: bytes) -> Texts:
        """The texts of a row, by column. Raises NotPlain."""
        start = _ROW % number
        if not row.startswith(start):
            raise NotPlain
        cells = _MARK.join(row[len(start) :].split(_TEXT % number))  # faster than `replace`, which searches twice
        if number == 1:
            self._set_columns(ascii_uppercase[: cells.count(_MARK)])
        first, separator, second = cells.partition(_SECOND_GROUP)
        return self._first[first] + self._second[second] if separator else self._all.texts(_after_attributes(cells))

    def _set_columns(self, columns: Sequence[str]) -> None:
        self._all = _Shapes(columns)
        self._first = _Groups(columns[:_IN_FIRST_GROUP], _after_attributes)
        self._second = _Groups(columns[_IN_FIRST_GROUP:], (_SECOND_COLUMN + _MARK).__add__)


class _Groups(dict[bytes, Texts]):
    """The texts of groups of cells by their XML; `cells` returns the cells of a group, beginning with the name of a column."""

    def __init__(self, columns: Sequence[str], cells: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._shapes, self._cells = _Shapes(columns), cells

    def __missing__(self, group: bytes) -> Texts:
        texts = self._shapes.texts(self._cells(group))
        if len(group) <= MAX_GROUP_BYTES:
            if len(self) >= MAX_GROUPS:
                self.clear()
            self[group] = texts
        return texts


def _after_attributes(row: bytes) -> bytes:
    """The cells of a row, from the closing quote of its number on."""
    attributes, _, cells = row.partition(_FIRST_CELL)
    if attributes[:2] not in (b'"', b'" ') or b"<" in attributes:
        raise NotPlain
    return cells


class _Shapes(dict[str, Callable[[Sequence[str]], Texts]]):
    """Functions that arrange texts by `columns`, by the columns that they have, such as `A B D`; missing ones are empty."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__({" ".join(columns): tuple})
        self._columns = columns

    def texts(self, cells: bytes) -> Texts:
        """The texts of cells. Raises NotPlain."""
        try:
            text = cells.replace(_NEXT_CELL, _MARK).decode()
        except UnicodeDecodeError:
            raise NotPlain from None
        if "<" in text or _ESCAPE in text:
            raise NotPlain
        parts = text.split("\0")
        texts = parts[1::2]
        return self[" ".join(parts[::2])]([*map(html.unescape, texts)] if "&" in text else texts)

    def __missing__(self, shape: str) -> Callable[[Sequence[str]], Texts]:
        columns = shape.split(" ")
        at = [columns.index(column) if column in columns else len(columns) for column in self._columns]
        if [column for column in self._columns if column in columns] != columns:
            raise NotPlain
        take = itemgetter(*at, 0)  # with the first text once more, so that it is a tuple for one column, too
        self[shape] = arrange = lambda texts: take((*texts, ""))[:-1]
        return arrange
