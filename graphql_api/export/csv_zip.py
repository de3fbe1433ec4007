"""CSV (RFC 4180) in UTF-8: a zip archive with a file for each concept type and each relation (`tables.py`), and the release.

Cells that a spreadsheet would run as a formula begin with an apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

import csv
import io
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import fields
from functools import partial
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from graphql_api.export.contents import Batch, Contents, ReleaseFacts, Step
from graphql_api.export.tables import Row, Table, tables_of

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"


def steps(contents: Contents) -> Generator[Step]:
    """The steps that write a release; close the generator if not all of them are run."""
    with closing(_Archive(contents.options.has_bom)) as archive:
        yield partial(archive.write_release, contents.release)
        for type, batches in contents.batches.items():
            for table in tables_of(type):
                yield partial(archive.begin, table.name, table.columns)
                for batch in batches:
                    yield partial(archive.write, table, batch)
        yield archive.end


class _Archive:
    """A zip archive that is written in pieces: each method returns the bytes that it added."""

    def __init__(self, has_bom: bool) -> None:
        self._has_bom = has_bom
        self._output = _Output()
        self._zip = ZipFile(self._output, "w", ZIP_DEFLATED)
        self._file: IO[bytes] | None = None

    def write_release(self, release: ReleaseFacts, connection: sqlite3.Connection) -> bytes:
        """Write the file about the release."""
        names = tuple(field.name for field in fields(ReleaseFacts))
        return self.begin("release.csv", names, connection) + self._write([[getattr(release, name) for name in names]])

    def begin(self, name: str, columns: tuple[str, ...], _: sqlite3.Connection) -> bytes:
        """End the file before, and begin one with these column names."""
        self._end_file()
        info = ZipInfo(name)  # without the time of the export, so that the same data gives the same file
        info.compress_type = ZIP_DEFLATED
        self._file = self._zip.open(info, "w")
        if self._has_bom:
            self._file.write(_BOM.encode())
        return self._write([list(columns)])

    def write(self, table: Table, batch: Batch, connection: sqlite3.Connection) -> bytes:
        """Write the rows of a batch of documents."""
        return self._write(row for document in batch.read(connection) for row in table.rows(document))

    def end(self, _: sqlite3.Connection) -> bytes:
        """Write the end of the archive."""
        self.close()
        return self._output.take()

    def close(self) -> None:
        """Close the archive, complete or not."""
        self._end_file()
        self._zip.close()

    def _write(self, rows: Iterable[Row]) -> bytes:
        assert self._file is not None
        text = io.StringIO(newline="")
        csv.writer(text).writerows([_guarded(cell) for cell in row] for row in rows)
        self._file.write(text.getvalue().encode())
        return self._output.take()

    def _end_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _guarded(cell: str | None) -> str:
    text = cell or ""
    return f"'{text}" if text.startswith(_FORMULA) else text


class _Output(io.RawIOBase):
    """A file that cannot seek, and whose bytes are taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """The bytes written since the last call."""
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        return pieces
