"""Compares a text of a person with a release: how much it speaks of each occupational profile.

Nothing of the text is cached or logged. The weights were chosen on the tuning half of `benchmarks/search/texts.toml`.
"""

import sqlite3
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphql_api.index.search import Search, searched_languages
from graphql_api.index.semantic.passage_words import word_scores
from graphql_api.index.semantic.passages import LONG_CHARS, Span, check_text, passages_of, phrases_of

if TYPE_CHECKING:
    from graphql_api.index.semantic.embedder import Matrix
    from graphql_api.index.semantic.meaning import Meaning

VECTORS_PER_STEP = 16
"""Passages that are compared in one step, which takes about 20 milliseconds."""
LONG, HELD, WORDS = 1.5, 0.5, 0.5
"""Weights of a passage's similarity to the descriptions of a profile, of that to what the profile holds, and of its words."""
TITLE, DESCRIPTION = 0.5, 0.5
"""Weights of the similarity of the whole text to a title or name, and to a description."""
BEST_PASSAGE = 0.4
"""The weight of the passage that matches best, by its words and by its similarity to a title or name."""
_MAX = LONG + HELD + WORDS + TITLE + DESCRIPTION + BEST_PASSAGE * (WORDS + 1)
DISTINCTION = 2
"""Passages count by how much better the best profile matches than the mean one, to this power: those about any job say little."""


class Phrase(NamedTuple):
    """A passage, or an item of an enumeration in it; `passage` is the position of the passage."""

    passage: int
    span: Span


class TextMatcher:
    """Compares one text with the texts of one release in some languages."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        search: Search,
        meaning: "Meaning",
        text: str,
        languages: Collection[int] | None,
    ) -> None:
        """`languages` are positions in LANGUAGES, None for all.

        Raises BadUserInput if the text cannot be used, EmbeddingError if it has no vectors now.
        """
        check_text(text)
        self.text, self.connection, self.meaning = text, connection, meaning
        self.languages = searched_languages(languages)
        self.links = meaning.links(connection)
        self.passages = passages_of(text)
        self._search = search
        self.own, self._long, self.held = self._similarities()

    @cached_property
    def phrases(self) -> list[Phrase]:
        """What competences are looked for in: the items of enumerations and, unless the text is long, whole passages too."""
        items = [Phrase(at, span) for at, span in phrases_of(self.text, self.passages)]
        if self._is_long:
            return items
        passages = [Phrase(at, passage) for at, passage in enumerate(self.passages)]
        return passages + [item for item in items if item not in passages]

    @cached_property
    def vectors(self) -> "Matrix":
        """The vectors of the passages."""
        if not self._is_long:
            return self.meaning.vectors([passage.text for passage in self.passages])
        means = np.zeros((len(self.passages), self.phrase_vectors.shape[1]), np.float32)
        np.add.at(means, [phrase.passage for phrase in self.phrases], self.phrase_vectors)
        return _normalised(means)

    @cached_property
    def phrase_vectors(self) -> "Matrix":
        """The vectors of the phrases."""
        done = [] if self._is_long else [self.vectors]
        rest = self.phrases[len(self.passages) if done else 0 :]
        more = [self.meaning.vectors([phrase.span.text for phrase in rest])] if rest else []
        return np.concatenate([*done, *more])

    @property
    def _is_long(self) -> bool:
        return len(self.text) > LONG_CHARS

    def _similarities(self) -> "tuple[Matrix, Matrix, Matrix]":
        """For each profile (rows) and passage (columns) the similarity to its titles and names, its long texts, what it holds."""
        pieces, links = [], self.links
        for start in range(0, len(self.passages), VECTORS_PER_STEP):
            similar = self.meaning.by_concept(self.vectors[start : start + VECTORS_PER_STEP], self.languages)
            pieces.append((links.own.best(similar.short), links.own.best(similar.long), links.held.best(similar.best)))
        own, long, held = (np.concatenate(matrices, axis=1) for matrices in zip(*pieces, strict=True))
        return own, long, held

    @cached_property
    def profile_scores(self) -> "Matrix":
        """How much the text speaks of each profile, by position, from 0 to 1."""
        if not self.links.profiles:
            return np.zeros(0, np.float32)
        vocabulary = self._search.texts(self.connection).vocabulary
        passages = [passage.text for passage in self.passages]
        words = word_scores(self.connection, vocabulary, passages, self.languages, len(self.links.profiles))
        mean = _normalised(self.vectors.mean(axis=0, keepdims=True))
        similar = self.meaning.by_concept(mean, self.languages)
        whole_text = TITLE * self.links.own.best(similar.short) + DESCRIPTION * self.links.own.best(similar.long)
        by_passage = LONG * self._long + HELD * self.held + WORDS * words
        distinction = (by_passage.max(axis=0) - by_passage.mean(axis=0)) ** DISTINCTION
        scores = by_passage @ distinction / max(float(distinction.sum()), 1e-9)
        scores += whole_text[:, 0] + BEST_PASSAGE * (WORDS * words + self.own).max(axis=1)
        best: Matrix = np.round(scores / _MAX, 4)  # so that the last bits do not decide about the order
        return best


def _normalised(matrix: "Matrix") -> "Matrix":
    normalised: Matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return normalised
