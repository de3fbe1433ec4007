"""The file of the vectors of one index and one model: a header, the digests of the texts in ascending order, and the vectors.

It appears complete or not at all, and is read into memory, not mapped: a truncated file is an error and not a crash.
"""

import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b, blake2s
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

MAGIC = b"competent vectors 1\n"
Digests = npt.NDArray[np.uint64]


class Vectors(NamedTuple):
    """Vectors as rows in half precision, and the digests of their texts, in ascending order."""

    digests: Digests
    rows: npt.NDArray[np.float16]

    def positions(self, digests: Digests) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """For each digest its row, and whether it has one; otherwise the row is any."""
        if not len(self.digests):
            return np.zeros(len(digests), np.intp), np.zeros(len(digests), np.bool_)
        rows = np.minimum(np.searchsorted(self.digests, digests), len(self.digests) - 1)
        return rows, self.digests[rows] == digests


def digests_of(texts: Iterable[str]) -> Digests:
    """The digest of each text."""
    return np.frombuffer(b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts), np.uint64)


class VectorFile:
    """The vectors of an index file for the model with this id."""

    def __init__(self, index: Path, model: str, columns: int | None = None) -> None:
        """Vectors with another number of `columns` are ignored: they are of another model with the same name."""
        self._model = model
        self._columns = columns
        self._suffix = f".{blake2s(model.encode(), digest_size=6).hexdigest()}.vectors"
        self.path = index.with_suffix(self._suffix)

    def read(self) -> Vectors | None:
        """Read the file; None if it is missing, damaged, or of another model or format."""
        return self._read(self.path)

    def read_others(self) -> Iterable[Vectors]:
        """Yield the vectors of other indexes in this folder for the same model, the newest file first."""
        files = {file: _modified(file) for file in self.path.parent.glob(f"*{self._suffix}") if file != self.path}
        for file in sorted(files, key=lambda file: -files[file]):
            if (vectors := self._read(file)) is not None:
                yield vectors

    def _read(self, file: Path) -> Vectors | None:
        try:
            with file.open("rb") as opened:
                if opened.read(len(MAGIC)) != MAGIC:
                    return None
                header = orjson.loads(opened.readline(10_000))
                body = opened.read()
            if header["model"] != self._model or zlib.crc32(body) != header["checksum"]:
                return None
            count, columns = int(header["texts"]), int(header["columns"])
            if columns != (self._columns or columns):
                return None
            rows = np.frombuffer(body, np.float16, count * columns, count * 8).reshape(count, columns)
            return Vectors(np.frombuffer(body, np.uint64, count), rows)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, vectors: Vectors) -> None:
        """Write the file, replacing an existing one. Only one thread at a time may. Raises OSError if it cannot be written."""
        body = vectors.digests.tobytes() + vectors.rows.tobytes()
        texts, columns = vectors.rows.shape
        header = {"model": self._model, "texts": texts, "columns": columns, "checksum": zlib.crc32(body)}
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            with part.open("wb") as file:
                file.writelines((MAGIC, orjson.dumps(header), b"\n", body))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
