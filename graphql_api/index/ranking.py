"""Ranking: the concepts that match the words of one query, best first.

A concept ranks by its best text. A profile ranks also by the words of all that it holds, so that it is found if its competences
say what the query describes.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.postings import profiles_type, unpack
from graphql_api.index.profile_closure import array
from graphql_api.index.query_expansion import expand, expand_misspelled
from graphql_api.index.release_texts import ReleaseTexts
from graphql_api.index.scoring import EXACT, TextScores, profile_scores
from graphql_api.index.search_schema import EXACT as CAN_BE_EXACT
from graphql_api.index.tables import SEARCHED
from graphql_api.index.tokenizer import fold

OWN_SHARE = 0.6
"""The share of a profile's score that its best own text has; the rest is that of the words of all its texts."""
MAX_BY_ALL = 0.85
"""The maximum score of a profile by the words of all its texts."""
NEAR, PER_EDIT = 0.9, 0.03
"""The score of a name that the query misspells by one edit, and what each further edit costs."""

_EXACT = f"SELECT n FROM searched_text WHERE folded = ? AND {CAN_BE_EXACT}"  # noqa: S608  # numbers of fields
_POSTINGS = "SELECT n, postings FROM word JOIN json_each(?) ON n = value"
_PROFILES = "SELECT word, language, profiles, weights FROM profile_word JOIN json_each(?) ON word = value"


class Best(NamedTuple):
    """A concept with its best text `n`, 0 for a profile without a matching text of its own; sorts best first."""

    loss: float  # 1 minus the score
    field: int
    length: int
    order: int
    row_id: int
    n: int
    language: int


_NO_FIELD = 0xFF


class Ranking:
    """What matches one query, of the types in `types` (numbers) and in `languages` (positions in LANGUAGES).

    `best` has the concepts that match, best first; `texts` the texts that match, of all types and languages.
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
        self._terms = expand(connection, release.vocabulary, text)
        self.best = self._matching_concepts()
        if not self.best:
            expand_misspelled(release.vocabulary, self._terms)
            self.best = self._matching_concepts()

    def _matching_concepts(self) -> list[Best]:
        self._numbers = {self._release.vocabulary.number(word): word for term in self._terms for word in term.words()}
        self.texts = TextScores(self._terms, self._postings())
        table = self.table
        bits = {type * 4 + language for type in self._types for language in self.languages}
        best: dict[int, Best] = {}
        for loss, n in sorted(self._losses()):
            for row_id, bit in table.occurrences(n):
                if row_id not in best and bit in bits:
                    order = table.orders[row_id]
                    best[row_id] = Best(loss, table.fields[n], table.lengths[n], order, row_id, n, bit % 4)
        if OCCUPATIONAL_PROFILE.number in self._types:
            self._add_profiles(best)
        return sorted(best.values())

    def matching_words(self, folded: str, is_long: bool) -> set[str]:
        """The words of a folded text that match; without function words in long texts."""
        words = set(folded.split())
        return words & (self._significant if is_long else self._matching)

    @cached_property
    def _matching(self) -> frozenset[str]:
        return frozenset(part for term in self._terms for word in term.words() for part in fold(word).split())

    @cached_property
    def _significant(self) -> frozenset[str]:
        terms = [term for term in self._terms if not term.is_hint]
        return frozenset(part for term in terms for word in term.words() for part in fold(word).split())

    def _add_profiles(self, best: dict[int, Best]) -> None:
        """Add profiles by the words of all their texts, and mix these scores into those by their best text."""
        table = self.table
        scores = profile_scores(self._terms, len(table.profiles), self._profiles())
        for position, score in scores.items():
            row_id = table.profiles[position]
            by_all = MAX_BY_ALL * (1 - OWN_SHARE) * score
            own = best.get(row_id)
            if own is None:
                order = table.orders[row_id]
                best[row_id] = Best(round(1 - by_all, 4), _NO_FIELD, 0, order, row_id, 0, 0)
            elif own.loss > 1 - MAX_BY_ALL:
                best[row_id] = own._replace(loss=round(1 - by_all - OWN_SHARE * (1 - own.loss), 4))

    def _losses(self) -> Iterator[tuple[float, int]]:
        """Yield 1 minus the score, and the number, of each text that matches in a field of the types that are searched."""
        fields, lengths, texts = self.table.fields, self.table.lengths, self.texts
        searched = {
            number for type, of_type in SEARCHED.items() if type.number in self._types for number in of_type.values()
        }
        equal = {n: EXACT[fields[n]] for (n,) in self._connection.execute(_EXACT, (self._folded,))}
        if not equal and any(term.word not in self._release.vocabulary for term in self._terms):
            equal = {n: NEAR - PER_EDIT * (edits - 1) for n, edits in self._release.names.near(self._folded).items()}
        for n in texts.shares.keys() | equal.keys():
            if fields[n] in searched:
                score = equal[n] if n in equal else texts.score(n, fields[n], lengths[n])
                yield round(1 - score, 4), n

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
