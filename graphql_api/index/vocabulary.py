"""The vocabulary of one release: finds the words that match a typed one, by stem, prefix, compound or misspelling.

Held in memory (about 35,000 words, a few megabytes) and immutable once loaded, so that threads can share it. Results are always
words of the release, in a fixed order.
"""

import math
import sqlite3
import threading
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, product
from string import ascii_lowercase

from rapidfuzz import process
from rapidfuzz.distance import OSA

from graphql_api.index.postings import TEXTS, unpack
from graphql_api.index.tokenizer import Stems

MIN_HALF_CHARS = 3
PART_CHARS = 3
"""Letters of the parts by which words that contain some letters are found."""
_LINKS = ("", "s", "e", "n", "en", "er")
"""Linking elements between the words of Dutch and German compounds."""

_WORD_TABLES = (
    "DROP TABLE IF EXISTS word",
    "DROP TABLE IF EXISTS word_part",
    "CREATE TABLE word (n INTEGER PRIMARY KEY, word TEXT NOT NULL, texts INTEGER NOT NULL, postings BLOB NOT NULL)",
    "CREATE TABLE word_part (part TEXT PRIMARY KEY, words BLOB NOT NULL) WITHOUT ROWID",
)
_RAREST_PART = "SELECT words, min(length(words)) FROM word_part WHERE part IN (?, ?, ?)"
_SAME_STEM = "SELECT word FROM stem WHERE language = ? AND stem = ?"
_STEM_TABLES = (
    "DROP TABLE IF EXISTS stem",
    """
    CREATE TABLE stem (
        language INTEGER NOT NULL, stem TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (language, stem, word)
    ) WITHOUT ROWID
    """,
)


def write_words(
    connection: sqlite3.Connection, words: Iterable[str], postings: "Sequence[array[int]]"
) -> Sequence[int]:
    """Write words and, for each, the texts that have it. Returns the numbers of the words in the index."""
    for statement in _WORD_TABLES:
        connection.execute(statement)
    postings_by_word = dict(zip(words, postings, strict=True))
    in_order = _in_order(postings_by_word)
    rows = ((word, len(texts := postings_by_word[word]), texts.tobytes()) for word in in_order)
    connection.executemany("INSERT INTO word (word, texts, postings) VALUES (?, ?, ?)", rows)
    connection.executemany("INSERT INTO word_part VALUES (?, ?)", _parts(in_order))
    numbers = {word: n for n, word in enumerate(in_order, 1)}
    return [*map(numbers.__getitem__, postings_by_word)]


def _in_order(words: Iterable[str]) -> list[str]:
    """Words in the order of SQLite, sorted letter by letter: one sort of all would stop all threads for too long."""
    by_letter: dict[str, list[str]] = {}
    for word in words:
        by_letter.setdefault(word[0], []).append(word)
    return [word for letter in sorted(by_letter) for word in sorted(by_letter[letter])]


