"""Filters and sorts occupational profiles.

A profile must meet all conditions. Client input is only compared, never used as a pattern or as SQL.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.competent.values import ISCO
from graphql_api.errors import BadUserInput
from graphql_api.index.tables import SEARCHED
from graphql_api.index.tokenizer import fold
from graphql_api.index.usage import profiles_using


@dataclass(frozen=True, slots=True)
class ProfileFilter:
    """Conditions on profiles; None means no condition.

    `text_matches`: row ids found by a search. `sector`, `area`: uuid or code, case-insensitive. `isco`: an ISCO-08 code or a
    prefix of one. `uses`: row id of a concept that profiles use, directly or through a competence. `modified_since`: ISO 8601,
    inclusive, UTC if it has no offset; excludes profiles without a modification time.
    """

    text_matches: frozenset[int] | None = None
    sector: str | None = None
    area: str | None = None
    isco: str | None = None
    uses: int | None = None
    modified_since: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by code in natural order, or by title in a language (its position in LANGUAGES)."""

    by: Literal["code", "title"] = "code"
    language: int = 0
    descending: bool = False


def profiles(connection: sqlite3.Connection, filter: ProfileFilter, order: Order) -> list[int]:
    """The row ids of all profiles that meet every condition, sorted.

    Titles are compared without case and accents. A title missing in the language falls back to the first other language, in the
    order nl, fr, en, de; profiles without any title come last. Equal titles are sorted by code, in either direction.
    Raises BadUserInput if `modified_since` is not a valid timestamp.
    """
    row_ids = [n for (n,) in connection.execute(_BY_POSITION, (OCCUPATIONAL_PROFILE.number,))]
    for matching in _conditions(connection, filter):
        row_ids = [n for n in row_ids if n in matching]
    if order.by == "title":
        return _by_title(connection, row_ids, order)
    return row_ids[::-1] if order.descending else row_ids


_BY_POSITION = "SELECT n FROM concept WHERE concept_type = ? ORDER BY position, n"
_TERM = "SELECT profile FROM term WHERE scheme = ? AND (uuid = ? COLLATE NOCASE OR code = ? COLLATE NOCASE)"
_PREFIX = "SELECT profile FROM term WHERE scheme = ? AND substr(code, 1, length(?)) = ?"

# Titles in a language, or in the first other one. With min(), SQLite returns the other columns from the row of the minimum.
_TITLES = f"""
    SELECT concept, text, min(CASE language WHEN ? THEN -1 ELSE language END) FROM text
    WHERE field = {SEARCHED[OCCUPATIONAL_PROFILE]["title"]} GROUP BY concept
"""  # noqa: S608  # an integer, not input


def _conditions(connection: sqlite3.Connection, filter: ProfileFilter) -> Iterator[frozenset[int]]:
    """Yield, for each condition that is set, the profiles that meet it."""
    if filter.text_matches is not None:
        yield filter.text_matches
    if filter.sector is not None:
        yield _with_term(connection, _TERM, "sector", filter.sector)
    if filter.area is not None:
        yield _with_term(connection, _TERM, "area", filter.area)
    if filter.isco is not None:
        yield _with_term(connection, _PREFIX, ISCO, filter.isco)
    if filter.uses is not None:
        yield frozenset(use.row_id for use in profiles_using(connection, [filter.uses])[filter.uses])
    if filter.modified_since is not None:
        yield _modified(connection, filter.modified_since)


def _with_term(connection: sqlite3.Connection, sql: str, scheme: str, text: str) -> frozenset[int]:
    """The profiles with a term of this scheme that matches a client's text."""
    # SQLite rejects lone surrogates. No code contains one, so replace them with another character that no code contains.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return frozenset(n for (n,) in connection.execute(sql, (scheme, text, text)))


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


def _by_title(connection: sqlite3.Connection, row_ids: list[int], order: Order) -> list[int]:
    titles = {n: title for n, title, _ in connection.execute(_TITLES, (order.language,))}
    keys = {n: fold(titles[n]) for n in row_ids if n in titles}
    # Sorting is stable in both directions, so that equal titles stay in order of code.
    titled = sorted((n for n in row_ids if n in keys), key=keys.__getitem__, reverse=order.descending)
    return titled + [n for n in row_ids if n not in keys]
