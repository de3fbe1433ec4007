"""Full-text search of one index: the concepts that match a text, best first.

Client input cannot inject SQL or FTS5 syntax: both get only numbers, and folded words of letters and digits.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from graphql_api.competent.declarations import ConceptType
from graphql_api.errors import BadUserInput
from graphql_api.index.codes import CodeMatch, with_code
from graphql_api.index.profile_closure import array
from graphql_api.index.query_expansion import ExpandedTerm, expand, expand_misspelled
from graphql_api.index.scoring import MIN_RARITY_SHARE, Ranking
from graphql_api.index.search_schema import EXACT, write_search
from graphql_api.index.suggest import Suggestion, suggest
from graphql_api.index.tables import CONTAINED_TEXTS, LANGUAGES, SEARCHED, TYPES
from graphql_api.index.tokenizer import MAX_TEXT_CHARS, fold, marked
from graphql_api.index.vocabulary import Vocabulary

__all__ = ["MAX_RESULTS", "MAX_TEXT_CHARS", "Hit", "MatchKind", "Search", "Suggestion", "suggest", "write_search"]

MAX_RESULTS = 1000
"""Maximum concepts that a search returns."""
MAX_SCORED_TEXTS = 500
"""Maximum texts that are scored one by one; if more match, each further concept is scored by its first text by rank."""
FEW = 10
"""If at most this many texts have all words and none equals the query, texts with most of the words match too."""

# CROSS JOIN fixes the order of reading: SQLite's own choice may be a thousand times slower.
_MATCHING = """
SELECT n, field, folded, concept_type, position, concept, language
FROM searched_words CROSS JOIN occurrence ON searched_text = searched_words.rowid
CROSS JOIN searched_text ON n = searched_text
WHERE searched_words MATCH ? AND (1 << (concept_type * 4 + language)) & ? ORDER BY searched_words.rowid LIMIT ?
"""
_MATCHING_BEYOND = """
SELECT searched_text, concept_type, position, concept, language
FROM searched_words CROSS JOIN occurrence ON searched_text = searched_words.rowid
WHERE searched_words MATCH ? AND (1 << (concept_type * 4 + language)) & ? AND searched_words.rowid >= ?
ORDER BY searched_words.rowid
"""
_EXACT = f"""
SELECT n, field, folded, concept_type, position, concept, language
FROM searched_text CROSS JOIN occurrence ON searched_text = n
WHERE folded = ? AND {EXACT} AND (1 << (concept_type * 4 + language)) & ? ORDER BY n, concept_type, position LIMIT ?
"""  # noqa: S608  # numbers of fields
_TEXT = "SELECT text, folded FROM searched_text WHERE n = ?"
_WORDS = "SELECT n, field, folded FROM searched_text WHERE n IN (SELECT value FROM json_each(?))"


class MatchKind(Enum):
    """How a text matches: by its words, or as a code."""

    WORDS = "words"
    CODE = "code"


class Hit(NamedTuple):
    """A concept with its best matching text, or with the code that matches.

    `field` is the GraphQL field of the text, `language` its position in LANGUAGES (None for a code), `score` is from 0 to 1, and
    `marked` is the text as HTML, with matching words in <mark>.
    """

    row_id: int
    score: float
    field: str
    language: int | None
    text: str
    marked: str
    matched_by: MatchKind = MatchKind.WORDS


_Row = tuple[int, int, str, int, int, int, int]
"""A selected row: a text (its number in `searched_text`, field and folded words), and one concept that has it."""


class _Best(NamedTuple):
    """A concept with its best text; sorts best first."""

    loss: float  # 1 minus the score
    field: int
    length: int
    concept_type: int
    position: int
    row_id: int
    n: int
    language: int


class Search:
    """Searches one index file, through any connection to it.

    Thread-safe: its only state is the vocabulary of the file, which the first search loads.
    """

    def __init__(self) -> None:
        self._vocabulary: Vocabulary | None = None

    def search(
        self,
        connection: sqlite3.Connection,
        text: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
        start: int,
        stop: int,
    ) -> tuple[list[Hit], int]:
        """Search; returns the hits from `start` to `stop`, best first, and the total, at most MAX_RESULTS.

        Concepts that the text names by a code come first. `types` and `languages` (positions in LANGUAGES) limit the search; None
        means all. A technical competence and its skill are one hit, the skill, if skills are searched too. The order is
        deterministic. Raises BadUserInput if the text is too long, has half of a surrogate pair, or no letter and no digit.
        """
        codes, ranking, best = self._ranked(connection, text, types, languages)
        hits = [_code_hit(match) for match in codes[start:stop]]
        first, last = max(start - len(codes), 0), max(stop - len(codes), 0)
        return hits + [_hit(connection, ranking, concept) for concept in best[first:last]], len(codes) + len(best)

    def row_ids(
        self,
        connection: sqlite3.Connection,
        text: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
    ) -> list[int]:
        """The row ids of all concepts that `search` finds, in the same order; cheaper, as it builds no hits."""
        codes, _, best = self._ranked(connection, text, types, languages)
        return [match.row_id for match in codes] + [concept.row_id for concept in best]

    def _ranked(
        self,
        connection: sqlite3.Connection,
        text: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
    ) -> tuple[list[CodeMatch], Ranking, list[_Best]]:
        check_text("text", text)
        if not fold(text):
            raise BadUserInput("`text` has no letter and no digit; send words or a code to search for.")
        if self._vocabulary is None:
            self._vocabulary = Vocabulary(connection)
        codes = with_code(connection, text, types)[:MAX_RESULTS]
        with_codes = {match.row_id for match in codes}
        ranking, rows = _matching_texts(connection, self._vocabulary, text, _bits(_grouped(types), languages))
        best = [concept for concept in _best(ranking, rows) if concept.row_id not in with_codes]
        return codes, ranking, best[: MAX_RESULTS - len(codes)]


def check_text(name: str, text: str) -> None:
    """Raise BadUserInput if the argument `name` is too long, or is not valid Unicode."""
    if len(text) > MAX_TEXT_CHARS:
        raise BadUserInput(f"`{name}` has {len(text):,} characters; the limit is {MAX_TEXT_CHARS}.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadUserInput(f"`{name}` has half of a surrogate pair, which is not valid Unicode.")


def _grouped(types: Collection[ConceptType] | None) -> set[ConceptType]:
    """The types to search, without those whose only texts are those of another type that is searched too."""
    searched = set(TYPES.values() if types is None else types)
    return {type for type in searched if CONTAINED_TEXTS.get(type) not in searched}


def _bits(types: Collection[ConceptType], languages: Collection[int] | None) -> int:
    """A bitmask of the searched types and languages, as the SQL statements test it."""
    return sum(
        1 << (number * 4 + language)
        for number in {type.number for type in types}
        for language in (range(len(LANGUAGES)) if languages is None else set(languages))
    )


def _matching_texts(
    connection: sqlite3.Connection, vocabulary: Vocabulary, text: str, bits: int
) -> tuple[Ranking, list[_Row]]:
    """The texts that have all words (or most words, if few have all and none equals the query), and their ranking."""
    folded_text = fold(text)
    exact: list[_Row] = connection.execute(_EXACT, (folded_text, bits, MAX_RESULTS)).fetchall()
    terms = expand(connection, vocabulary, text)
    rows = exact + _matching(connection, _all(terms), bits)
    if not rows:
        expand_misspelled(vocabulary, terms)
        rows = _matching(connection, _all(terms), bits)
    if not exact and len(rows) <= FEW:
        rows += _first(connection, _most(terms), bits)
    return Ranking(folded_text, terms), rows


def _matching(connection: sqlite3.Connection, query: str, bits: int) -> list[_Row]:
    """The rows that an FTS5 expression matches: the first texts by rank and, if there are more, one of each further concept."""
    rows = _first(connection, query, bits)
    if len(rows) == MAX_SCORED_TEXTS:
        rows += _beyond(connection, query, bits, rows[-1][0])
    return rows


def _beyond(connection: sqlite3.Connection, query: str, bits: int, first: int) -> list[_Row]:
    """The first text of each concept from text number `first` on; stops after MAX_RESULTS concepts."""
    rows: dict[int, tuple[int, int, int, int, int]] = {}
    for row in connection.execute(_MATCHING_BEYOND, (query, bits, first)):
        if rows.setdefault(row[3], row) is row and len(rows) == MAX_RESULTS:
            break
    texts = {n: (n, *text) for n, *text in connection.execute(_WORDS, (array(row[0] for row in rows.values()),))}
    return [(*texts[n], *occurrence) for n, *occurrence in rows.values()]


def _first(connection: sqlite3.Connection, query: str, bits: int) -> list[_Row]:
    return connection.execute(_MATCHING, (query, bits, MAX_SCORED_TEXTS)).fetchall() if query else []


def _all(terms: Sequence[ExpandedTerm]) -> str:
    """The FTS5 expression for texts that have all words; empty if no text can."""
    must = [term for term in terms if term.must]
    return " AND ".join(term.query() for term in must) if all(term.is_findable() for term in must) else ""


def _most(terms: Sequence[ExpandedTerm]) -> str:
    """The FTS5 expression for texts that may have most of the words.

    Leaves out the most common words: a text with only these scores too little to be found.
    """
    findable = sorted((term for term in terms if term.is_findable() or term.heads), key=lambda term: term.rarity)
    without = MIN_RARITY_SHARE * sum(term.rarity for term in findable)
    while findable and findable[0].rarity < without:
        without -= findable.pop(0).rarity
    return " OR ".join(term.loose_query() for term in findable if term.must)


def _best(ranking: Ranking, rows: Iterable[_Row]) -> list[_Best]:
    """Each concept with its best text, the best concept first."""
    losses: dict[int, float] = {}
    best: dict[int, _Best] = {}
    for n, field, folded, concept_type, position, row_id, language in rows:
        if n not in losses:
            losses[n] = 1 - ranking.score(field, folded)
        if (loss := losses[n]) < 1:
            candidate = _Best(loss, field, len(folded), concept_type, position, row_id, n, language)
            if row_id not in best or candidate < best[row_id]:
                best[row_id] = candidate
    return sorted(best.values())


def _code_hit(match: CodeMatch) -> Hit:
    return Hit(match.row_id, 1.0, match.field, None, match.code, match.marked, MatchKind.CODE)


def _hit(connection: sqlite3.Connection, ranking: Ranking, best: _Best) -> Hit:
    text, folded = connection.execute(_TEXT, (best.n,)).fetchone()
    words = ranking.counting(best.field, folded)
    field = next(name for name, number in SEARCHED[TYPES[best.concept_type]].items() if number == best.field)
    return Hit(best.row_id, round(1 - best.loss, 4), field, best.language, text, marked(text, words))
