"""Makes the vectors of all texts of an index, or reads them from their file."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphql_api.errors import EmbeddingError
from graphql_api.index.index_file import exclusive, read_only
from graphql_api.index.semantic.embedder import Embedder
from graphql_api.index.semantic.meaning import OCCURRENCES, Meaning
from graphql_api.index.semantic.progress import VectorProgress
from graphql_api.index.semantic.vector_file import Digests, VectorFile, Vectors, digests_of

BATCH = 16
"""Texts per call of the embedder; about 20 milliseconds of work for the encoder in this process."""
STEP = 4_000
"""Rows that numpy converts in one call, during which other threads wait; a few milliseconds of work."""
SAMPLE = "x"
WAIT = 1.0
"""Seconds between looks for the file that another process is making."""


def read_meaning(index: Path, embedder: Embedder, progress: VectorProgress) -> Meaning:
    """Read the vectors of an index from their file, which is made first if it is missing; `progress` is updated.

    One process at a time makes the file; others wait for it.
    """
    file = VectorFile(index, embedder.id, _columns(embedder))
    with closing(read_only(index)) as connection:
        texts: list[tuple[int, str]] = connection.execute("SELECT n, text FROM searched_text ORDER BY n").fetchall()
        occurrences = _array(connection.execute(OCCURRENCES))
    digests = digests_of(text for _, text in texts)
    vectors = _complete(file, digests)
    while vectors is None:
        with exclusive(file.path.with_suffix(".lock")) as mine:
            vectors = _complete(file, digests) or (_made(file, digests, texts, embedder, progress) if mine else None)
        if vectors is None:
            progress.wait(WAIT)
    progress.finish(len(vectors.digests))
    rows, _ = vectors.positions(digests)
    matrix = np.zeros((len(texts) + 1, vectors.rows.shape[1]), np.float32)  # texts are numbered from 1
    for start in range(0, len(texts), STEP):
        matrix[1 + start : 1 + start + STEP] = vectors.rows[rows[start : start + STEP]]
    return Meaning(embedder, matrix, occurrences)


def _columns(embedder: Embedder) -> int | None:
    """The length of the vectors that the embedder makes now; None if it makes none. It loads the encoder, before any search."""
    try:
        return len(embedder.documents([SAMPLE])[0])
    except EmbeddingError:
        return None


def _array(cursor: sqlite3.Cursor) -> npt.NDArray[np.int64]:
    """The rows of OCCURRENCES."""
    pieces = [np.zeros((0, 6), np.int64)]
    while rows := cursor.fetchmany(STEP):
        pieces.append(np.array(rows, np.int64))
    return np.concatenate(pieces)


def _complete(file: VectorFile, digests: Digests) -> Vectors | None:
    """The vectors in the file if it has one for each text."""
    vectors = file.read()
    return vectors if vectors is not None and vectors.positions(digests)[1].all() else None


def _made(
    file: VectorFile,
    digests: Digests,
    texts: Sequence[tuple[int, str]],
    embedder: Embedder,
    progress: VectorProgress,
) -> Vectors:
    """Make the vectors of all texts and write the file; those that another file for this model has are copied."""
    needed, first = np.unique(digests, return_index=True)
    has = np.zeros(len(needed), np.bool_)
    rows: npt.NDArray[np.float16] | None = None
    for other in [file.read(), *file.read_others()]:
        if other is not None and (rows is None or other.rows.shape[1] == rows.shape[1]):
            rows = np.zeros((len(needed), other.rows.shape[1]), np.float16) if rows is None else rows
            positions, copied = other.positions(needed)
            rows[copied & ~has] = other.rows[positions[copied & ~has]]
            has |= copied
    missing = np.flatnonzero(~has)
    done = len(needed) - len(missing)
    progress.update(done, len(needed))
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        computed = embedder.documents([texts[first[at]][1] for at in batch])
        rows = np.zeros((len(needed), computed.shape[1]), np.float16) if rows is None else rows
        rows[batch] = computed
        progress.update(done := done + len(batch), len(needed))
    vectors = Vectors(needed, rows if rows is not None else np.zeros((0, 1), np.float16))
    file.write(vectors)
    return vectors
