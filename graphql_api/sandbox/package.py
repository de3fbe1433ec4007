"""Checks a workbook file before it is parsed: its type and size, and which cells have errors.

An .xlsx file is a zip archive of XML parts. The parser holds a sheet as a rectangle in memory, so one cell far away from the
others could exhaust the memory.
"""

import html
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from graphql_api.sandbox.report import WorkbookError

MAX_FILE_BYTES = 256_000_000
MAX_CONTENT_BYTES = 1_000_000_000
"""Maximum size of all parts, decompressed; an export of Competent has 140 MB."""
MAX_CELLS = 28_000_000
"""Maximum size of the rectangle around all cells of a sheet: columns A to Z of all rows. The largest sheet has 750,000 cells."""
_PIECE = 28_000
"""Bytes that are decompressed at a time: CPython replaces in fewer than 30,000 bytes without preparing each search."""
_MAX_PART = 8 << 20
"""Maximum bytes of a row, or of a part that describes the workbook."""
_END_OF_ROW = b"</row>"
_CFB = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of files of Excel 97 to 2003, and of encrypted files of any version."""

_ELEMENT = re.compile(rb"<(?:\w+:)?(sheet|Relationship)\s[^>]*>")
_ATTRIBUTE = re.compile(r"""(?:\w+:)?(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_WIDE = re.compile(rb"""r=["'][A-Z]{2}""")
"""A cell right of column Z; a cheap test before the extent of a sheet is computed."""
_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]{1,3})(\d{1,7})["'][^>]*?(/?)>""")
_FAILED = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\bt=["']e["'][^>]*>.*?<(?:\w+:)?v>([^<]*)<""", re.DOTALL)


@dataclass
class Extent:
    """The rectangle around all cells with a value; rows and columns from 1."""

    first: tuple[int, int] = (1 << 30, 1 << 30)
    last: tuple[int, int] = (0, 0)

    def add(self, row: int, column: int) -> None:
        self.first = min(self.first[0], row), min(self.first[1], column)
        self.last = max(self.last[0], row), max(self.last[1], column)

    @property
    def cells(self) -> int:
        return max(self.last[0] - self.first[0] + 1, 0) * max(self.last[1] - self.first[1] + 1, 0)


@dataclass
class Package:
    """A workbook file, read into memory once so that later changes to it do not matter."""

    name: str
    content: bytes
    parts: dict[str, str] = field(default_factory=dict)
    """Names of parts by sheet name."""

    def error_cells(self, sheet: str) -> dict[int, dict[int, str]]:
        """Error texts of cells with failed formulas, by row and column from 0; python-calamine reads such cells as empty.

        Raises WorkbookError if the sheet has more than MAX_CELLS cells.
        """
        errors: dict[int, dict[int, str]] = {}
        is_wide = False
        for piece in self.pieces(sheet):
            is_wide = is_wide or _WIDE.search(piece) is not None
            if b't="e"' in piece or b"t='e'" in piece:
                for failed in _FAILED.finditer(piece):
                    if cell := _CELL.match(failed[0]):
                        row, column = int(cell[2]) - 1, column_number(cell[1].decode()) - 1
                        errors.setdefault(row, {})[column] = html.unescape(failed[1].decode(errors="replace"))
        if is_wide:
            self._check_extent(sheet)
        return errors

    def _check_extent(self, sheet: str) -> None:
        extent = Extent()
        for piece in self.pieces(sheet):
            for column, row, empty in _CELL.findall(piece):
                if not empty:
                    extent.add(int(row), column_number(column.decode()))
        if extent.cells > MAX_CELLS:
            cell = f"{column_letter(extent.last[1] - 1)}{extent.last[0]}"
            raise WorkbookError(
                f"{self.name}: the sheet {sheet!r} reaches to the cell {cell}, which is {extent.cells:,} cells; "
                f"the limit is {MAX_CELLS:,}: delete cells far away from the data"
            )

    def pieces(self, sheet: str) -> Iterator[bytes]:
        """The XML of a sheet in pieces of about 28 kB, split after rows; nothing if its part is unknown."""
        if sheet not in self.parts:
            return
        rest = b""
        with zipfile.ZipFile(BytesIO(self.content)) as archive, archive.open(self.parts[sheet]) as stream:
            while chunk := stream.read(_PIECE):
                searched, rest = max(len(rest) - len(_END_OF_ROW), 0), rest + chunk
                end = rest.rfind(_END_OF_ROW, searched) + len(_END_OF_ROW)
                cut = end if end >= len(_END_OF_ROW) else len(rest) if len(rest) > _MAX_PART else 0
                yield rest[:cut]
                rest = rest[cut:]
        yield rest


def read_package(path: Path) -> Package:
    """Read a workbook file. Raises WorkbookError if it is missing, of another type, protected or too large."""
    if path.name.startswith("~$"):
        raise WorkbookError(
            f"{path.name}: this is the lock file of a workbook that is open in Excel; pass {path.name[2:]}"
        )
    if not path.exists():
        raise WorkbookError(f"{path}: file not found")
    if not path.is_file():
        raise not_expected(path.name, "is not a file")
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise not_expected(path.name, f"has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
    package = Package(path.name, path.read_bytes())
    try:
        _check_kind(package)
        with zipfile.ZipFile(BytesIO(package.content)) as archive:
            _check_archive(package.name, archive)
            package.parts.update(_sheet_parts(archive))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, KeyError, ValueError) as error:
        if isinstance(error, WorkbookError):
            raise
        raise not_expected(path.name, f"cannot be read as a workbook ({error})") from error
    return package


def column_letter(column: int) -> str:
    """The letters of a column number, from 0, as in Excel: A to XFD."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def column_number(letters: str) -> int:
    """The number, from 1, of a column by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def not_expected(name: str, what: str) -> WorkbookError:
    """The error for a file that is not an export of Competent."""
    return WorkbookError(
        f"{name}: an Excel export of Competent is expected, with a sheet 'Occupational Profiles' and others like "
        f"'Occ.Prof - Alt.Names' and 'Occ.Prof - Essential Competences', but this {what}"
    )


def _check_kind(package: Package) -> None:
    content = package.content
    if not content:
        raise not_expected(package.name, "cannot be read as a workbook (it is empty: is the copy complete?)")
    if content.startswith(_CFB):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise not_expected(package.name, "is protected by a password; save it without one")
        raise not_expected(package.name, "is a workbook of Excel 97 to 2003 (.xls); save it as .xlsx")
    if not content.startswith(b"PK"):
        text = b"\0" not in content[:4096]
        raise not_expected(package.name, f"cannot be read as a workbook (it is {'text' if text else 'something else'})")


def _check_archive(name: str, archive: zipfile.ZipFile) -> None:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if (size := sum(entry.file_size for entry in archive.infolist())) > MAX_CONTENT_BYTES:
        raise not_expected(name, f"unpacks to {size:,} bytes; the limit is {MAX_CONTENT_BYTES:,}")
    if any(entry.flag_bits & 1 for entry in archive.infolist()):
        raise not_expected(name, "is protected by a password; save it without one")
    if "xl/workbook.bin" in entries:
        raise not_expected(name, "is a binary workbook (.xlsb); save it as .xlsx")
    if "content.xml" in entries:
        raise not_expected(name, "is an OpenDocument spreadsheet (.ods); save it as .xlsx")
    if "xl/workbook.xml" not in entries:
        raise not_expected(name, "is a zip archive of other files; pass the workbook inside it")


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    targets = {
        relationship.get("Id"): relationship.get("Target", "")
        for relationship in _elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
    }
    return {
        sheet["name"]: target[1:] if target.startswith("/") else f"xl/{target}"
        for sheet in _elements(archive, "xl/workbook.xml", "sheet")
        if "name" in sheet and (target := targets.get(sheet.get("id")))
    }


def _elements(archive: zipfile.ZipFile, part: str, name: str) -> Iterator[dict[str, str]]:
    """The attributes, without namespaces, of all elements with this name."""
    with archive.open(part) as stream:
        xml = stream.read(_MAX_PART)
    for element in _ELEMENT.finditer(xml):
        if element[1].decode() == name:
            attributes = _ATTRIBUTE.findall(element[0].decode())
            yield {key: html.unescape(double or single) for key, double, single in attributes}
