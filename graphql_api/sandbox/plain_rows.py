"""Reads rows whose cells are all inline strings, as streaming writers write them, in half the CPU time of a parser.

Such a row is `<row r="7"><c r="A7" t="inlineStr"><is><t>text</t></is></c>…</row>`. Anything else raises NotPlain, and a parser
has to read the sheet.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from string import ascii_uppercase

_START = b"<sheetData>"
_ROW = '<row r="'
_FIRST_CELL = '><c r="'
_TEXT = b'" t="inlineStr"><is><t>'
_NEXT_CELL = b'</t></is></c><c r="'
_END = "</t></is></c></row>"
_PRESERVED = b'<t xml:space="preserve">'
_MARK = b"\0"
"""Replaces the markup between the names and texts of cells; XML cannot contain it."""
_ESCAPE = "_x"
"""How escaped characters begin, such as `_x000D_`; parsers change these and carriage returns, each in its way."""

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
            parts = cells.split("\0")
            texts = parts[1::2]
            if "&" in cells:
                texts = [html.unescape(text) for text in texts]
            yield shapes[" ".join(parts[::2]).replace(name, "#")](texts)


def _items(pieces: Iterable[bytes]) -> Iterator[list[str]]:
    """The rows of each piece without their ends, with marks between names and texts of cells."""
    is_first = True
    for xml in pieces:
        if _MARK in xml or b"\r" in xml:
            raise NotPlain
        if is_first:
            xml, is_first = xml.partition(_START)[2], False
        if _PRESERVED in xml:
            xml = xml.replace(_PRESERVED, b"<t>")
        try:
            text = xml.replace(_TEXT, _MARK).replace(_NEXT_CELL, _MARK).decode()
        except UnicodeDecodeError:
            raise NotPlain from None
        *items, rest = text.split(_END)
        if _ESCAPE in text or "<row" in rest:
            raise NotPlain
        yield items


class _Shapes(dict[str, _Arrange]):
    """Functions that arrange the texts of a row by its columns, such as `A# B# D#`; the first shape has all columns."""

    def __missing__(self, shape: str) -> _Arrange:
        columns = shape.split(" ")
        if not self:
            self._all = [f"{letter}#" for letter in ascii_uppercase[: len(columns)]]
        if columns == self._all:
            self[shape] = _unchanged
            return _unchanged
        index = {column: at for at, column in enumerate(columns)}
        if [column for column in self._all if column in index] != columns:
            raise NotPlain
        self[shape] = arrange = _arranging([index.get(column, len(columns)) for column in self._all])
        return arrange


def _unchanged(texts: Sequence[str]) -> Sequence[str]:
    return texts


def _arranging(indexes: Sequence[int]) -> _Arrange:
    """A function that takes the texts with these indexes; the one after the last is empty."""
    if len(indexes) == 1:
        return lambda texts: texts or [""]
    take = itemgetter(*indexes)
    return lambda texts: take([*texts, ""])
