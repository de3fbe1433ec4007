"""The hits of one page: each concept with the text that shows best why it was found."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from heapq import nlargest
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.codes import CodeMatch
from graphql_api.index.profile_closure import array
from graphql_api.index.ranking import LOSSES, Best, Ranking
from graphql_api.index.scoring import EXACT
from graphql_api.index.tables import CONTAINED_TEXTS, FIELD_NAMES, TYPES, parts
from graphql_api.index.tokenizer import marked

ENOUGH_SHARE, HELD_SHARE = 0.4, 0.8
"""A text of what a profile holds is shown if the profile's own text has less of the query than the first, and than the second
fraction of what that text has."""
MAX_TEXTS = 200
"""Maximum texts of what profiles hold that are considered: the best."""

_TEXTS = "SELECT n, text FROM searched_text JOIN json_each(?) ON n = value"
_HELD = """
SELECT profile, member, weight FROM profile_member
WHERE member IN (SELECT value FROM json_each(?)) AND profile IN (SELECT value FROM json_each(?))
ORDER BY profile, member
"""
_CONTAINED = {type.number for type in CONTAINED_TEXTS}


class MatchKind(Enum):
    """How a text matches: by its words, by its meaning alone, or as a code."""

    WORDS = "words"
    MEANING = "meaning"
    CODE = "code"


class Hit(NamedTuple):
    """A concept with its best matching text, or with the code that matches.

    `field` is the GraphQL field of the text; for a text of something that a profile holds, the field that holds it. `language` is
    its position in LANGUAGES (None for a code), `score` is from 0 to 1, and `marked` is the text as HTML, with matching words in
    <mark>.
    """

    row_id: int
    score: float
    field: str
    language: int | None
    text: str
    marked: str
    matched_by: MatchKind = MatchKind.WORDS


class _Shown(NamedTuple):
    """A text to show, by its number, with its field and language."""

    n: int
    field: str
    language: int


def texts_of(connection: sqlite3.Connection, searched_texts: Iterable[int]) -> dict[int, str]:
    """The texts with these numbers, by number."""
    return dict(connection.execute(_TEXTS, (array(searched_texts),)))


def hits_by_code(matches: Iterable[CodeMatch]) -> list[Hit]:
    """Hits for codes."""
    return [Hit(match.row_id, 1.0, match.field, None, match.code, match.marked, MatchKind.CODE) for match in matches]


def hits_by_words(connection: sqlite3.Connection, ranking: Ranking, page: Sequence[Best]) -> list[Hit]:
    """Hits for ranked concepts, in the same order."""
    shown = {best.row_id: _own(ranking, best) for best in page if best.n} | _held(connection, ranking, page)
    texts = texts_of(connection, (text.n for text in shown.values()))
    return [_hit(ranking, best, shown[best.row_id], texts[shown[best.row_id].n]) for best in page]


def _hit(ranking: Ranking, best: Best, shown: _Shown, text: str) -> Hit:
    words = ranking.matching_words(is_long=ranking.table.fields[shown.n] not in EXACT)
    return Hit(best.row_id, 1 - best.loss / LOSSES, shown.field, shown.language, text, marked(text, words))


def _own(ranking: Ranking, best: Best) -> _Shown:
    return _Shown(best.n, FIELD_NAMES[ranking.table.types[best.row_id], best.field], best.language)


def _held(connection: sqlite3.Connection, ranking: Ranking, page: Iterable[Best]) -> dict[int, _Shown]:
    """The best text of what a profile holds, for each profile of which this says more of the query than its own texts."""
    shares = ranking.texts.shares
    profiles = {
        best.row_id: shares.get(best.n, 1.0) / HELD_SHARE if best.n else 0.0
        for best in page
        if ranking.table.types[best.row_id] == OCCUPATIONAL_PROFILE.number
    }
    weak = {row_id: share for row_id, share in profiles.items() if share < ENOUGH_SHARE / HELD_SHARE}
    least = min(weak.values(), default=1.0)
    better = nlargest(MAX_TEXTS, [(share, -n) for n, share in shares.items() if share > least])
    shown = _best_held(connection, ranking, {-n: share for share, n in reversed(better)}, weak) if better else {}
    if lost := {row_id: 0.0 for row_id, share in weak.items() if not share and row_id not in shown}:
        # Their words are too common among texts to make one a hit.
        shares = ranking.texts.all_shares()
        shares = {n: shares[n] for n in sorted(shares, key=lambda n: (shares[n], -n))}
        shown |= _best_held(connection, ranking, shares, lost) | _best_own(ranking, shares, lost)
    return shown


def _best_held(
    connection: sqlite3.Connection, ranking: Ranking, shares: Mapping[int, float], profiles: Mapping[int, float]
) -> dict[int, _Shown]:
    """For each profile, the text with the highest share among what it holds, if that exceeds the number in `profiles`."""
    members = {
        row_id: (n, language) for n, row_id, language in _occurrences(ranking, shares, TYPES.keys() - _CONTAINED)
    }
    best = dict(profiles)
    shown: dict[int, _Shown] = {}
    for profile, member, weight in connection.execute(_HELD, (array(members), array(profiles))):
        n, language = members[member]
        if shares[n] > best[profile]:
            best[profile] = shares[n]
            shown[profile] = _Shown(n, holding_field(ranking.table.types[member], weight == 2), language)
    return shown


def _best_own(ranking: Ranking, shares: Mapping[int, float], profiles: Collection[int]) -> dict[int, _Shown]:
    """The own text with the highest share of each of the profiles that has one."""
    own = OCCUPATIONAL_PROFILE.number
    return {
        row_id: _Shown(n, FIELD_NAMES[own, ranking.table.fields[n]], language)
        for n, row_id, language in _occurrences(ranking, shares, (own,))
        if row_id in profiles
    }


def _occurrences(ranking: Ranking, shares: Mapping[int, float], types: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """Yield (text, row id, language) of texts of these types in the searched languages; the last of a concept is its best."""
    starts, concepts, bits = ranking.table.starts, ranking.table.concepts, ranking.table.bits
    searched = {type * 4 + language for type in types for language in ranking.languages}
    for n in shares:
        at, end = starts[n], starts[n + 1]
        while at < end:
            if bits[at] in searched:
                yield n, concepts[at], bits[at] % 4
            at += 1


def holding_field(member_type: int, is_essential: bool) -> str:
    """The field of a profile that holds a concept, directly or through what it holds."""
    fields = parts(OCCUPATIONAL_PROFILE)
    direct = next((name for name, value in fields.items() if value.type_name == TYPES[member_type].name), None)
    return direct or next(name for name, value in fields.items() if value.is_essential is is_essential)
