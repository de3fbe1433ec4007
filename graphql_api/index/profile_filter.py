"""Filters and sorts occupational profiles.

A profile must meet all conditions. Client input is only compared, never used as a pattern or as SQL.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.errors import BadUserInput
from graphql_api.index.tables import SEARCHED
from graphql_api.index.tokenizer import fold
from graphql_api.index.usage import profiles_using


@dataclass(frozen=True, slots=True)
class ProfileFilter:
    """Conditions on profiles; None means no condition.

    `within`: row ids, in order of code, of the only profiles to consider. `text_matches`: row ids found by a search. `uses`: row
    id of a concept that profiles use, directly or through a competence. `modified_since`: ISO 8601, inclusive, UTC if it has no
    offset; excludes profiles without a modification time.
    """

    within: Sequence[int]
    text_matches: frozenset[int] | None = None
    uses: int | None = None
    modified_since: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by code in natural order, or by title if `ranks` has the ranks of titles in a language, from `title_ranks`."""

    ranks: Mapping[int, int] | None = None
    descending: bool = False


def profiles(connection: sqlite3.Connection, filter: ProfileFilter, order: Order) -> list[int]:
    """The row ids of all profiles that meet every condition, sorted.

    Profiles without any title come last. Equal titles are sorted by code, in either direction. Raises BadUserInput if
    `modified_since` is not a valid timestamp.
    """
    row_ids = [*filter.within]
    for matching in _conditions(connection, filter):
        row_ids = [n for n in row_ids if n in matching]
    if order.ranks is None:
        return row_ids[::-1] if order.descending else row_ids
    # Sorting is stable in both directions, so that equal titles stay in order of code.
    titled = [n for n in row_ids if n in order.ranks]
    titled.sort(key=order.ranks.__getitem__, reverse=order.descending)
    return titled + [n for n in row_ids if n not in order.ranks]


def title_ranks(connection: sqlite3.Connection, languages: Sequence[int]) -> dict[int, dict[int, int]]:
    """The rank of each profile by its title in a language (a position in LANGUAGES), by row id; equal titles have equal ranks.

    Titles are compared without case and accents. A title missing in the language falls back to the first other language, in the
    order nl, fr, en, de; profiles without any title are left out.
    """
    return {language: _ranks(connection, language) for language in languages}


def _ranks(connection: sqlite3.Connection, language: int) -> dict[int, int]:
    titles = {n: fold(title) for n, title, _ in connection.execute(_TITLES, (language,))}
    ranks = {title: rank for rank, title in enumerate(sorted({*titles.values()}))}
    return {n: ranks[title] for n, title in titles.items()}


# Titles in a language, or in the first other one. With min(), SQLite returns the other columns from the row of the minimum.
_TITLES = f"""
    SELECT concept, text, min(CASE language WHEN ? THEN -1 ELSE language END) FROM text
    WHERE field = {SEARCHED[OCCUPATIONAL_PROFILE]["title"]} GROUP BY concept
"""  # noqa: S608  # an integer, not input


def _conditions(connection: sqlite3.Connection, filter: ProfileFilter) -> Iterator[frozenset[int]]:
    """Yield, for each condition that is set, the profiles that meet it."""
    if filter.text_matches is not None:
        yield filter.text_matches
    if filter.uses is not None:
        yield frozenset(use.row_id for use in profiles_using(connection, [filter.uses])[filter.uses])
    if filter.modified_since is not None:
        yield _modified(connection, filter.modified_since)


def _modified(connection: sqlite3.Connection, since: str) -> frozenset[int]:
    start = _moment(since)
    if start is None:
        raise BadUserInput("Invalid timestamp; expected a form such as 2025-11-03T09:12:00Z.")
    moments = ((n, _moment(text)) for n, text in connection.execute("SELECT profile, modified_at FROM modified"))
    return frozenset(n for n, moment in moments if moment is not None and moment >= start)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
