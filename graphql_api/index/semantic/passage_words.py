"""How well the words of passages match each profile: the index of the words of profiles (BM25F), and exact and same-stem words.

Unlike a search, it looks for no misspellings and compounds, so that each word of a long text takes a tenth of a millisecond.
"""

import math
import sqlite3
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphql_api.index.postings import profiles_type, unpack
from graphql_api.index.profile_closure import array
from graphql_api.index.profile_words import FULL
from graphql_api.index.query_expansion import SAME_STEM
from graphql_api.index.stop_words import FUNCTION_WORDS, OCCUPATION_WORDS
from graphql_api.index.tokenizer import words
from graphql_api.index.vocabulary import Vocabulary, stemmers

if TYPE_CHECKING:
    from graphql_api.index.semantic.embedder import Matrix

MAX_WORDS = 600
"""Maximum distinct words of a text that are looked up: the first. Texts of 10,000 characters have about 500."""
_IGNORED = FUNCTION_WORDS | OCCUPATION_WORDS
_PROFILES = "SELECT word, language, profiles, weights FROM profile_word JOIN json_each(?) ON word = value"


def word_scores(
    connection: sqlite3.Connection,
    vocabulary: Vocabulary,
    passages: Sequence[str],
    languages: Collection[int],
    profiles: int,
) -> "Matrix":
    """For each profile, by position (rows), and passage (columns), the share of its words that the profile has, from 0 to 1.

    Words count by their rarity among profiles. `profiles` is the number of profiles.
    """
    significant = [_significant(passage) for passage in passages]
    distinct = list(dict.fromkeys(word for of_passage in significant for word in of_passage))[:MAX_WORDS]
    forms = {original: _forms(connection, vocabulary, folded, original) for folded, original in distinct}
    rows = _rows(connection, {n for of_word in forms.values() for n in of_word}, languages, profiles)
    weights = np.zeros((profiles, len(distinct)), np.float32)
    for column, (_, original) in enumerate(distinct):
        for n, weight in forms[original].items():
            if n in rows:
                np.maximum(weights[:, column], weight * rows[n], out=weights[:, column])
    having = np.count_nonzero(weights, axis=0)
    rarity = np.log(1 + (profiles - having + 0.5) / (having + 0.5)) * (having > 0)
    columns = {word: column for column, word in enumerate(distinct)}
    uses = np.zeros((len(distinct), len(passages)), np.float32)
    for column, of_passage in enumerate(significant):
        uses[[columns[word] for word in of_passage if word in columns], column] = 1
    scores: Matrix = (weights * rarity) @ uses / np.maximum(rarity @ uses, math.ulp(1.0))
    return scores


def significant_stems(text: str, language: int) -> set[str]:
    """The stems, in one language, of the words of a text that say something."""
    return {stem for stem, word in stemmers().of_texts(language, [text]) if len(word) > 1 and word not in _IGNORED}


def _significant(passage: str) -> list[tuple[str, str]]:
    """The distinct words of a passage, folded and as written, without those that say little."""
    pairs = dict.fromkeys((word.folded, passage[word.start : word.end]) for word in words(passage))
    return [(folded, original) for folded, original in pairs if len(folded) > 1 and folded not in _IGNORED]


def _forms(connection: sqlite3.Connection, vocabulary: Vocabulary, folded: str, original: str) -> dict[int, float]:
    """The numbers of the words that match one, with weights."""
    alike = {vocabulary.number(word): SAME_STEM for word in vocabulary.same_stem(connection, original, folded)}
    return alike | ({vocabulary.number(folded): 1.0} if folded in vocabulary else {})


def _rows(
    connection: sqlite3.Connection, numbers: Collection[int], languages: Collection[int], profiles: int
) -> "dict[int, Matrix]":
    """For each word, by number, its weight in each profile from 0 to 1: the highest of those in these languages."""
    typecode = profiles_type(profiles)
    rows: dict[int, Matrix] = {}
    for n, language, positions, weights in connection.execute(_PROFILES, (array(numbers),)):
        if language in languages:
            row = rows.setdefault(n, np.zeros(profiles, np.float32))
            at = np.asarray(unpack(positions, typecode))
            row[at] = np.maximum(row[at], np.frombuffer(weights, np.uint8) / np.float32(FULL))
    return rows
