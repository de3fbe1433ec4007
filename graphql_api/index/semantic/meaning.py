"""Compares the meaning of a query, or of the passages of a text, with that of all searched texts of an index."""

import sqlite3
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from graphql_api.errors import EmbeddingError
from graphql_api.index.semantic.concept_links import ConceptLinks, Rows
from graphql_api.index.semantic.embedder import Embedder
from graphql_api.index.tables import SEARCH

if TYPE_CHECKING:
    from graphql_api.index.semantic.embedder import Matrix

SUPPORT = 0.5
"""The weight of a concept's long text (description, working context), relative to its best text."""
MOST_SIMILAR = 100
"""Concepts that are found by their meaning alone."""
MIN_SIMILARITY = 0.35
"""Their minimum similarity; texts without any meaning reach 0.3 to 0.4."""
CACHED_QUERIES = 100
"""Search texts whose vectors are cached, as for the pages of one search."""

TEXTS_PER_BATCH = 16
"""Passages per call of the embedder; about 20 milliseconds of work for the encoder in this process."""

OCCURRENCES = """
SELECT searched_text, concept_type * 4 + language, concept, field, length(folded), position
FROM occurrence JOIN searched_text ON n = searched_text ORDER BY concept, searched_text, language
"""
_LONG = [number for number, search in SEARCH.items() if search.exact is None]


class SimilarText(NamedTuple):
    """A concept, how similar it is (1: the same meaning), and its most similar text: number, field, language and length.

    `order` sorts concepts: by type, then by position.
    """

    row_id: int
    similarity: float
    order: int
    text: int
    field: int
    language: int
    length: int


class Similarities(NamedTuple):
    """The similarity of each concept with texts (rows) to each vector (columns); 0 if it has no such text, at least 0.

    `short`: to its titles, names or descriptions of competences; `long`: to its long texts.
    """

    short: "Matrix"
    long: "Matrix"

    @property
    def best(self) -> "Matrix":
        """To any text."""
        best: Matrix = np.maximum(self.short, self.long)
        return best


class Resemblance(NamedTuple):
    """The text of a concept (row id) that resembles a vector most: its number, field and language."""

    row_id: int
    text: int
    field: int
    language: int


