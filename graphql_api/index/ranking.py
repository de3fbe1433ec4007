"""Ranking: the concepts that match the words of one query, best first.

A concept ranks by its best text. A profile ranks also by the words of all that it holds, so that it is found if its competences
say what the query describes.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from graphql_api.caching import keep
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.function_words import MAX_WORDS, FunctionWord, read_function_word
from graphql_api.index.names import MIN_TWO_EDITS_CHARS
from graphql_api.index.query_expansion import ExpandedTerm, expand, expand_misspelled
from graphql_api.index.release_texts import ReleaseTexts
from graphql_api.index.scoring import EXACT, TextScores, profile_scores
from graphql_api.index.search_schema import CAN_BE_EXACT
from graphql_api.index.tables import SEARCHED
from graphql_api.index.tokenizer import fold, folded_parts

OWN_SHARE = 0.6
"""The share of a profile's score that its best own text has; the rest is that of the words of all its texts."""
MAX_BY_ALL = 0.85
"""The maximum score of a profile by the words of all its texts."""
NEAR, PER_EDIT = 0.9, 0.03
"""The score of a name that the query misspells by one edit, and what each further edit costs."""
MAX_EDITS, NEAR_IF_WORDS = 3, 0.65
"""Maximum edits of a name; the score of one that the query misspells by one edit, if the release has all words of the query."""
LOSSES = 10_000
"""The loss of a concept with score 0; one with score 1 has loss 0. Whole numbers, so that equal scores are equal."""

_EXACT = f"SELECT n FROM searched_text WHERE folded = ? AND {CAN_BE_EXACT}"  # noqa: S608  # numbers of fields


class Best(NamedTuple):
    """A concept with its best text `n`, 0 for a profile without a matching text of its own; sorts best first."""

    loss: int
    field: int
    length: int
    order: int
    row_id: int
    n: int
    language: int


_NO_FIELD = 0xFF
_WORST = 1 << 63


