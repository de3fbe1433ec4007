"""Scoring: how well a text matches a query, from 0 to 1, by its matching words, their rarity, and its field.

A pure function of query and text. Exact matches come first, by field; then texts by how well they match the words.
"""

from collections.abc import Sequence
from operator import mul

from graphql_api.index.query_expansion import HALVES, ExpandedTerm
from graphql_api.index.tables import SEARCH

EXACT = {number: search.exact for number, search in SEARCH.items() if search.exact is not None}
"""The score of a text that equals the query, by field number; long texts have none."""
WEIGHTS = {number: search.weight for number, search in SEARCH.items()}
"""The maximum score of any other text, by field number."""
CLOSENESS = 0.4
"""The fraction of its score that a text loses as the share of its words that do not match approaches 1."""
MIN_RARITY_SHARE = 0.4
"""The fraction of the total rarity of the query words that a text must have to match."""


class Ranking:
    """Scores texts for one query: its folded text, and its expanded words."""

    def __init__(self, folded_text: str, terms: Sequence[ExpandedTerm]) -> None:
        self._folded_text = folded_text
        self._rarities = [term.rarity for term in terms]
        self._all = sum(self._rarities)
        findable = [term.rarity for term in terms if term.is_findable() or term.heads]
        self._least = MIN_RARITY_SHARE * sum(findable) / (self._all or 1)
        self._must = [position for position, term in enumerate(terms) if term.must]
        self._pairs = [(position, pair) for position, term in enumerate(terms) for pair in term.pairs]
        self._counts: dict[str, list[tuple[int, float]]] = {}
        for position, term in enumerate(terms):
            for word, weight in term.counting().items():
                self._counts.setdefault(word, []).append((position, weight))
        self._hints = {word for term in terms if not term.must for word in term.weights}

    def score(self, field: int, folded: str) -> float:
        """The score of a folded text; 0 if it matches too little.

        It matches enough with MIN_RARITY_SHARE of the rarity or, in a short text, with all words, whatever their weights.
        """
        if folded == self._folded_text and field in EXACT:
            return EXACT[field]
        words = folded.split(" ")
        best, counted = self._best(words)
        has: float = sum(map(mul, self._rarities, best)) / self._all
        if has < self._least and (field not in EXACT or not all(best[position] for position in self._must)):
            return 0.0
        return round(WEIGHTS[field] * has * (1 - CLOSENESS + CLOSENESS * counted / len(words)), 4)

    def counting(self, field: int, folded: str) -> set[str]:
        """The words of a text that match; without function words in long texts."""
        words = set(folded.split(" "))
        matching = words & self._counts.keys()
        if field not in EXACT:
            matching -= self._hints
        for _, (one, other) in self._pairs:
            if words & one and words & other:
                matching |= words & (one | other)
        return matching

    def _best(self, words: Sequence[str]) -> tuple[list[float], int]:
        """The best weight of each query word in the text, and the number of words of the text that match."""
        counts = self._counts
        best = [0.0] * len(self._rarities)
        matching = [word for word in words if word in counts]
        for word in matching:
            for position, weight in counts[word]:
                if weight > best[position]:
                    best[position] = weight
        for position, (one, other) in self._pairs:
            if best[position] < HALVES and not one.isdisjoint(words) and not other.isdisjoint(words):
                best[position] = HALVES
        return best, len(matching)
