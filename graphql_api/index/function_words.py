"""Function words of queries: in which texts and profiles they are, as bits and bytes.

They are in thousands of texts, make no hit, and recur in queries: what is read of them once serves all later queries.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from graphql_api.index.postings import Postings
from graphql_api.index.text_table import TextTable

MAX_WORDS = 400
"""Maximum function words that a release memoizes, of up to five kilobytes each; there are 250, and single letters."""


class FunctionWord(NamedTuple):
    """A word of a release: its texts as bits by number, and its highest weight in each profile by position, 0 if it has none."""

    bits: bytes
    weights: bytes

    def texts(self) -> Iterator[int]:
        """Yield the numbers of all texts that have it."""
        return (n for n in range(8 * len(self.bits)) if self.bits[n >> 3] >> (n & 7) & 1)

    def among(self, texts: Iterable[int]) -> list[int]:
        """Those of some texts that have it."""
        bits = self.bits
        return [n for n in texts if bits[n >> 3] >> (n & 7) & 1]


FunctionWords = dict[tuple[int, frozenset[int]], FunctionWord]
"""Function words by number and languages: bounded memo."""


def read_function_word(postings: Postings, table: TextTable, word: int, languages: Collection[int]) -> FunctionWord:
    """Read a word, by its number, in profiles by their texts in some languages."""
    bits, weights = bytearray(len(table.fields) // 8 + 1), bytearray(len(table.profiles))
    for n in postings.texts(word):
        bits[n >> 3] |= 1 << (n & 7)
    for positions, of_positions in postings.profiles(word, languages):
        for position, weight in zip(positions, of_positions, strict=True):
            weights[position] = max(weights[position], weight)
    return FunctionWord(bytes(bits), bytes(weights))
