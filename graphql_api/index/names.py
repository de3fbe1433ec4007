"""All titles and alternative names of a release, to find those that a whole search text misspells."""

import sqlite3

from rapidfuzz import process
from rapidfuzz.distance import OSA

from graphql_api.index.tables import SEARCH, numbers

MIN_CHARS, MIN_TWO_EDITS_CHARS, MIN_THREE_EDITS_CHARS = 4, 8, 20
"""Minimum length of a name that may have one, two and three edits."""

_NAMES = f"""
SELECT n, folded FROM searched_text
WHERE field IN ({numbers(number for number, search in SEARCH.items() if search.is_name)}) ORDER BY n
"""  # noqa: S608  # numbers of fields


class Names:
    """Folded names by length and by their first and last letters; immutable once loaded, so that threads can share it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._by_ends: dict[tuple[int, str, str], tuple[list[int], list[str]]] = {}
        for n, folded in connection.execute(_NAMES):
            if len(folded) >= MIN_CHARS:
                for end in _ends(folded):
                    texts, names = self._by_ends.setdefault((len(folded), *end), ([], []))
                    texts.append(n)
                    names.append(folded)

    def near(self, folded: str) -> dict[int, int]:
        """The names within a few edits of a text that begin or end alike: the edit distance by number; without equal ones.

        The distance counts replaced, missing, added and swapped characters (optimal string alignment).
        """
        edits = sum(len(folded) >= least for least in (MIN_CHARS, MIN_TWO_EDITS_CHARS, MIN_THREE_EDITS_CHARS))
        distances: dict[int, int] = {}
        for length in range(len(folded) - edits, len(folded) + edits + 1) if edits else ():
            for end in _ends(folded):
                texts, names = self._by_ends.get((length, *end), ((), ()))
                matches = process.extract(
                    folded, names, scorer=OSA.distance, processor=None, score_cutoff=edits, limit=None
                )
                distances |= {texts[at]: int(distance) for _, distance, at in matches if distance}
        return distances


def _ends(name: str) -> tuple[tuple[str, str], ...]:
    return ("first", name[:2]), ("last", name[-2:])
