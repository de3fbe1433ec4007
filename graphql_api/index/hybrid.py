"""Hybrid search: exact matches first, then concepts by how well their words match and how similar their meaning is."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from graphql_api.competent.declarations import ConceptType
from graphql_api.index.hits import Hit, MatchKind, hits_by_code, hits_by_words, texts_of
from graphql_api.index.ranking import LOSSES, Best, Ranking
from graphql_api.index.scoring import EXACT
from graphql_api.index.search import MAX_RESULTS, Search, searched_languages, searched_types
from graphql_api.index.tables import FIELD_NAMES

if TYPE_CHECKING:
    from graphql_api.index.semantic.meaning import Meaning, SimilarText

WORDS = 0.5
"""The weight of the score by words, relative to the similarity of meaning."""
MAX_SCORE = 0.89
"""The maximum score of texts that do not equal the query; below that of any text that does."""
MIN_SIMILARITY = 0.45
"""Minimum similarity if no word of the query matches: 95 % of texts without any meaning have less."""
STEP = 10
"""Losses are multiples of it, so that the last bits of a sum do not decide about the order."""
_EXACT_LOSS = round((1 - min(EXACT.values())) * LOSSES)
"""The maximum loss of texts that equal the query, or nearly."""
_LAST = 1 << 62  # the order of concepts without a text of their own


class _Candidate(NamedTuple):
    """A concept that matches by words (`best`) or by meaning alone (`similar`); sorts best first."""

    loss: int
    field: int
    length: int
    order: int
    row_id: int
    best: Best | None = None
    similar: "SimilarText | None" = None


class HybridSearch:
    """Searches one index by words and by meaning. Thread-safe."""

    def __init__(self, lexical: Search, meaning: "Meaning") -> None:
        self._lexical = lexical
        self._meaning = meaning
        self.model = meaning.model

    def search(
        self,
        connection: sqlite3.Connection,
        text: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
        start: int,
        stop: int,
    ) -> tuple[list[Hit], int]:
        """Search as `Search.search` does. Also raises EmbeddingError if the text cannot be compared by meaning now."""
        codes, ranking, rows = self._lexical.ranked(connection, text, types, languages)
        if ranking is None:
            return hits_by_code(codes[start:stop]), len(codes)
        by_words = [Best(*row) for row in rows]
        row_ids = [best.row_id for best in by_words]
        similar, scores = self._meaning.similar(text, _bits(types, languages), row_ids)
        if not by_words:
            similar = [concept for concept in similar if concept.similarity >= MIN_SIMILARITY]
        others = {code.row_id for code in codes}.union(row_ids)
        candidates = [_by_words(best, *scores.get(best.row_id, (0.0, _LAST))) for best in by_words]
        candidates += [_by_meaning(concept) for concept in similar if concept.row_id not in others]
        candidates = sorted(candidates)[: MAX_RESULTS - len(codes)]
        page = candidates[max(start - len(codes), 0) : max(stop - len(codes), 0)]
        return hits_by_code(codes[start:stop]) + _hits(connection, ranking, page), len(codes) + len(candidates)


def _bits(types: Collection[ConceptType] | None, languages: Collection[int] | None) -> int:
    positions = searched_languages(languages)
    return sum(1 << (number * 4 + language) for number in searched_types(types) for language in positions)


def _by_words(best: Best, similarity: float, order: int) -> _Candidate:
    loss = best.loss if best.loss <= _EXACT_LOSS else _loss(1 - best.loss / LOSSES, similarity)
    return _Candidate(loss, best.field, best.length, order, best.row_id, best=best)


def _by_meaning(concept: "SimilarText") -> _Candidate:
    loss = _loss(0.0, concept.similarity)
    return _Candidate(loss, concept.field, concept.length, concept.order, concept.row_id, similar=concept)


def _loss(words: float, similarity: float) -> int:
    score = MAX_SCORE * (WORDS * words + max(similarity, 0.0)) / (WORDS + 1)
    return round((1 - score) * LOSSES / STEP) * STEP


def _hits(connection: sqlite3.Connection, ranking: Ranking, page: Sequence[_Candidate]) -> list[Hit]:
    """The hits of a page, in its order."""
    ranked = [candidate.best for candidate in page if candidate.best is not None]
    by_words = {hit.row_id: hit for hit in hits_by_words(connection, ranking, ranked)} if ranked else {}
    texts = texts_of(connection, (candidate.similar.text for candidate in page if candidate.similar is not None))
    return [_hit(by_words, texts, candidate) for candidate in page]


def _hit(by_words: Mapping[int, Hit], texts: Mapping[int, str], candidate: _Candidate) -> Hit:
    score = 1 - candidate.loss / LOSSES
    concept = candidate.similar
    if concept is None:
        return by_words[candidate.row_id]._replace(score=score)
    text, field = texts[concept.text], FIELD_NAMES[concept.order >> 32, concept.field]
    return Hit(concept.row_id, score, field, concept.language, text, escape(text), MatchKind.MEANING)
