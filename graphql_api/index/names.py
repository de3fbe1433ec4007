"""All titles and alternative names of a release, to find those that a whole search text misspells."""

import sqlite3
from array import array

from rapidfuzz import process
from rapidfuzz.distance import OSA

from graphql_api.index.tables import SEARCH, numbers

MIN_ONE_EDIT_CHARS, MIN_TWO_EDITS_CHARS, MIN_THREE_EDITS_CHARS = 4, 8, 20
"""Minimum length of a word or name that may have one, two and three edits."""

_NAMES = f"""
SELECT n, folded FROM searched_text
WHERE field IN ({numbers(number for number, search in SEARCH.items() if search.is_name)}) ORDER BY n
"""  # noqa: S608  # numbers of fields


class Names:
    """Folded names, and their positions by length and by first and last letter.

    Immutable once loaded, so that threads can share it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._names: list[str] = []
        self._texts = array("I")
        self._by_end: dict[tuple[int, int, str], array[int]] = {}
        for n, folded in connection.execute(_NAMES):
            if len(folded) >= MIN_ONE_EDIT_CHARS:
                for end in (0, -1):
                    self._by_end.setdefault((len(folded), end, folded[end]), array("I")).append(len(self._names))
                self._texts.append(n)
                self._names.append(folded)

    def near(self, folded: str, most: int) -> dict[int, int]:
        """The names within `most` edits of a text, and fewer if it is short, that begin or end alike; without equal ones.

        Returns the edit distance by number of the name.
        The distance counts replaced, missing, added and swapped characters (optimal string alignment).
        """
        edits = sum(
            len(folded) >= least for least in (MIN_ONE_EDIT_CHARS, MIN_TWO_EDITS_CHARS, MIN_THREE_EDITS_CHARS)[:most]
        )
        distances: dict[int, int] = {}
        for length in range(len(folded) - edits, len(folded) + edits + 1) if edits else ():
            for end in (0, -1):
                names = {at: self._names[at] for at in self._by_end.get((length, end, folded[end]), ())}
                matches = process.extract(
                    folded, names, scorer=OSA.distance, processor=None, score_cutoff=edits, limit=None
                )
                distances |= {self._texts[at]: int(distance) for _, distance, at in matches if distance}
        return distances
