"""Reads rows whose cells are all inline strings, as streaming writers write them, in half the CPU time of a parser.

Such a row is `<row r="7"><c r="A7" t="inlineStr"><is><t>text</t></is></c>…</row>`. Anything else raises NotPlain, and a parser
has to read the sheet.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from string import ascii_uppercase

_START = "<sheetData>"
_ROW = '<row r="'
_FIRST_CELL = '><c r="'
_TEXT = '" t="inlineStr"><is><t>'
_NEXT_CELL = '</t></is></c><c r="'
_END = "</t></is></c></row>"
_PRESERVED = '<t xml:space="preserve">'
_MARK = "\0"
"""Replaces the markup between the names and texts of cells; XML cannot contain it."""
_UNCLEAR = ("\r", "_x", _MARK)
"""What parsers change in texts, each in its way."""

_Arrange = Callable[[Sequence[str]], Sequence[str]]


class NotPlain(ValueError):
    """A row has another form."""


def plain_rows(pieces: Iterable[bytes]) -> Iterator[Sequence[str]]:
    """Yield all rows of a sheet from its XML, which is split between rows; the first row has every column, from A.

    Rows have equal lengths, with empty strings for missing cells. Raises NotPlain at the first row with another form, or if a
    row is missing.
    """
    number, shapes = 0, _Shapes()
    for items in _items(pieces):
        for item in items:
            number += 1
            head, _, cells = item.partition(_FIRST_CELL)
            name = str(number)
            if not (head == f"{_ROW}{name}" + '"' or head.startswith(f'{_ROW}{name}" ')) or not cells or "<" in cells:
                raise NotPlain
            parts = cells.split(_MARK)
            texts = parts[1::2]
            if "&" in cells:
                texts = [html.unescape(text) for text in texts]
            yield shapes[" ".join(parts[::2]).replace(name, "#")](texts)


def _items(pieces: Iterable[bytes]) -> Iterator[list[str]]:
    """The rows of each piece without their ends, with marks between names and texts of cells."""
    is_first = True
    for piece in pieces:
        try:
            xml = piece.decode()
        except UnicodeDecodeError:
            raise NotPlain from None
        if any(character in xml for character in _UNCLEAR):
            raise NotPlain
        if is_first:
            xml, is_first = xml.partition(_START)[2], False
        if _PRESERVED in xml:
            xml = xml.replace(_PRESERVED, "<t>")
        *items, rest = xml.replace(_TEXT, _MARK).replace(_NEXT_CELL, _MARK).split(_END)
        if "<row" in rest:
            raise NotPlain
        yield items


class _Shapes(dict[str, _Arrange]):
    """Functions that arrange the texts of a row by its columns, such as `A# B# D#`; the first shape has all columns."""

    def __missing__(self, shape: str) -> _Arrange:
        columns = shape.split(" ")
        if not self:
            self._all = [f"{letter}#" for letter in ascii_uppercase[: len(columns)]]
        index = {column: at for at, column in enumerate(columns)}
        if [column for column in self._all if column in index] != columns:
            raise NotPlain
        self[shape] = arrange = _arranging([index.get(column, len(columns)) for column in self._all])
        return arrange


def _arranging(indexes: Sequence[int]) -> _Arrange:
    """A function that takes the texts with these indexes; the one after the last is empty."""
    if len(indexes) == 1:
        return lambda texts: texts or [""]
    take = itemgetter(*indexes)
    return lambda texts: take([*texts, ""])
