"""Postings: the numbers of the texts or profiles that have a word, as bytes in the index.

They are read into arrays without any parsing, in the byte order of the machine that wrote the file, which is part of its format.
"""

import sqlite3
from array import array
from collections.abc import Collection, Iterator, Sequence

TEXTS = "I"
"""The type code of numbers of texts."""


def profiles_type(count: int) -> str:
    """The smallest type code for positions of `count` profiles."""
    return "H" if count <= 0xFFFF else "I"


def unpack(packed: bytes, typecode: str = TEXTS) -> Sequence[int]:
    """The numbers of an array whose bytes these are. Raises ValueError if the bytes are incomplete."""
    numbers = array(typecode)
    numbers.frombytes(packed)
    return numbers


class Postings:
    """The texts and profiles of each word of a release, in memory: reading them again for each search takes longer.

    Words are numbers of the index, from 1. Two and a half megabytes for 31,000 texts; immutable, so that threads can share it.
    """

    def __init__(self, connection: sqlite3.Connection, profiles: int) -> None:
        """`profiles` is the number of profiles."""
        self._texts, self._text_starts = array(TEXTS), array("I", [0, 0])
        for (texts,) in connection.execute(_TEXTS):
            self._texts.frombytes(texts)
            self._text_starts.append(len(self._texts))
        self._profiles, all_weights = array(profiles_type(profiles)), bytearray()
        self._rows, self._starts, self._languages = array("I", [0]), array("I", [0]), bytearray()
        for word, language, positions, weights in connection.execute(_PROFILES):
            self._rows.extend([len(self._languages)] * (word + 1 - len(self._rows)))
            self._languages.append(language)
            self._profiles.frombytes(positions)
            all_weights += weights
            self._starts.append(len(all_weights))
        self._weights = bytes(all_weights)
        self._rows.extend([len(self._languages)] * (len(self._text_starts) - len(self._rows)))

    def texts(self, word: int) -> Sequence[int]:
        """The numbers of the texts that have a word, in ascending order; none for the word 0."""
        return self._texts[self._text_starts[word] : self._text_starts[word + 1]]

    def profiles(self, word: int, languages: Collection[int]) -> Iterator[tuple[Sequence[int], bytes]]:
        """Yield the positions of profiles that have a word in their texts in a language, with its weights there."""
        starts = self._starts
        for row in range(self._rows[word], self._rows[word + 1]):
            if self._languages[row] in languages:
                start, stop = starts[row], starts[row + 1]
                yield self._profiles[start:stop], self._weights[start:stop]


_TEXTS = "SELECT postings FROM word ORDER BY n"
_PROFILES = "SELECT word, language, profiles, weights FROM profile_word ORDER BY word, language"
