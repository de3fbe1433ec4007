"""Query expansion: maps each word of a search text to the words of a release that match it, with weights up to 1.

The word itself has weight 1. FTS5 gets a bounded number of words, whatever the length of the text, and only folded, quoted ones.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from graphql_api.index.tokenizer import FUNCTION_WORDS, words
from graphql_api.index.vocabulary import Vocabulary

ITSELF, SAME_STEM, SWAPPED, ONE_OFF, HALVES, TWO_OFF, HEAD = 1.0, 0.9, 0.75, 0.7, 0.6, 0.5, 0.35
BEGINNING, ENDING, WITHIN = (0.4, 0.45), (0.35, 0.45), (0.25, 0.45)
"""Weights (base, share) of longer words: base, plus share multiplied by the fraction of the word that was typed."""

MIN_PREFIX_CHARS, MIN_SUBSTRING_CHARS, MIN_ONE_EDIT_CHARS, MIN_TWO_EDITS_CHARS, MIN_COMPOUND_CHARS = 3, 4, 4, 8, 8
MIN_HEAD_CHARS = 5
MAX_MATCHING_WORDS = 50
MAX_PAIRS = 2
MAX_WORDS = 16
"""Maximum words of a search text that are used; function words come last."""
_CLOSE = 0.8  # as a fraction of the highest weight
_HINT = 0.05  # the factor on the rarity of function words

Pair = tuple[frozenset[str], frozenset[str]]


@dataclass(slots=True)
class ExpandedTerm:
    """One typed word and the words that match it.

    `word`: as typed, folded. `rarity`: how significant it is. `must`: whether texts without it are excluded as long as others
    match. `weights`: the words that match it. `starts`: prefixes that FTS5 searches for; `weights` has all words with them.
    `pairs`: a word of each side together match it. `heads`: last parts of the compound, used only if little else is found.
    """

    word: str
    rarity: float = 0.0
    must: bool = True
    weights: dict[str, float] = field(default_factory=dict)
    starts: tuple[str, ...] = ()
    pairs: list[Pair] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def add(self, words: Iterable[str], weight: float) -> None:
        """Add matching words, unless they have a higher weight already."""
        for word in words:
            if self.weights.get(word, 0.0) < weight:
                self.weights[word] = weight

    def is_findable(self) -> bool:
        """Whether any text can match it."""
        return bool(self.weights or self.pairs)

    def counting(self) -> dict[str, float]:
        """All words that match it, heads included, with their weights."""
        return dict.fromkeys(self.heads, HEAD) | self.weights

    def close(self) -> list[str]:
        """The words whose weight is close to the highest one."""
        least = _CLOSE * max(self.weights.values(), default=0.0)
        return [word for word, weight in self.weights.items() if weight >= least]

    def query(self) -> str:
        """The FTS5 expression for texts that match it."""
        return self._any(self.starts, [word for word in self.weights if not word.startswith(self.starts)])

    def loose_query(self) -> str:
        """The FTS5 expression for texts that have a close word or a head."""
        return self._any((), [*self.heads, *self.close()])

    def _any(self, starts: Iterable[str], words: Iterable[str]) -> str:
        best = sorted(words, key=lambda word: (-self.weights.get(word, HEAD), word))[:MAX_MATCHING_WORDS]
        terms = [*(f'"{start}"*' for start in starts), *(f'"{word}"' for word in best)]
        terms += [f"({_quoted(one)} AND {_quoted(other)})" for one, other in self.pairs]
        return f"({' OR '.join(terms)})"


def expand(connection: sqlite3.Connection, vocabulary: Vocabulary, text: str) -> list[ExpandedTerm]:
    """Expand each distinct word of a search text, up to MAX_WORDS."""
    typed: dict[str, str] = {}
    for word in words(text):
        typed.setdefault(word.folded, text[word.start : word.end])
    hints = {word for word in typed if len(word) == 1 or word in FUNCTION_WORDS}
    first = sorted(typed, key=lambda word: word in hints)[:MAX_WORDS]
    if len(hints) == len(typed):
        hints.clear()
    return [
        _hint(vocabulary, word) if word in hints else _expanded(connection, vocabulary, word, typed[word])
        for word in first
    ]


def expand_misspelled(vocabulary: Vocabulary, terms: Sequence[ExpandedTerm]) -> None:
    """Also treat words of the release as misspelled: a single word in every way, one of several only for swapped letters."""
    known_terms = [term for term in terms if term.must and term.word in vocabulary]
    for term in known_terms:
        if sum(term.must for term in terms) == 1:
            _add_misspelled(term, vocabulary)
        else:
            term.add(vocabulary.swapped(term.word), SWAPPED)


def _hint(vocabulary: Vocabulary, word: str) -> ExpandedTerm:
    weights = {word: ITSELF} if word in vocabulary else {}
    return ExpandedTerm(word, _HINT * vocabulary.rarity([word]), must=False, weights=weights)


def _expanded(connection: sqlite3.Connection, vocabulary: Vocabulary, word: str, written: str) -> ExpandedTerm:
    term = ExpandedTerm(word)
    forms = vocabulary.same_stem(connection, written, word)
    term.add(forms, SAME_STEM)
    _add_longer(term, connection, vocabulary, forms)
    if word in vocabulary:
        term.add([word], ITSELF)
    else:
        _add_misspelled(term, vocabulary)
    term.rarity = vocabulary.rarity(term.close())
    if len(word) >= MIN_COMPOUND_CHARS:
        term.pairs = list(_pairs(connection, vocabulary, word))
        term.heads = _heads(connection, vocabulary, word)
    return term


def _add_longer(
    term: ExpandedTerm, connection: sqlite3.Connection, vocabulary: Vocabulary, forms: Iterable[str]
) -> None:
    """Add words that begin with or contain this one (compounds), or its shorter form: chauffeur for chauffeurs."""
    word = term.word
    if len(word) < MIN_PREFIX_CHARS:
        return
    shorter = min((form for form in forms if word.startswith(form)), key=len, default=word)
    term.starts = (shorter if len(shorter) >= MIN_SUBSTRING_CHARS else word,)
    for part in {word, *term.starts}:
        worth = ITSELF if part == word else SAME_STEM
        for longer in vocabulary.beginning_with(part):
            term.add([longer], worth * _share(BEGINNING, part, longer))
        if len(part) >= MIN_SUBSTRING_CHARS:
            for longer in vocabulary.containing(connection, part, MAX_MATCHING_WORDS):
                term.add([longer], worth * _share(ENDING if longer.endswith(part) else WITHIN, part, longer))


def _add_misspelled(term: ExpandedTerm, vocabulary: Vocabulary) -> None:
    word = term.word
    term.add(vocabulary.swapped(word), SWAPPED)
    if len(word) < MIN_ONE_EDIT_CHARS or not word.isalpha():  # a different number is never a misspelling
        return
    distance = 2 if len(word) >= MIN_TWO_EDITS_CHARS else 1
    for near, far in vocabulary.near(word, distance, MAX_MATCHING_WORDS):
        term.add([near], ONE_OFF if far == 1 else TWO_OFF)


def _pairs(connection: sqlite3.Connection, vocabulary: Vocabulary, word: str) -> Iterator[Pair]:
    for halves in vocabulary.halves(word)[:MAX_PAIRS]:
        one, other = (frozenset((half, *vocabulary.same_stem(connection, half, half))) for half in halves)
        yield one, other


def _heads(connection: sqlite3.Connection, vocabulary: Vocabulary, word: str) -> list[str]:
    head = vocabulary.head(word, MIN_HEAD_CHARS)
    return [head, *vocabulary.same_stem(connection, head, head)] if head else []


def _share(weight: tuple[float, float], part: str, longer: str) -> float:
    least, more = weight
    return least + more * len(part) / len(longer)


def _quoted(words: frozenset[str]) -> str:
    return "(" + " OR ".join(f'"{word}"' for word in sorted(words)) + ")"
