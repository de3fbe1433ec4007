"""Scoring: how well a text matches a query, from 0 to 1, by its matching words, their rarity, and its field.

A pure function of query and text. Exact matches come first, by field; then texts by how well they match the words.
"""

from collections.abc import Sequence
from operator import mul

from graphql_api.index.query_expansion import HALVES, ExpandedTerm
from graphql_api.index.tables import SEARCH

EXACT = {number: each.exact for number, each in SEARCH.items() if each.exact is not None}
"""The score of a text that equals the query, by field number; long texts have none."""
WEIGHTS = {number: each.weight for number, each in SEARCH.items()}
"""The maximum score of any other text, by field number."""
CLOSENESS = 0.4
"""The fraction of its score that a text loses as the share of its words that do not match approaches 1."""
MOST_OF_THEM = 0.4
"""The fraction of the total rarity of the query words that a text must have to match."""


class Ranking:
    """Scores texts for one query: its folded text, and its expanded words."""

    def __init__(self, question: str, meant: Sequence[ExpandedTerm]) -> None:
        self._question = question
        self._rarities = [meaning.rarity for meaning in meant]
        self._all = sum(self._rarities)
        findable = [meaning.rarity for meaning in meant if meaning.is_findable() or meaning.heads]
        self._least = MOST_OF_THEM * sum(findable) / (self._all or 1)
        self._must = [place for place, meaning in enumerate(meant) if meaning.must]
        self._pairs = [(place, pair) for place, meaning in enumerate(meant) for pair in meaning.pairs]
        self._counts: dict[str, list[tuple[int, float]]] = {}
        for place, meaning in enumerate(meant):
            for word, weight in meaning.counting().items():
                self._counts.setdefault(word, []).append((place, weight))
        self._hints = {word for meaning in meant if not meaning.must for word in meaning.weights}

    def score(self, field: int, folded: str) -> float:
        """The score of a folded text; 0 if it matches too little.

        It matches enough with MOST_OF_THEM of the rarity or, in a short text, with all words, whatever their weights.
        """
        if folded == self._question and field in EXACT:
            return EXACT[field]
        words = folded.split(" ")
        best, counted = self._best(words)
        has: float = sum(map(mul, self._rarities, best)) / self._all
        if has < self._least and (field not in EXACT or not all(best[place] for place in self._must)):
            return 0.0
        return round(WEIGHTS[field] * has * (1 - CLOSENESS + CLOSENESS * counted / len(words)), 4)

    def counting(self, field: int, folded: str) -> set[str]:
        """The words of a text that match; without function words in long texts."""
        words = set(folded.split(" "))
        found = words & self._counts.keys()
        if field not in EXACT:
            found -= self._hints
        for _, (one, other) in self._pairs:
            if words & one and words & other:
                found |= words & (one | other)
        return found

    def _best(self, words: Sequence[str]) -> tuple[list[float], int]:
        """The best weight of each query word in the text, and the number of words of the text that match."""
        counts = self._counts
        best = [0.0] * len(self._rarities)
        found = [word for word in words if word in counts]
        for word in found:
            for place, weight in counts[word]:
                if weight > best[place]:
                    best[place] = weight
        for place, (one, other) in self._pairs:
            if best[place] < HALVES and not one.isdisjoint(words) and not other.isdisjoint(words):
                best[place] = HALVES
        return best, len(found)