class Ranking:
    """What matches one query, of the types in `types` (numbers) and in `languages` (positions in LANGUAGES).

    `best` has the concepts that match, best first, as tuples of the values of `Best`; `texts` the texts that match, of all types
    and languages.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        release: ReleaseTexts,
        text: str,
        types: Collection[int],
        languages: Collection[int],
    ) -> None:
        self._connection = connection
        self._release = release
        self._folded = fold(text)
        self.table = release.table
        self.languages = languages
        self._types = types
        self._terms = expand(connection, release.vocabulary, release.expansions, text)
        self.best = self._matching_concepts()
        if not self.best:
            expand_misspelled(release.vocabulary, self._terms)
            self.best = self._matching_concepts()

    def _matching_concepts(self) -> list[tuple[int, ...]]:
        """The concepts that match, best first, as tuples of the values of `Best`: creating thousands of objects takes long."""
        number = self._release.vocabulary.number
        self._numbers = {word: number(word) for term in self._terms if not term.is_hint for word in term.words()}
        self.texts = TextScores(self._terms, self._postings(), self._function_words)
        by_all = self._scores_by_all()
        table = self.table
        texts, bits, fields, lengths, orders = table.texts, table.bits, table.fields, table.lengths, table.orders
        best: list[tuple[int, ...]] = []
        for row_id, key in self._best_texts().items():
            loss, at = key >> 32, key & 0xFFFFFFFF
            if (by_words := by_all.pop(row_id, None)) is not None and loss > (1 - MAX_BY_ALL) * LOSSES:
                loss = LOSSES - round(by_words + OWN_SHARE * (LOSSES - loss))
            n = texts[at]
            best.append((loss, fields[n], lengths[n], orders[row_id], row_id, n, bits[at] % 4))
        best += [
            (LOSSES - round(score), _NO_FIELD, 0, orders[row_id], row_id, 0, 0) for row_id, score in by_all.items()
        ]
        best.sort()
        return best

    def matching_words(self, *, is_long: bool) -> frozenset[str]:
        """The folded words that match; in long texts no function words."""
        return self._significant if is_long else self._matching

    @cached_property
    def _matching(self) -> frozenset[str]:
        return _folded_words(self._terms)

    @cached_property
    def _significant(self) -> frozenset[str]:
        return _folded_words(term for term in self._terms if not term.is_hint)

    def _scores_by_all(self) -> dict[int, float]:
        """What the words of all their texts add to the scores of profiles, by row id, as a part of LOSSES."""
        if OCCUPATIONAL_PROFILE.number not in self._types:
            return {}
        profiles, most = self.table.profiles, (1 - OWN_SHARE) * MAX_BY_ALL * LOSSES
        scores = profile_scores(self._terms, len(profiles), self._profiles(), self._function_words)
        return {profiles[position]: most * score for position, score in scores.items()}

    def _best_texts(self) -> dict[int, int]:
        """For each concept with a text that matches, the loss of its best one, with the occurrence in the last 32 bits."""
        starts, concepts, bits = self.table.starts, self.table.concepts, self.table.bits
        searched = {type * 4 + language for type in self._types for language in self.languages}
        best: dict[int, int] = {}
        for n, score in self._scores().items():
            loss = LOSSES - round(score * LOSSES) << 32
            at, end = starts[n], starts[n + 1]
            while at < end:  # faster than a range: most texts have one concept
                if bits[at] in searched and best.get(row_id := concepts[at], _WORST) > loss | at:
                    best[row_id] = loss | at
                at += 1
        return best

    def _scores(self) -> dict[int, float]:
        """The score of each text that matches in a field of the types that are searched."""
        fields = self.table.fields
        searched = {
            number for type, of_type in SEARCHED.items() if type.number in self._types for number in of_type.values()
        }
        rows = self._connection.execute(_EXACT, (self._folded,))
        equal = {n: EXACT[fields[n]] for (n,) in rows if fields[n] in searched}
        if not equal:
            equal = {n: score for n, score in self._near_names() if fields[n] in searched}
        return self.texts.scores(fields, self.table.lengths, searched) | equal

    def _near_names(self) -> Iterator[tuple[int, float]]:
        """Yield the names that the query misspells, with scores; with one edit if the release has all words of the query."""
        if any(term.word not in self._release.vocabulary for term in self._terms):
            near, highest = self._release.names.near(self._folded, MAX_EDITS), NEAR
        else:
            near, highest = self._release.names.near(self._folded, 1), NEAR_IF_WORDS
            near = near if len(self._folded) >= MIN_TWO_EDITS_CHARS else {}
        return ((n, highest - PER_EDIT * (edits - 1)) for n, edits in near.items())

    @cached_property
    def _function_words(self) -> dict[str, FunctionWord]:
        numbers = {term.word: self._release.vocabulary.number(term.word) for term in self._terms if term.is_hint}
        return {word: self._function_word(n, frozenset(self.languages)) for word, n in numbers.items() if n}

    def _function_word(self, number: int, languages: frozenset[int]) -> FunctionWord:
        memo = self._release.function_words
        if (word := memo.get((number, languages))) is None:
            word = read_function_word(self._release.postings, self.table, number, languages)
            keep(memo, MAX_WORDS, (number, languages), word)
        return word

    def _postings(self) -> dict[str, Sequence[int]]:
        texts = self._release.postings.texts
        return {word: texts(n) for word, n in self._numbers.items()}

    def _profiles(self) -> dict[str, list[tuple[Sequence[int], bytes]]]:
        profiles, languages = self._release.postings.profiles, self.languages
        return {word: [*profiles(n, languages)] for word, n in self._numbers.items()}


def _folded_words(terms: Iterable[ExpandedTerm]) -> frozenset[str]:
    return frozenset(part for term in terms for word in term.words() for part in folded_parts(word))
