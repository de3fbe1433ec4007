"""Query expansion: maps each word of a search text to the words of a release that match it, with weights up to 1.

The word itself has weight 1. The number of words is bounded, whatever the length of the text.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql_api.caching import keep
from graphql_api.index.names import MIN_ONE_EDIT_CHARS, MIN_TWO_EDITS_CHARS
from graphql_api.index.stop_words import FUNCTION_WORDS, OCCUPATION_WORDS
from graphql_api.index.tokenizer import words, words_as_written
from graphql_api.index.vocabulary import Vocabulary

ITSELF, SAME_STEM, SWAPPED, ONE_OFF, HALVES, TWO_OFF, SAME_PART, HEAD = 1.0, 0.9, 0.75, 0.7, 0.6, 0.5, 0.5, 0.35
PERHAPS_SWAPPED = 0.5  # of a word that the release has
BEGINNING, ENDING, WITHIN = (0.4, 0.45), (0.35, 0.45), (0.25, 0.45)
"""Weights (base, share) of longer words: base, plus share multiplied by the fraction of the word that was typed."""

MIN_PREFIX_CHARS, MIN_SUBSTRING_CHARS, MIN_COMPOUND_CHARS = 3, 4, 8
MIN_HEAD_CHARS, MIN_PART_CHARS, MAX_PART_CHARS = 5, 5, 30
MIN_CHANGED_CHARS = 6
"""A shorter word that the release has in another form is not misspelled: too many words are one letter off."""
MAX_MATCHING_WORDS = 20
MAX_PAIRS = 2
MAX_WORDS = 16
"""Maximum words of a search text that are used; function words come last."""
MAX_EXPANSIONS, MAX_OTHERS = 4_000, 500
"""Maximum words of a release, and other words, whose expanded terms it memoizes: half a kilobyte each. Others rarely recur."""
MAX_LONGER_WORDS = 30
"""Maximum longer words that match one word: the shortest."""
_CLOSE = 0.8  # as a fraction of the highest weight
HINT, _OCCUPATION = 0.02, 0.2  # factors on the rarity of function words, and of words such as "job"

Pair = tuple[frozenset[str], frozenset[str]]


@dataclass(slots=True)
class ExpandedTerm:
    """One typed word and the words that match it.

    `word`: as typed, folded. `significance`: less than 1 for words that say little. `rarity`: how rare it is among texts, times
    its significance. `weights`: the words that match it. `pairs`: a word of each side together match it.
    """

    word: str
    significance: float = 1.0
    rarity: float = 0.0
    weights: dict[str, float] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)

    def add(self, words: Iterable[str], weight: float) -> None:
        """Add matching words, unless they have a higher weight already."""
        for word in words:
            if self.weights.get(word, 0.0) < weight:
                self.weights[word] = weight

    @property
    def is_hint(self) -> bool:
        """Whether it is a function word."""
        return self.significance == HINT

    def words(self) -> Iterator[str]:
        """Yield all words that match it, also with others."""
        yield from self.weights
        for one, other in self.pairs:
            yield from one
            yield from other

    def is_findable(self) -> bool:
        """Whether any text can match it."""
        return bool(self.weights or self.pairs)

    def close(self) -> list[str]:
        """The words whose weight is close to the highest one."""
        least = _CLOSE * max(self.weights.values(), default=0.0)
        return [word for word, weight in self.weights.items() if weight >= least]


class _Packed(NamedTuple):
    """An expanded term in a third of its memory."""

    significance: float
    rarity: float
    words: tuple[str, ...]
    weights: Sequence[float]
    pairs: list[Pair]


class Expansions:
    """Bounded memo of the expanded terms of words, folded and as typed. Threads can share it."""

    def __init__(self) -> None:
        self._of_release: dict[tuple[str, str], _Packed] = {}
        self._others: dict[tuple[str, str], _Packed] = {}

    def __len__(self) -> int:
        return len(self._of_release) + len(self._others)

    def get(self, word: str, unfolded: str) -> ExpandedTerm | None:
        """A new term as stored; None if it is not stored."""
        key = word, unfolded
        packed = self._of_release.get(key) or self._others.get(key)
        if packed is None:
            return None
        weights = dict(zip(packed.words, packed.weights, strict=True))
        return ExpandedTerm(word, packed.significance, packed.rarity, weights, packed.pairs)

    def put(self, term: ExpandedTerm, unfolded: str, *, is_of_release: bool) -> None:
        """Store a term."""
        weights = array("d", term.weights.values())
        packed = _Packed(term.significance, term.rarity, tuple(term.weights), weights, term.pairs)
        if is_of_release:
            keep(self._of_release, MAX_EXPANSIONS, (term.word, unfolded), packed)
        else:
            keep(self._others, MAX_OTHERS, (term.word, unfolded), packed)


def expand(
    connection: sqlite3.Connection, vocabulary: Vocabulary, expansions: Expansions, text: str
) -> list[ExpandedTerm]:
    """Expand each distinct word of a search text, up to MAX_WORDS; words that recur are in `expansions`."""
    typed: dict[str, str] = {}
    for word in words(text):
        typed.setdefault(word.folded, text[word.start : word.end])
    hints = {word for word in typed if len(word) == 1 or word in FUNCTION_WORDS}
    if len(hints) == len(typed):
        hints.clear()
    first = sorted(typed, key=lambda word: word in hints)[:MAX_WORDS]
    terms = [
        _hint(vocabulary, word) if word in hints else _memoized(connection, vocabulary, expansions, word, typed[word])
        for word in first
    ]
    if len(first) - len(hints) > 1:
        for term in terms:
            term.add(vocabulary.swapped(term.word) if not term.is_hint else (), PERHAPS_SWAPPED)
    return terms + [_as_written(vocabulary, word) for word in words_as_written(text) if word in vocabulary]


def expand_misspelled(vocabulary: Vocabulary, terms: Iterable[ExpandedTerm]) -> None:
    """Also treat words of the release as misspelled."""
    for term in terms:
        if not term.is_hint and term.word in vocabulary:
            _add_misspelled(term, vocabulary)


def _as_written(vocabulary: Vocabulary, word: str) -> ExpandedTerm:
    return ExpandedTerm(word, 1.0, vocabulary.rarity([word]), {word: ITSELF})


def _hint(vocabulary: Vocabulary, word: str) -> ExpandedTerm:
    weights = {word: ITSELF} if word in vocabulary else {}
    return ExpandedTerm(word, HINT, HINT * vocabulary.rarity([word]), weights)


def _memoized(
    connection: sqlite3.Connection, vocabulary: Vocabulary, expansions: Expansions, word: str, unfolded: str
) -> ExpandedTerm:
    """The expanded term of a word, which callers may change."""
    term = expansions.get(word, unfolded)
    if term is None:
        term = _expanded(connection, vocabulary, word, unfolded)
        expansions.put(term, unfolded, is_of_release=word in vocabulary)
    return term


def _expanded(connection: sqlite3.Connection, vocabulary: Vocabulary, word: str, unfolded: str) -> ExpandedTerm:
    term = ExpandedTerm(word, _OCCUPATION if word in OCCUPATION_WORDS else 1.0)
    forms = _same_stem(connection, vocabulary, unfolded, word)
    term.add(forms, SAME_STEM)
    _add_longer(term, connection, vocabulary, forms)
    if word in vocabulary:
        term.add([word], ITSELF)
    elif not forms or len(word) >= MIN_CHANGED_CHARS:
        _add_misspelled(term, vocabulary)
    if len(word) >= MIN_COMPOUND_CHARS:
        term.pairs = list(_pairs(connection, vocabulary, word))
        term.add(_heads(connection, vocabulary, word), HEAD)
        if not term.is_findable():
            _add_words_with_same_end(term, connection, vocabulary)
        elif term.weights and max(term.weights.values()) <= HEAD:
            # Only the head of an unknown compound matches: what comes before it says more.
            term.add(_with_same_beginning(vocabulary, word)[0], HEAD)
    term.rarity = term.significance * vocabulary.rarity(term.close())
    return term


def _add_longer(
    term: ExpandedTerm, connection: sqlite3.Connection, vocabulary: Vocabulary, forms: Iterable[str]
) -> None:
    """Add words that begin with or contain this one (compounds), or its shorter form: chauffeur for chauffeurs."""
    word = term.word
    if len(word) < MIN_PREFIX_CHARS:
        return
    shorter = min((form for form in forms if word.startswith(form)), key=len, default=word)
    for part in {word, shorter if len(shorter) >= MIN_SUBSTRING_CHARS else word}:
        worth = ITSELF if part == word else SAME_STEM
        for longer in sorted(vocabulary.beginning_with(part), key=len)[:MAX_LONGER_WORDS]:
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


def _add_words_with_same_end(term: ExpandedTerm, connection: sqlite3.Connection, vocabulary: Vocabulary) -> None:
    """Add the words that share the longest beginning, and those that have the longest ending: other compounds of its parts."""
    word = term.word
    alike, length = _with_same_beginning(vocabulary, word)
    term.add(alike, SAME_PART * length / len(word))
    for length in _part_lengths(word):
        if alike := vocabulary.containing(connection, word[-length:], MAX_MATCHING_WORDS):
            term.add(alike, SAME_PART * length / len(word))
            break


def _with_same_beginning(vocabulary: Vocabulary, word: str) -> tuple[list[str], int]:
    """The words that have the longest beginning in common with a word, the shortest first; and its length."""
    for length in _part_lengths(word):
        if alike := vocabulary.beginning_with(word[:length]):
            return sorted(alike, key=len)[:MAX_MATCHING_WORDS], length
    return [], 0


def _part_lengths(word: str) -> range:
    return range(min(len(word) - 1, MAX_PART_CHARS), MIN_PART_CHARS - 1, -1)


def _pairs(connection: sqlite3.Connection, vocabulary: Vocabulary, word: str) -> Iterator[Pair]:
    for halves in vocabulary.halves(word)[:MAX_PAIRS]:
        one, other = (frozenset((half, *_same_stem(connection, vocabulary, half, half))) for half in halves)
        yield one, other


def _heads(connection: sqlite3.Connection, vocabulary: Vocabulary, word: str) -> list[str]:
    head = vocabulary.head(word, MIN_HEAD_CHARS)
    return [head, *_same_stem(connection, vocabulary, head, head)] if head else []


def _same_stem(connection: sqlite3.Connection, vocabulary: Vocabulary, unfolded: str, word: str) -> list[str]:
    """Other forms of a word. Function words are not: the French stem of `danse` is that of `dans`."""
    return [form for form in vocabulary.same_stem(connection, unfolded, word) if form not in FUNCTION_WORDS]


def _share(weight: tuple[float, float], part: str, longer: str) -> float:
    least, more = weight
    return least + more * len(part) / len(longer)
