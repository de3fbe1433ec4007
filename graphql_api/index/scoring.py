"""Scoring: how well texts and profiles match the words of a query, from 0 to 1.

A text scores by the query words that it has, weighted by their rarity, and by its field; a profile also by the words of all that
it holds. Only texts and profiles with at least one rare word of the query score.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter

from graphql_api.index.function_words import FunctionWord
from graphql_api.index.profile_words import FULL
from graphql_api.index.query_expansion import HALVES, ITSELF, ExpandedTerm
from graphql_api.index.tables import SEARCH

EXACT = {number: search.exact for number, search in SEARCH.items() if search.exact is not None}
"""The score of a text that equals the query, by field number; long texts have none."""
WEIGHTS = [SEARCH[number].weight if number in SEARCH else 0.0 for number in range(max(SEARCH) + 1)]
"""The maximum score of any other text, by field number."""
CLOSENESS = 0.4
"""The fraction of its score that a text loses as the share of its words that do not match approaches 1."""
RARE = 0.5
"""Words whose rarity is at least this fraction of that of the rarest one make a text a hit."""

CLOSE = 0.8
"""Words with at least this weight are close to the word of the query."""

Postings = Mapping[str, Iterable[int]]
"""The numbers of the texts that have a word."""
ProfileWeights = Mapping[str, Sequence[tuple[Iterable[int], bytes]]]
"""For each word, the positions of profiles and the weights of the word in them, in each language."""


class TextScores:
    """The texts that match a query, by number: `shares` of the query that they have, and `counts` of its words if several."""

    def __init__(
        self, terms: Sequence[ExpandedTerm], postings: Postings, function_words: Mapping[str, FunctionWord]
    ) -> None:
        self.shares: dict[int, float] = {}
        self.counts: dict[int, int] = {}
        everything = sum(term.rarity for term in terms)
        findable = sorted((term for term in terms if term.is_findable()), key=lambda term: -term.rarity)
        self._terms, self._postings, self._function_words = findable, postings, function_words
        for term in findable:
            makes_hits = term.rarity >= RARE * findable[0].rarity
            self._add(term.rarity / everything, self._texts_with(term, makes_hits))

    def _texts_with(self, term: ExpandedTerm, makes_hits: bool) -> Mapping[int, float]:
        """The texts that match a term, with weights; unless it `makes_hits`, only those that have rarer words."""
        if term.is_hint:
            word = self._function_words[term.word]
            return dict.fromkeys(word.texts() if makes_hits else word.among(self.shares), ITSELF)
        if makes_hits:
            return _texts_with(term, self._postings)
        return _texts_with(term, {w: self.shares.keys() & self._postings.get(w, ()) for w in term.words()})

    def _add(self, rarity: float, weights: Mapping[int, float]) -> None:
        shares, counts = self.shares, self.counts
        if not shares:
            self.shares = {n: rarity * weight for n, weight in weights.items()}
            return
        for n, weight in weights.items():
            if n in shares:
                shares[n] += rarity * weight
                counts[n] = counts.get(n, 1) + 1
            else:
                shares[n] = rarity * weight

    def all_shares(self) -> dict[int, float]:
        """The rarity of what texts have of the query: all texts with any word or half of a compound, also if none is rare."""
        shares: dict[int, float] = {}
        for term in self._terms:
            for n in self._function_words[term.word].texts() if term.is_hint else _any(term.words(), self._postings):
                shares[n] = shares.get(n, 0.0) + term.rarity
        return shares

    def scores(self, fields: Sequence[int], lengths: Sequence[int], searched: Container[int]) -> dict[int, float]:
        """The scores of the texts in `searched` fields, by number; `fields` and `lengths` (in words) are by number too."""
        counts, unmatched = self.counts, 1 - CLOSENESS
        weights = [weight if field in searched else 0.0 for field, weight in enumerate(WEIGHTS)]
        scores: dict[int, float] = {}
        for n, share in self.shares.items():
            if weight := weights[fields[n]]:
                count, length = counts.get(n, 1), lengths[n]
                scores[n] = weight * share * (unmatched + CLOSENESS * count / length if count < length else 1.0)
        return scores


def _texts_with(term: ExpandedTerm, postings: Postings) -> dict[int, float]:
    """The texts that have words of a term, with the highest of their weights."""
    weights: dict[int, float] = {}
    for one, other in term.pairs:
        both = _any(one, postings) & _any(other, postings)
        weights.update(dict.fromkeys(both, HALVES))
    for word, weight in sorted(term.weights.items(), key=lambda item: item[1]):
        if weight >= HALVES or not term.pairs:
            weights.update(dict.fromkeys(postings.get(word, ()), weight))
        else:
            for n in postings.get(word, ()):
                weights.setdefault(n, weight)
    return weights


def _any(words: Iterable[str], postings: Postings) -> set[int]:
    return set().union(*(postings.get(word, ()) for word in words))


def profile_scores(
    terms: Sequence[ExpandedTerm], count: int, weights: ProfileWeights, function_words: Mapping[str, FunctionWord]
) -> dict[int, float]:
    """The profiles that match a query, by position, with scores; `count` is the number of all profiles."""
    matching = [
        (term, function_words[term.word].weights if term.is_hint else _profiles_with(term, weights))
        for term in terms
        if term.is_findable()
    ]
    rarities = [
        (term.significance * _rarity(having, count), profiles)
        for term, profiles in matching
        if (having := _count(profiles))
    ]
    rarities.sort(key=lambda item: -item[0])
    everything = sum(rarity for rarity, _ in rarities) or 1.0
    scores: dict[int, float] = {}
    for rarity, profiles in rarities:
        share = rarity / everything / FULL
        if rarity >= RARE * rarities[0][0]:
            for position, weight in _items(profiles):
                scores[position] = scores.get(position, 0.0) + share * weight
        else:
            for position in scores if isinstance(profiles, bytes) else profiles.keys() & scores.keys():
                scores[position] += share * profiles[position]
    return {position: score for position, score in scores.items() if score > 0}


def _count(profiles: Mapping[int, float] | bytes) -> int:
    return len(profiles) - profiles.count(0) if isinstance(profiles, bytes) else len(profiles)


def _items(profiles: Mapping[int, float] | bytes) -> Iterable[tuple[int, float]]:
    return filter(itemgetter(1), enumerate(profiles)) if isinstance(profiles, bytes) else profiles.items()


def _rarity(having: int, count: int) -> float:
    return math.log(1 + (count - having + 0.5) / (having + 0.5))


def _profiles_with(term: ExpandedTerm, weights: ProfileWeights) -> dict[int, float]:
    """The profiles that have words of a term, with their weights there times those in the query; the highest, nearly."""
    profiles: dict[int, float] = {}
    ranked = sorted(term.weights.items(), key=lambda item: item[1])
    for word, of_word in ranked:
        for positions, of_positions in weights.get(word, ()):
            if of_word < CLOSE:  # many words with little weight: which of them counts matters less than time
                profiles.update(zip(positions, of_positions.translate(_scaled(round(100 * of_word))), strict=True))
            else:
                _raise(profiles, positions, of_positions, of_word)
    for one, other in term.pairs:
        first, second = (_any_profiles(words, weights) for words in (one, other))
        for position in first.keys() & second.keys():
            weight = HALVES * min(first[position], second[position])
            profiles[position] = max(profiles.get(position, 0.0), weight)
    return profiles


def _any_profiles(words: Iterable[str], weights: ProfileWeights) -> dict[int, float]:
    profiles: dict[int, float] = {}
    for word in words:
        for positions, of_positions in weights.get(word, ()):
            _raise(profiles, positions, of_positions, 1.0)
    return profiles


def _raise(profiles: dict[int, float], positions: Iterable[int], weights: bytes, factor: float) -> None:
    for position, weight in zip(positions, weights, strict=True):
        if (value := factor * weight) > profiles.get(position, 0.0):
            profiles[position] = value


@cache
def _scaled(percent: int) -> bytes:
    """The table that multiplies each byte by a percentage."""
    return bytes(byte * percent // 100 for byte in range(FULL + 1))