class Meaning:
    """All texts of an index with their vectors, in memory. Thread-safe."""

    def __init__(self, embedder: Embedder, matrix: "Matrix", occurrences: npt.NDArray[np.int64]) -> None:
        """`matrix` has the vector of text n in row n; `occurrences` has rows as OCCURRENCES selects them, by concept."""
        self.model = embedder.id
        self._matrix = matrix
        columns = np.ascontiguousarray(occurrences.T)
        self._texts, self._bits, concepts, self._fields, self._lengths, positions = columns
        self._concepts, self._starts = np.unique(concepts, return_index=True)
        self._orders = ((self._bits // 4 << 32) + positions)[self._starts]
        self._ends = np.append(self._starts[1:], len(concepts))
        self._is_long = np.isin(self._fields, _LONG)
        self._has_long = np.logical_or.reduceat(self._is_long, self._starts) if len(concepts) else self._is_long
        self._embedder = embedder
        self._vector = lru_cache(CACHED_QUERIES)(lambda text: self._query_vectors([text])[0])
        self._links: ConceptLinks | None = None

    def similar(
        self, text: str, bits: int, also: Sequence[int]
    ) -> tuple[list[SimilarText], dict[int, tuple[float, int]]]:
        """The concepts whose texts resemble a search text most; and by row id, similarity and order of those in `also`.

        `bits` has a bit for each searched type and language, as in `search`; concepts without such a text are missing. Raises
        EmbeddingError if the search text has no vector now.
        """
        if not len(self._concepts):
            return [], {}
        similarities = (self._matrix @ self._vector(text))[self._texts]
        similarities[(np.int64(bits) >> self._bits) & 1 == 0] = -1
        scores = self._scores(similarities)
        best = np.argpartition(-scores, min(MOST_SIMILAR, len(scores) - 1))[:MOST_SIMILAR]
        similar = self._similar(best[scores[best] >= MIN_SIMILARITY], similarities, scores)
        return similar, self._similarities(np.array(also, np.int64), scores)

    def _scores(self, similarities: "Matrix") -> "Matrix":
        """The similarity of each concept: that of its best text and, if it has long texts, of the best long text."""
        best = np.maximum.reduceat(similarities, self._starts)
        long = np.maximum.reduceat(np.where(self._is_long, similarities, np.float32(-1)), self._starts)
        supported = (best + SUPPORT * long) / (1 + SUPPORT)
        scores: Matrix = np.where(self._has_long & (long > -1), supported, best)
        return scores

    def _similarities(self, row_ids: npt.NDArray[np.int64], scores: "Matrix") -> dict[int, tuple[float, int]]:
        at = np.minimum(np.searchsorted(self._concepts, row_ids), len(self._concepts) - 1)
        at = at[(self._concepts[at] == row_ids) & (scores[at] > -1)]
        pairs = zip(scores[at].tolist(), self._orders[at].tolist(), strict=True)
        return dict(zip(self._concepts[at].tolist(), pairs, strict=True))

    def _similar(self, at: npt.NDArray[np.intp], similarities: "Matrix", scores: "Matrix") -> list[SimilarText]:
        """The concepts at these positions, each with its most similar text."""
        rounded = np.round(similarities, 3)
        bounds = zip(self._starts[at].tolist(), self._ends[at].tolist(), strict=True)
        best = np.array([start + int(rounded[start:end].argmax()) for start, end in bounds], np.intp)
        columns = (self._concepts[at], scores[at].astype(np.float64), self._orders[at], self._texts[best])
        more = (self._fields[best], self._bits[best] % 4, self._lengths[best])
        return [SimilarText(*row) for row in zip(*(column.tolist() for column in (*columns, *more)), strict=True)]

    # For texts of people, of which nothing is cached

    def vectors(self, texts: Sequence[str]) -> "Matrix":
        """Vectors of texts, as rows. Raises EmbeddingError if they have no vectors now."""
        starts = range(0, len(texts), TEXTS_PER_BATCH)
        return np.concatenate([self._query_vectors(texts[start : start + TEXTS_PER_BATCH]) for start in starts])

    def _query_vectors(self, texts: Sequence[str]) -> "Matrix":
        vectors = self._embedder.queries(texts)
        if vectors.shape[1] != self._matrix.shape[1] and len(self._concepts):
            raise EmbeddingError("the vectors of searches and of texts have different lengths: the model has changed")
        return vectors

    def links(self, connection: sqlite3.Connection) -> ConceptLinks:
        """What the concepts of this index hold; read once."""
        if self._links is None:
            self._links = ConceptLinks(connection, self._concepts)
        return self._links

    def by_concept(self, vectors: "Matrix", languages: Collection[int]) -> Similarities:
        """The similarity of each concept to each vector, by its texts in these languages. Concepts are numbered by row id."""
        zero = np.float32(0)
        if not len(self._concepts):
            return Similarities(*[np.zeros((0, len(vectors)), np.float32)] * 2)
        similarities = np.maximum((self._matrix @ vectors.T)[self._texts], zero)
        similarities[~np.isin(self._bits % 4, list(languages))] = zero
        short, long = (
            np.maximum.reduceat(np.where(column[:, None], similarities, zero), self._starts)
            for column in (~self._is_long, self._is_long)
        )
        return Similarities(short, long)

    def nearest(self, vector: "Matrix", row_ids: Rows, languages: Collection[int]) -> Resemblance:
        """The short text of these concepts, in these languages if there is one, that resembles a vector most."""
        at = np.searchsorted(self._concepts, row_ids)
        at = at[self._concepts[np.minimum(at, len(self._concepts) - 1)] == row_ids]
        rows = np.concatenate([np.arange(self._starts[row], self._ends[row]) for row in at])
        usable = ~self._is_long[rows] & np.isin(self._bits[rows] % 4, list(languages))
        rows = rows[usable] if usable.any() else rows
        best = rows[int(np.argmax(np.round(self._matrix[self._texts[rows]] @ vector, 4)))]
        concept = int(self._concepts[np.searchsorted(self._starts, best, side="right") - 1])
        return Resemblance(concept, int(self._texts[best]), int(self._fields[best]), int(self._bits[best] % 4))
