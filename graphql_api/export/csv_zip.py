"""CSV (RFC 4180) in UTF-8: a zip archive with a file for each concept type and each relation (`tables.py`), and the release.

Cells that a spreadsheet would run as a formula begin with an apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

import csv
import io
import sqlite3
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import fields
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from graphql_api.export.contents import Batch, Contents, ReleaseFacts, Step
from graphql_api.export.tables import Row, Table, tables_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"
MAX_IN_MEMORY = 1_000_000
"""Bytes of the rows of a relation in memory while the file of its concepts is written."""


def steps(contents: Contents) -> Generator[Step]:
    """The steps that write a release; close the generator if not all of them are run."""
    with closing(_Archive(contents.options.has_bom)) as archive:
        yield partial(archive.write_release, contents.release)
        for type, batches in contents.batches.items():
            concepts, *relations = tables_of(type)
            yield partial(archive.begin, concepts.name, concepts.columns)
            for batch in batches:
                yield partial(archive.write, concepts, relations, batch)
            for table in relations:
                yield partial(archive.begin, table.name, table.columns)
                for _ in batches:
                    yield partial(archive.write_waiting, table)
        yield archive.end


class _Archive:
    """A zip archive that is written in pieces: each method returns the bytes that it added."""

    def __init__(self, has_bom: bool) -> None:
        self._has_bom = has_bom
        self._output = _Output()
        self._zip = ZipFile(self._output, "w", ZIP_DEFLATED)
        self._file: IO[bytes] | None = None
        self._waiting: defaultdict[str, _WaitingRows] = defaultdict(_WaitingRows)

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

    def write(self, concepts: Table, relations: Iterable[Table], batch: Batch, connection: sqlite3.Connection) -> bytes:
        """Write the rows of a batch of concepts; the rows of their relations wait for the files of these."""
        documents = batch.read(connection)
        for table in relations:
            self._waiting[table.name].put(_encoded(row for document in documents for row in table.rows(document)))
        return self._write(row for document in documents for row in concepts.rows(document))

    def write_waiting(self, table: Table, _: sqlite3.Connection) -> bytes:
        """Write the rows of the next batch that wait for the file of a table."""
        self._append(self._waiting[table.name].take())
        return self._output.take()

    def end(self, _: sqlite3.Connection) -> bytes:
        """Write the end of the archive."""
        self.close()
        return self._output.take()

    def close(self) -> None:
        """Close the archive, complete or not."""
        self._end_file()
        self._zip.close()
        for rows in self._waiting.values():
            rows.close()

    def _write(self, rows: Iterable[Row]) -> bytes:
        self._append(_encoded(rows))
        return self._output.take()

    def _append(self, rows: bytes) -> None:
        assert self._file is not None
        self._file.write(rows)

    def _end_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _WaitingRows:
    """Rows of a table by batch: in memory and, if they are many, in a temporary file that no other process sees."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(MAX_IN_MEMORY)  # noqa: SIM115  # `close` closes it
        self._sizes: list[int] = []
        self._taken = 0

    def put(self, rows: bytes) -> None:
        """Append the rows of a batch."""
        self._file.write(rows)
        self._sizes.append(len(rows))

    def take(self) -> bytes:
        """The rows of the next batch; none can be put after that."""
        if self._taken == 0:
            self._file.seek(0)
        self._taken += 1
        return self._file.read(self._sizes[self._taken - 1])

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()


def _encoded(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _guarded(cell: str | None) -> str:
    text = cell or ""
    return f"'{text}" if text.startswith(_FORMULA) else text


class _Output(io.RawIOBase):
    """A file that cannot seek, and whose bytes are taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer") -> int:
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """The bytes written since the last call."""
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        return pieces
