"""The words of each occupational profile, from its own texts and those of all that it holds, with their weights.

A profile is found by what its competences say, even if no single text has all words of a search. The weight of a word is its
share in BM25F: how often the texts of a profile have it, by field, with diminishing returns, relative to their length. Languages
are apart, so that missing translations change nothing.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from graphql_api.index.postings import profiles_type
from graphql_api.index.tables import LANGUAGES

TABLE = """
CREATE TABLE profile_word (
    word INTEGER NOT NULL, language INTEGER NOT NULL, profiles BLOB NOT NULL, weights BLOB NOT NULL,
    PRIMARY KEY (word, language)) WITHOUT ROWID
"""
"""`profiles` are positions of profiles, `weights` a byte for each: 255 times the weight."""
SATURATION, LENGTH_SHARE = 2.0, 0.6
"""The constants k1 and b of BM25."""
FULL = 255

Text = tuple[float, Sequence[int]]
"""A text of a profile: the weight of its field, and its words by number."""


class ProfileTexts(NamedTuple):
    """The texts of a profile, and its position."""

    position: int
    texts: Sequence[Text]


def profile_words(
    profiles: Callable[[int], Iterable[ProfileTexts]], count: int
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield the rows of the table; `profiles` returns the texts in a language, `count` is the number of profiles."""
    item_type = profiles_type(count)
    for language in range(len(LANGUAGES)):
        lengths = [sum(weight * len(words) for weight, words in texts) for _, texts in profiles(language)]
        mean = sum(lengths) / (sum(map(bool, lengths)) or 1)
        postings: dict[int, tuple[array[int], bytearray]] = {}
        for length, (position, texts) in zip(lengths, profiles(language), strict=True):
            damping = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length / (mean or 1))
            for word, frequency in _frequencies(texts).items():
                posting = postings.get(word)
                if posting is None:
                    posting = postings[word] = array(item_type), bytearray()
                posting[0].append(position)
                posting[1].append(int(FULL * frequency / (frequency + damping) + 0.5) or 1)
        for word, (positions, weights) in sorted(postings.items()):
            yield word, language, positions.tobytes(), bytes(weights)


def _frequencies(texts: Iterable[Text]) -> dict[int, float]:
    """How often the texts of a profile have each word, by the weights of their fields."""
    by_weight: dict[float, list[Sequence[int]]] = {}
    for weight, words in texts:
        by_weight.setdefault(weight, []).append(words)
    frequencies: dict[int, float] = {}
    for weight, texts_of_weight in by_weight.items():
        for word, count in Counter(chain.from_iterable(texts_of_weight)).items():
            frequencies[word] = frequencies.get(word, 0.0) + weight * count
    return frequencies
