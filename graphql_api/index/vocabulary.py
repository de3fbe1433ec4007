"""The words of one release, and those among them that a typed word may mean: forms, beginnings, compounds, misspellings.

Held in memory (some 35,000 words, a few megabytes) and never changed once read: threads share one. What it answers is words of
the release, in a fixed order, whatever was typed.
"""

import math
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from rapidfuzz import process
from rapidfuzz.distance import OSA

from graphql_api.index.tokenizer import Stems

SHORTEST_HALF = 3
_LINKS = ("", "s", "e", "n", "en", "er")
"""What Dutch and German put between the words of a compound."""

_TABLES = """
DROP TABLE IF EXISTS word;
DROP TABLE IF EXISTS word_part;
DROP TABLE IF EXISTS stem;
CREATE TABLE word (n INTEGER PRIMARY KEY, word TEXT NOT NULL, texts INTEGER NOT NULL);
CREATE VIRTUAL TABLE word_part USING fts5(
    word, content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1');
CREATE TABLE stem (
    language INTEGER NOT NULL, stem TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (language, stem, word)
) WITHOUT ROWID;
"""


def write_vocabulary(
    connection: sqlite3.Connection, counts: Iterable[tuple[str, int]], stems: Iterable[tuple[int, str, str]]
) -> None:
    """Write the words with the number of texts that have them, and the (language, stem, word) of each; both sorted."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO word (word, texts) VALUES (?, ?)", counts)
    connection.execute("INSERT INTO word_part (rowid, word) SELECT n, word FROM word ORDER BY n")
    connection.executemany("INSERT INTO stem VALUES (?, ?, ?)", stems)


class Vocabulary:
    """All words of a release, folded."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._texts: dict[str, int] = dict(connection.execute("SELECT word, texts FROM word ORDER BY n"))
        self._commonest = max(self._texts.values(), default=0)
        self._words = list(self._texts)
        self._by_length: dict[int, list[str]] = {}
        for word in self._words:
            self._by_length.setdefault(len(word), []).append(word)

    def __contains__(self, word: str) -> bool:
        return word in self._texts

    def texts(self, word: str) -> int:
        """How many texts have this word."""
        return self._texts.get(word, 0)

    def rarity(self, words: Iterable[str]) -> float:
        """How telling it is to have one of these words: from about 1 for what stands everywhere, most for what stands nowhere."""
        return math.log(2 + self._commonest / (1 + sum(map(self.texts, words))))

    def beginning_with(self, start: str) -> list[str]:
        """The words that begin so, in order of the alphabet."""
        words = self._words
        first = bisect_left(words, start)
        last = bisect_left(words, start + "\U0010ffff", lo=first)
        return words[first:last]

    def containing(self, connection: sqlite3.Connection, part: str, most: int) -> list[str]:
        """Words of which three or more letters are a part, not their beginning: those that end so first, then the shorter."""
        rows = connection.execute("SELECT rowid FROM word_part WHERE word_part MATCH ?", (f'"{part}"',))
        found = [word for (n,) in rows if not (word := self._words[n - 1]).startswith(part)]
        found.sort(key=lambda word: (not word.endswith(part), len(word), word))
        return found[:most]

    def near(self, word: str, distance: int, most: int) -> list[tuple[str, int]]:
        """Words that so many letters put wrong, left out, added or swapped make of this one: nearest first, then the commoner."""
        found: list[tuple[str, int]] = []
        for length in range(len(word) - distance, len(word) + distance + 1):
            some = self._by_length.get(length, ())
            hits = process.extract(word, some, scorer=OSA.distance, processor=None, score_cutoff=distance, limit=None)
            found += ((hit, int(far)) for hit, far, _ in hits if far)
        found.sort(key=lambda hit: (hit[1], -self._texts[hit[0]], hit[0]))
        return found[:most]

    def swapped(self, word: str) -> Iterator[str]:
        """The words that this one becomes when two neighbouring letters change places."""
        for at in range(len(word) - 1):
            turned = f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"
            if turned != word and turned in self._texts:
                yield turned

    def halves(self, compound: str) -> list[tuple[str, str]]:
        """The pairs of words that this one may be made of, with what links them left out: the most even pair first."""
        found = {
            (compound[: at - len(link)], compound[at:])
            for at in range(SHORTEST_HALF, len(compound) - SHORTEST_HALF + 1)
            for link in _LINKS
            if compound[:at].endswith(link) and at - len(link) >= SHORTEST_HALF
        }
        known = [pair for pair in found if pair[0] in self._texts and pair[1] in self._texts]
        return sorted(known, key=lambda pair: (-min(map(len, pair)), pair))

    def head(self, compound: str, least: int) -> str | None:
        """The longest other word that this one ends with, of at least so many letters: what the compound is a kind of."""
        ends = (compound[at:] for at in range(SHORTEST_HALF, len(compound) - least + 1))
        return next((end for end in ends if end in self._texts), None)

    def same_stem(self, connection: sqlite3.Connection, written: str, folded: str) -> list[str]:
        """Other forms of a word, as typed and folded; asked of the file."""
        sql = "SELECT word FROM stem WHERE language = ? AND stem = ?"
        stems = Stems().of_word(written, folded)
        found = {word for pair in stems for (word,) in connection.execute(sql, pair)}
        return sorted(word for word in found if word != folded and word in self._texts)