def _parts(words: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each sequence of PART_CHARS letters, with the numbers of the words that have it, from 1."""
    numbers: defaultdict[str, array[int]] = defaultdict(lambda: array(TEXTS))
    for n, word in enumerate(words, 1):
        for part in {word[at : at + PART_CHARS] for at in range(len(word) - PART_CHARS + 1)}:
            numbers[part].append(n)
    for part in sorted(numbers):
        yield part, numbers[part].tobytes()


def write_stems(connection: sqlite3.Connection, stems: Iterable[tuple[int, str, str]]) -> None:
    """Write stems (language, stem, word)."""
    for statement in _STEM_TABLES:
        connection.execute(statement)
    connection.executemany("INSERT INTO stem VALUES (?, ?, ?)", stems)


_local = threading.local()


def stemmers() -> Stems:
    """The stemmers of this thread."""
    if not hasattr(_local, "stems"):
        _local.stems = Stems()
    stems: Stems = _local.stems
    return stems


class Vocabulary:
    """All folded words of a release."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT word, texts FROM word ORDER BY n").fetchall()
        self._words = [word for word, _ in rows]
        self._numbers = {word: n for n, word in enumerate(self._words, 1)}
        self._texts: Sequence[int] = array("I", [0, *(texts for _, texts in rows)])
        self._commonest = max(self._texts)
        self._by_letter: dict[tuple[int, int, str], list[str]] = {}
        for word in self._words:
            for at, letter in enumerate(word[:2]):
                self._by_letter.setdefault((len(word), at, letter), []).append(word)

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def number(self, word: str) -> int:
        """The number of a word in the index; 0 if the release does not have it."""
        return self._numbers.get(word, 0)

    def texts(self, word: str) -> int:
        """The number of texts that have this word."""
        return self._texts[self.number(word)]

    def rarity(self, words: Iterable[str]) -> float:
        """How significant a match of any of these words is: about 1 for the most common words, highest for unknown ones."""
        return math.log(2 + self._commonest / (1 + sum(map(self.texts, words))))

    def beginning_with(self, start: str) -> list[str]:
        """The words with this prefix, sorted alphabetically."""
        words = self._words
        first = bisect_left(words, start)
        last = bisect_left(words, start + "\U0010ffff", lo=first)
        return words[first:last]

    def near_beginnings(self, start: str) -> list[str]:
        """The beginnings of words that differ from `start` by one edit, but not in the last letter typed."""
        edits = {
            edited
            for at in range(len(start))
            for edited in (
                *(start[:at] + letter + start[at:] for letter in ascii_lowercase),
                *(start[:at] + letter + start[at + 1 :] for letter in ascii_lowercase if at < len(start) - 1),
                start[:at] + start[at + 1 :] if at < len(start) - 1 else start,
                start[:at] + start[at + 1 : at + 2] + start[at] + start[at + 2 :],
            )
        }
        return sorted(edited for edited in edits - {start} if self._begins_a_word(edited))

    def _begins_a_word(self, start: str) -> bool:
        first = bisect_left(self._words, start)
        return first < len(self._words) and self._words[first].startswith(start)

    def containing(self, connection: sqlite3.Connection, part: str, limit: int) -> list[str]:
        """At most `limit` words that contain `part` but do not start with it: suffixes first, then shorter words.

        `part` must have at least PART_CHARS letters.
        """
        parts = [part[at : at + PART_CHARS] for at in (0, len(part) // 2 - 1, len(part) - PART_CHARS)]
        numbers, _ = connection.execute(_RAREST_PART, parts).fetchone()
        words = [
            word for n in unpack(numbers or b"") if part in (word := self._words[n - 1]) and not word.startswith(part)
        ]
        words.sort(key=lambda word: (not word.endswith(part), len(word), word))
        return words[:limit]

    def near(self, word: str, distance: int, limit: int) -> list[tuple[str, int]]:
        """At most `limit` other words within this edit distance, with the distance: nearest first, then the more common.

        The distance counts replaced, missing, added and swapped letters (optimal string alignment). Words of which the first and
        the second letter are others are left out.
        """
        edits: dict[str, int] = {}
        for length in range(len(word) - distance, len(word) + distance + 1):
            for at, letter in product((0, 1), dict.fromkeys(word[:2])):
                candidates = self._by_letter.get((length, at, letter), ())
                hits = process.extract(
                    word, candidates, scorer=OSA.distance, processor=None, score_cutoff=distance, limit=None
                )
                edits |= {hit: int(far) for hit, far, _ in hits if far}
        nearest = sorted(edits.items(), key=lambda hit: (hit[1], -self.texts(hit[0]), hit[0]))
        return nearest[:limit]

    def swapped(self, word: str) -> Iterator[str]:
        """Yield the words that differ by two adjacent swapped letters."""
        for at in range(len(word) - 1):
            turned = f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"
            if turned != word and turned in self._numbers:
                yield turned

    def halves(self, compound: str) -> list[tuple[str, str]]:
        """The pairs of words of which this one may be composed, without linking letters, the most evenly split first."""
        pairs = {
            (half, compound[at:])
            for at in range(MIN_HALF_CHARS, len(compound) - MIN_HALF_CHARS + 1)
            if compound[at:] in self._numbers
            for link in _LINKS
            if compound[:at].endswith(link) and at - len(link) >= MIN_HALF_CHARS
            if (half := compound[: at - len(link)]) in self._numbers
        }
        return sorted(pairs, key=lambda pair: (-min(map(len, pair)), pair))

    def head(self, compound: str, least: int) -> str | None:
        """The head of a compound: the longest other word of at least `least` letters that ends it; None if there is none."""
        ends = (compound[at:] for at in range(MIN_HALF_CHARS, len(compound) - least + 1))
        return next((end for end in ends if end in self._numbers), None)

    def same_stem(self, connection: sqlite3.Connection, unfolded: str, folded: str) -> list[str]:
        """Other words with the same stem as a word, unfolded and folded; reads the file."""
        stems = sorted(stemmers().of_word(unfolded, folded))
        sql = " UNION ALL ".join([_SAME_STEM] * len(stems))
        alike = {word for (word,) in connection.execute(sql, [*chain.from_iterable(stems)])}
        return sorted(word for word in alike if word != folded and word in self._numbers)
