"""The words of each occupational profile, from its own texts and those of all that it holds, with their weights.

A profile is found by what its competences say, even if no single text has all words of a search. The weight of a word is its
share in BM25F: how often the texts of a profile have it, by field, with diminishing returns, relative to their length. Languages
are apart, so that missing translations change nothing.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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


class ProfileTexts(NamedTuple):
    """The texts of a profile by the weight of their fields, each as its words by number; and the position of the profile."""

    position: int
    by_weight: Mapping[float, Sequence[Sequence[int]]]

    @property
    def length(self) -> float:
        """The weighted number of words."""
        return sum(weight * sum(map(len, texts)) for weight, texts in self.by_weight.items())


def profile_words(
    profiles: Callable[[int], Sequence[ProfileTexts]], count: int, numbers: Sequence[int]
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield the rows of the table: by language, then in order of words.

    `profiles` returns the texts in a language, `count` is the number of profiles, and `numbers` has the number in the table of
    each word of a text.
    """
    for language in range(len(LANGUAGES)):
        texts = profiles(language)
        lengths = [profile.length for profile in texts]
        mean = sum(lengths) / (sum(map(bool, lengths)) or 1)
        postings: defaultdict[int, tuple[array[int], bytearray]] = defaultdict(
            lambda: (array(profiles_type(count)), bytearray())
        )
        for length, profile in zip(lengths, texts, strict=True):
            damping = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length / (mean or 1))
            frequencies = _frequencies(profile.by_weight)
            weights = {
                frequency: int(FULL * frequency / (frequency + damping) + 0.5) or 1
                for frequency in set(frequencies.values())
            }
            for word, frequency in frequencies.items():
                positions, of_word = postings[word]
                positions.append(profile.position)
                of_word.append(weights[frequency])
        for word in sorted(postings, key=numbers.__getitem__):
            positions, of_word = postings[word]
            yield numbers[word], language, positions.tobytes(), bytes(of_word)


def _frequencies(by_weight: Mapping[float, Sequence[Sequence[int]]]) -> dict[int, float]:
    """How often the texts of a profile have each word, by the weights of their fields."""
    counts = [(weight, Counter(chain.from_iterable(texts))) for weight, texts in by_weight.items()]
    counts.sort(key=lambda of_weight: -len(of_weight[1]))
    frequencies: dict[int, float] = {}
    for weight, of_weight in counts[:1]:
        frequencies = {word: weight * count for word, count in of_weight.items()}
    for weight, of_weight in counts[1:]:
        for word, count in of_weight.items():
            frequencies[word] = frequencies.get(word, 0.0) + weight * count
    return frequencies
