"""Full-text search of one index: the concepts that match a text, best first; and suggestions while a user types.

Client input cannot inject SQL: statements get it as parameters only.
"""

import sqlite3
from collections.abc import Collection

from graphql_api.competent.declarations import ConceptType
from graphql_api.errors import BadUserInput
from graphql_api.index.codes import CodeMatch, group_of, with_code
from graphql_api.index.hits import Hit, MatchKind, hits_by_code, hits_by_words
from graphql_api.index.ranking import Best, Ranking
from graphql_api.index.release_texts import ReleaseTexts
from graphql_api.index.search_schema import write_search
from graphql_api.index.suggest import Suggestion, suggest
from graphql_api.index.tables import CONTAINED_TEXTS, LANGUAGES, TYPES
from graphql_api.index.tokenizer import MAX_TEXT_CHARS, fold

__all__ = ["MAX_RESULTS", "MAX_TEXT_CHARS", "Hit", "MatchKind", "Search", "Suggestion", "write_search"]

MAX_RESULTS = 1000
"""Maximum concepts that a search returns."""


class Search:
    """Searches one index file, through any connection to it.

    Thread-safe: its only state is the vocabulary of the file, which the first search loads.
    """

    def __init__(self) -> None:
        self._release: ReleaseTexts | None = None

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
        codes, ranking, rows = self.ranked(connection, text, types, languages)
        page = [Best(*row) for row in rows[max(start - len(codes), 0) : max(stop - len(codes), 0)]]
        hits = hits_by_words(connection, ranking, page) if ranking and page else []
        return hits_by_code(codes[start:stop]) + hits, len(codes) + len(rows)

    def row_ids(
        self,
        connection: sqlite3.Connection,
        text: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
    ) -> list[int]:
        """The row ids of all concepts that `search` finds, in the same order; cheaper, as it builds no hits."""
        codes, _, rows = self.ranked(connection, text, types, languages)
        return [match.row_id for match in codes] + [Best(*row).row_id for row in rows]

    def suggest(
        self,
        connection: sqlite3.Connection,
        prefix: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
        most: int,
    ) -> list[Suggestion]:
        """Suggest at most `most` concepts while a user types; see `suggest.suggest`. `types` and `languages` are as in `search`.

        Raises BadUserInput if `prefix` is too long, or has half of a surrogate pair.
        """
        check_text("prefix", prefix)
        return suggest(
            connection, self.texts(connection), prefix, searched_types(types), searched_languages(languages), most
        )

    def texts(self, connection: sqlite3.Connection) -> ReleaseTexts:
        """What the searches of this index share in memory; loaded once."""
        if self._release is None:
            self._release = ReleaseTexts(connection)
        return self._release

    def ranked(
        self,
        connection: sqlite3.Connection,
        text: str,
        types: Collection[ConceptType] | None,
        languages: Collection[int] | None,
    ) -> tuple[list[CodeMatch], Ranking | None, list[tuple[int, ...]]]:
        """The concepts with this code, and those that match the words as tuples of the values of `Best`.

        A text that is the code of a concept is not searched for as words.
        """
        check_text("text", text)
        if not (folded := fold(text)):
            raise BadUserInput("`text` has no letter and no digit; send words or a code to search for.")
        codes = with_code(connection, folded, types)[:MAX_RESULTS]
        if any(match.field == "code" for match in codes):
            return codes, None, []
        with_codes = {match.row_id for match in codes}
        words = group_of(folded) or text
        ranking = Ranking(
            connection, self.texts(connection), words, searched_types(types), searched_languages(languages)
        )
        rows = [row for row in ranking.best if Best(*row).row_id not in with_codes] if codes else ranking.best
        return codes, ranking, rows[: MAX_RESULTS - len(codes)]


def check_text(name: str, text: str) -> None:
    """Raise BadUserInput if the argument `name` is too long, or is not valid Unicode."""
    if len(text) > MAX_TEXT_CHARS:
        raise BadUserInput(f"`{name}` has {len(text):,} characters; the limit is {MAX_TEXT_CHARS}.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadUserInput(f"`{name}` has half of a surrogate pair, which is not valid Unicode.")


def searched_types(types: Collection[ConceptType] | None) -> frozenset[int]:
    """The numbers of the types to search, without those whose only texts are those of another type that is searched too."""
    searched = set(TYPES.values() if types is None else types)
    return frozenset(type.number for type in searched if CONTAINED_TEXTS.get(type) not in searched)


def searched_languages(languages: Collection[int] | None) -> frozenset[int]:
    """The positions of the languages to search."""
    return frozenset(range(len(LANGUAGES)) if languages is None else languages)
