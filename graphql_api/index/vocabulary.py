"""The vocabulary of one release: finds the words that match a typed one, by stem, prefix, compound or misspelling.

Held in memory (about 35,000 words, a few megabytes) and immutable once loaded, so that threads can share it. Results are always
words of the release, in a fixed order.
"""

import math
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from rapidfuzz import process
from rapidfuzz.distance import OSA

from graphql_api.index.tokenizer import Stems

MIN_HALF_CHARS = 3
_LINKS = ("", "s", "e", "n", "en", "er")
"""Linking elements between the words of Dutch and German compounds."""

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
    """Write `counts` (word, number of texts that have it) and `stems` (language, stem, word), both sorted."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO word (word, texts) VALUES (?, ?)", counts)
    connection.execute("INSERT INTO word_part (rowid, word) SELECT n, word FROM word ORDER BY n")
    connection.executemany("INSERT INTO stem VALUES (?, ?, ?)", stems)


class Vocabulary:
    """All folded words of a release."""

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
        """The number of texts that have this word."""
        return self._texts.get(word, 0)

    def rarity(self, words: Iterable[str]) -> float:
        """How significant a match of any of these words is: about 1 for the most common words, highest for unknown ones."""
        return math.log(2 + self._commonest / (1 + sum(map(self.texts, words))))

    def beginning_with(self, start: str) -> list[str]:
        """The words with this prefix, sorted alphabetically."""
        words = self._words
        first = bisect_left(words, start)
        last = bisect_left(words, start + "\U0010ffff", lo=first)
        return words[first:last]

    def containing(self, connection: sqlite3.Connection, part: str, limit: int) -> list[str]:
        """At most `limit` words that contain `part` but do not start with it: suffixes first, then shorter words.

        `part` must have at least 3 letters.
        """
        rows = connection.execute("SELECT rowid FROM word_part WHERE word_part MATCH ?", (f'"{part}"',))
        found = [word for (n,) in rows if not (word := self._words[n - 1]).startswith(part)]
        found.sort(key=lambda word: (not word.endswith(part), len(word), word))
        return found[:limit]

    def near(self, word: str, distance: int, limit: int) -> list[tuple[str, int]]:
        """At most `limit` other words within this edit distance, with the distance: nearest first, then the more common.

        The distance counts replaced, missing, added and swapped letters (optimal string alignment).
        """
        found: list[tuple[str, int]] = []
        for length in range(len(word) - distance, len(word) + distance + 1):
            candidates = self._by_length.get(length, ())
            hits = process.extract(
                word, candidates, scorer=OSA.distance, processor=None, score_cutoff=distance, limit=None
            )
            found += ((hit, int(far)) for hit, far, _ in hits if far)
        found.sort(key=lambda hit: (hit[1], -self._texts[hit[0]], hit[0]))
        return found[:limit]

    def swapped(self, word: str) -> Iterator[str]:
        """Yield the words that differ by two adjacent swapped letters."""
        for at in range(len(word) - 1):
            turned = f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"
            if turned != word and turned in self._texts:
                yield turned

    def halves(self, compound: str) -> list[tuple[str, str]]:
        """The pairs of words of which this one may be composed, without linking letters, the most evenly split first."""
        found = {
            (compound[: at - len(link)], compound[at:])
            for at in range(MIN_HALF_CHARS, len(compound) - MIN_HALF_CHARS + 1)
            for link in _LINKS
            if compound[:at].endswith(link) and at - len(link) >= MIN_HALF_CHARS
        }
        known = [pair for pair in found if pair[0] in self._texts and pair[1] in self._texts]
        return sorted(known, key=lambda pair: (-min(map(len, pair)), pair))

    def head(self, compound: str, least: int) -> str | None:
        """The head of a compound: the longest other word of at least `least` letters that ends it; None if there is none."""
        ends = (compound[at:] for at in range(MIN_HALF_CHARS, len(compound) - least + 1))
        return next((end for end in ends if end in self._texts), None)

    def same_stem(self, connection: sqlite3.Connection, written: str, folded: str) -> list[str]:
        """Other words with the same stem as a word, as written and folded; reads the file."""
        sql = "SELECT word FROM stem WHERE language = ? AND stem = ?"
        stems = Stems().of_word(written, folded)
        found = {word for pair in stems for (word,) in connection.execute(sql, pair)}
        return sorted(word for word in found if word != folded and word in self._texts)
