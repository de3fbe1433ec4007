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
from graphql_api.index.postings import profiles_type, unpack
from graphql_api.index.profile_closure import array
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
_POSTINGS = "SELECT n, postings FROM word JOIN json_each(?) ON n = value"
_PROFILES = "SELECT word, language, profiles, weights FROM profile_word JOIN json_each(?) ON word = value"


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
        self._numbers = {
            self._release.vocabulary.number(word): word
            for term in self._terms
            if not term.is_hint
            for word in term.words()
        }
        self.texts = TextScores(self._terms, self._postings(), self._function_words)
        table = self.table
        starts, concepts, bits = table.starts, table.concepts, table.bits
        fields, lengths, orders = table.fields, table.lengths, table.orders
        searched = {type * 4 + language for type in self._types for language in self.languages}
        best: dict[int, tuple[int, ...]] = {}
        for loss in self._losses():
            n = loss & 0xFFFFFFFF
            for at in range(starts[n], starts[n + 1]):
                row_id = concepts[at]
                if row_id not in best and (bit := bits[at]) in searched:
                    best[row_id] = (loss >> 32, fields[n], lengths[n], orders[row_id], row_id, n, bit % 4)
        if OCCUPATIONAL_PROFILE.number in self._types:
            self._add_profiles(best)
        return sorted(best.values())

    def matching_words(self, *, is_long: bool) -> frozenset[str]:
        """The folded words that match; in long texts no function words."""
        return self._significant if is_long else self._matching

    @cached_property
    def _matching(self) -> frozenset[str]:
        return _folded_words(self._terms)

    @cached_property
    def _significant(self) -> frozenset[str]:
        return _folded_words(term for term in self._terms if not term.is_hint)

    def _add_profiles(self, best: dict[int, tuple[int, ...]]) -> None:
        """Add profiles by the words of all their texts, and mix these scores into those by their best text."""
        table = self.table
        scores = profile_scores(self._terms, len(table.profiles), self._profiles(), self._function_words)
        by_all = (1 - OWN_SHARE) * MAX_BY_ALL * LOSSES
        for position, score in scores.items():
            row_id = table.profiles[position]
            if (own := best.get(row_id)) is None:
                best[row_id] = (LOSSES - round(by_all * score), _NO_FIELD, 0, table.orders[row_id], row_id, 0, 0)
            elif (loss := own[0]) > (1 - MAX_BY_ALL) * LOSSES:
                best[row_id] = (LOSSES - round(by_all * score + OWN_SHARE * (LOSSES - loss)), *own[1:])

    def _losses(self) -> list[int]:
        """The loss of each text that matches in a field of the types that are searched, with its number in the last 32 bits."""
        fields = self.table.fields
        searched = {
            number for type, of_type in SEARCHED.items() if type.number in self._types for number in of_type.values()
        }
        rows = self._connection.execute(_EXACT, (self._folded,))
        equal = {n: EXACT[fields[n]] for (n,) in rows if fields[n] in searched}
        if not equal:
            equal = {n: score for n, score in self._near_names() if fields[n] in searched}
        scores = self.texts.scores(fields, self.table.lengths, searched) | equal
        return sorted([LOSSES - round(score * LOSSES) << 32 | n for n, score in scores.items()])

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
            word = read_function_word(self._connection, self.table, number, languages)
            keep(memo, MAX_WORDS, (number, languages), word)
        return word

    def _postings(self) -> dict[str, Sequence[int]]:
        rows = self._connection.execute(_POSTINGS, (array(self._numbers),))
        return {self._numbers[n]: unpack(postings) for n, postings in rows}

    def _profiles(self) -> dict[str, list[tuple[Sequence[int], bytes]]]:
        typecode = profiles_type(len(self.table.profiles))
        profiles: dict[str, list[tuple[Sequence[int], bytes]]] = {}
        for n, language, positions, weights in self._connection.execute(_PROFILES, (array(self._numbers),)):
            if language in self.languages:
                profiles.setdefault(self._numbers[n], []).append((unpack(positions, typecode), weights))
        return profiles


def _folded_words(terms: Iterable[ExpandedTerm]) -> frozenset[str]:
    return frozenset(part for term in terms for word in term.words() for part in folded_parts(word))
