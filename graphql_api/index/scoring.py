"""How well a text answers a question: a score between 0 and 1, from the words that count, how telling they are, and the field.

A pure function of question and text. What is asked for word for word comes first, by field; then what has the words best.
"""

from collections.abc import Sequence
from operator import mul

from graphql_api.index.query_expansion import HALVES, ExpandedTerm
from graphql_api.index.tables import SEARCH

EXACT = {number: each.exact for number, each in SEARCH.items() if each.exact is not None}
"""The score of a text that is word for word what was asked for, by the number of its field; long texts have none."""
WEIGHTS = {number: each.weight for number, each in SEARCH.items()}
"""The most that any other text scores."""
CLOSENESS = 0.4
"""The share of that which a text loses as more and more of its words were not asked for."""
MOST_OF_THEM = 0.4
"""The share of what the words of a question tell, by their rarity, without which a text is no answer."""


class Ranking:
    """The scores of texts for one question, whose words mean these."""

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
        """The score of a text, given folded; 0 where it has too little of what was asked for.

        Enough is most of it; in a short text all words, however faintly each is meant.
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
        """The words of a text for which it is found; in long texts without function words."""
        words = set(folded.split(" "))
        found = words & self._counts.keys()
        if field not in EXACT:
            found -= self._hints
        for _, (one, other) in self._pairs:
            if words & one and words & other:
                found |= words & (one | other)
        return found

    def _best(self, words: Sequence[str]) -> tuple[list[float], int]:
        """How well each word of the question is there, and how many words of the text count."""
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
