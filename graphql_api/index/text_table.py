"""The texts and profiles of a release in memory, as arrays: what scoring needs of each, without reading the file.

About two megabytes for 31,000 texts; immutable once loaded, so that threads can share it.
"""

import sqlite3
from array import array
from collections.abc import Iterator

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE


class TextTable:
    """What scoring needs of each text, concept and profile.

    `fields` and `lengths` (in words) are by number of a text; `orders` (the place of a concept among all) and `types` by row id;
    `profiles` has the row id of each profile by position. The concepts that have text `n` are at `starts[n]` to `starts[n + 1]`
    of `texts` (`n` itself), `concepts` (row ids) and `bits` (type * 4 + language).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.fields, self.lengths = array("B", [0]), array("H", [0])
        for field, words in connection.execute(_TEXTS):
            self.fields.append(field)
            self.lengths.append(min(words, 0xFFFF))
        self.starts, self.texts, self.concepts = array("I", [0, 0]), array("I"), array("I")
        self.bits = array("B")
        for n, row_id, bit in connection.execute(_OCCURRENCES):
            while len(self.starts) <= n:
                self.starts.append(len(self.concepts))
            self.texts.append(n)
            self.concepts.append(row_id)
            self.bits.append(bit)
        while len(self.starts) <= len(self.fields):
            self.starts.append(len(self.concepts))
        rows = connection.execute(_CONCEPTS).fetchall()
        size = max(rows, default=(0,))[0] + 1
        self.orders, self.types = array("I", [0]) * size, array("B", [0]) * size
        for order, (row_id, concept_type) in enumerate(rows):
            self.orders[row_id], self.types[row_id] = order, concept_type
        self.profiles = array("I", [row_id for row_id, type in rows if type == OCCUPATIONAL_PROFILE.number])

    def occurrences(self, n: int) -> Iterator[tuple[int, int]]:
        """Yield the row id of each concept that has a text, by its number, and the type and language: type * 4 + language."""
        start, stop = self.starts[n], self.starts[n + 1]
        return zip(self.concepts[start:stop], self.bits[start:stop], strict=True)


_TEXTS = "SELECT field, length(folded) - length(replace(folded, ' ', '')) + 1 FROM searched_text ORDER BY n"
_OCCURRENCES = """
SELECT searched_text, concept, concept_type * 4 + language FROM occurrence
ORDER BY searched_text, concept_type, position, concept, language
"""
_CONCEPTS = "SELECT n, concept_type FROM concept ORDER BY concept_type, position, n"
