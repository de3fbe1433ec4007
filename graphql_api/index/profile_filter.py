"""Which profiles a client wants, and in what order.

Conditions are all to be met; a client's text is only ever compared, never read as a pattern or as SQL.
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
    """Conditions on profiles; None asks nothing.

    `text_things`: what a search found. `sector`, `area`: uuid or code, in either case. `isco`: a code of ISCO-08 or the
    beginning of one. `uses`: any thing that profiles use, directly or through a competence. `modified_since`: ISO 8601,
    that moment included, UTC where it tells no offset; a profile without such a moment of its own does not meet it.
    """

    text_things: frozenset[int] | None = None
    sector: str | None = None
    area: str | None = None
    isco: str | None = None
    uses: int | None = None
    modified_since: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """By code in natural order, or by title in a language (a place in LANGUAGES)."""

    by: Literal["code", "title"] = "code"
    language: int = 0
    descending: bool = False


def profiles(connection: sqlite3.Connection, filter: ProfileFilter, order: Order) -> list[int]:
    """All profiles that meet every condition, in order.

    Titles are compared without case and accents; where one is missing in the language, that of the first other language
    that has one stands in, as nl, fr, en, de; profiles without any title come last. Equal ones stand by place, whatever
    the direction. Raises BadUserInput for a `modified_since` that is no moment.
    """
    found = [n for (n,) in connection.execute(_BY_PLACE, (OCCUPATIONAL_PROFILE.number,))]
    for wanted in _conditions(connection, filter):
        found = [n for n in found if n in wanted]
    if order.by == "title":
        return _by_title(connection, found, order)
    return found[::-1] if order.descending else found


_BY_PLACE = "SELECT n FROM thing WHERE kind = ? ORDER BY place, n"
_TERM = "SELECT profile FROM term WHERE scheme = ? AND (uuid = ? COLLATE NOCASE OR code = ? COLLATE NOCASE)"
_PREFIX = "SELECT profile FROM term WHERE scheme = ? AND substr(code, 1, length(?)) = ?"

# Of each thing the title in a language, or in the first other one: beside min() SQLite gives the columns of its row.
_TITLES = f"""
    SELECT thing, text, min(CASE language WHEN ? THEN -1 ELSE language END) FROM text
    WHERE field = {SEARCHED[OCCUPATIONAL_PROFILE]["title"]} GROUP BY thing
"""  # noqa: S608  # a number of ours


def _conditions(connection: sqlite3.Connection, filter: ProfileFilter) -> Iterator[frozenset[int]]:
    """The profiles that meet a condition, for each condition that is there."""
    if filter.text_things is not None:
        yield filter.text_things
    if filter.sector is not None:
        yield _with_term(connection, _TERM, "sector", filter.sector)
    if filter.area is not None:
        yield _with_term(connection, _TERM, "area", filter.area)
    if filter.isco is not None:
        yield _with_term(connection, _PREFIX, ISCO, filter.isco)
    if filter.uses is not None:
        yield frozenset(use.thing for use in profiles_using(connection, [filter.uses])[filter.uses])
    if filter.modified_since is not None:
        yield _modified(connection, filter.modified_since)


def _with_term(connection: sqlite3.Connection, sql: str, scheme: str, text: str) -> frozenset[int]:
    """The profiles with a term of this scheme that a client's text names."""
    # Half a surrogate pair, which SQLite does not take, stands in no code: another sign that stands in none is as good.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return frozenset(n for (n,) in connection.execute(sql, (scheme, text, text)))


def _modified(connection: sqlite3.Connection, since: str) -> frozenset[int]:
    start = _moment(since)
    if start is None:
        raise BadUserInput("Invalid timestamp; expected a form such as 2025-11-03T09:12:00Z.")
    moments = ((n, _moment(text)) for n, text in connection.execute("SELECT profile, moment FROM modified"))
    return frozenset(n for n, moment in moments if moment is not None and moment >= start)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _by_title(connection: sqlite3.Connection, found: list[int], order: Order) -> list[int]:
    titles = {n: title for n, title, _ in connection.execute(_TITLES, (order.language,))}
    keys = {n: fold(titles[n]) for n in found if n in titles}
    # Sorting is stable in both directions, so that equal titles keep the order of their places.
    titled = sorted((n for n in found if n in keys), key=keys.__getitem__, reverse=order.descending)
    return titled + [n for n in found if n not in keys]
