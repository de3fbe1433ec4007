"""The values by which profiles are filtered and counted: terms, codes of classifications, regions, and languages of titles.

Each value has the set of its profiles as an integer, with bit n for the profile at position n in order of code. So conditions are
bitwise operations on integers, and any number of values is counted in one pass without a query.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import orjson

from graphql_api.competent.declarations import COMPETENCE_SET, OCCUPATIONAL_PROFILE
from graphql_api.competent.isco import broader_of
from graphql_api.competent.values import ISCO, LANGUAGES
from graphql_api.index.tables import SEARCHED, DamagedIndex

REGION, TITLE, SET = "region", "title", "set"
"""Schemes of regions (of concepts that profiles use), of languages in which profiles have a title, and of competence sets."""

FACETS = "profiles"
"""The only key of the lookup `facets`."""


class FacetValue(NamedTuple):
    """A value of a scheme: a term with its uuid, code and title, or only a code. `members` is the set of its profiles."""

    uuid: str | None
    code: str | None
    title: dict[str, str] | None
    members: int


class Facets:
    """All values of a release. `row_ids` are those of its profiles in order of code, `schemes` the values in order of code."""

    def __init__(self, row_ids: tuple[int, ...], schemes: dict[str, tuple[FacetValue, ...]]) -> None:
        self.row_ids = row_ids
        self.everything = (1 << len(row_ids)) - 1
        self._schemes = schemes
        self._groups: dict[str, dict[str, int]] = {}
        self._below: dict[str, dict[str | None, list[str]]] = {}

    @property
    def bytes(self) -> int:
        """The approximate size in memory."""
        values = sum(map(len, self._schemes.values()))
        return len(self.row_ids) * 150 + values * (1_000 + len(self.row_ids) // 4)

    def values(self, scheme: str) -> tuple[FacetValue, ...]:
        """The values of a scheme, in order of code; none if there is no such scheme."""
        return self._schemes.get(scheme, ())

    def having(self, scheme: str, texts: Iterable[str]) -> int:
        """The profiles with a value whose code or uuid equals one of these texts, without regard to case."""
        by_text = self._by_text[scheme]
        return _union(by_text.get(text.casefold(), 0) for text in texts)

    def beginning(self, scheme: str, prefixes: Iterable[str]) -> int:
        """The profiles with a code that begins with one of these texts."""
        beginnings = tuple(prefixes)
        return _union(value.members for value in self.values(scheme) if (value.code or "").startswith(beginnings))

    def codes(self, scheme: str) -> dict[str, int]:
        """The profiles by code of a classification, in order of code."""
        return {value.code or "": value.members for value in self.values(scheme)}

    def groups(self, scheme: str) -> dict[str, int]:
        """The profiles by code of a classification; for ISCO-08 also those of all broader groups. In order of code."""
        if scheme not in self._groups:
            groups: dict[str, int] = {}
            for value in self.values(scheme):
                code: str | None = value.code or ""
                while code is not None:
                    groups[code] = groups.get(code, 0) | value.members
                    code = broader_of(scheme, code)
            self._groups[scheme] = {code: groups[code] for code in (sorted(groups) if scheme == ISCO else groups)}
        return self._groups[scheme]

    def below(self, scheme: str, broader: str | None) -> list[str]:
        """The codes of a classification directly below another; the broadest ones for None. In order of code."""
        if scheme not in self._below:
            below: dict[str | None, list[str]] = {}
            for code in self.groups(scheme):
                below.setdefault(broader_of(scheme, code), []).append(code)
            self._below[scheme] = below
        return self._below[scheme].get(broader, [])

    def of_term(self, scheme: str, uuid: str | None, code: str | None) -> int:
        """The profiles with a term of this uuid and code."""
        return self._by_identity.get((scheme, uuid, code), 0)

    def rows(self, members: int) -> list[int]:
        """The row ids of a set of profiles, in order of code."""
        bits = f"{members:b}"[::-1].encode().replace(b"0", b"\0")
        return list(compress(self.row_ids, bits))

    def members(self, row_ids: Iterable[int]) -> int:
        """The set of the profiles with these row ids."""
        return _set(map(self._positions.__getitem__, row_ids), len(self.row_ids))

    @cached_property
    def _positions(self) -> dict[int, int]:
        return {row_id: position for position, row_id in enumerate(self.row_ids)}

    @cached_property
    def _by_identity(self) -> dict[tuple[str, str | None, str | None], int]:
        return {
            (scheme, value.uuid, value.code): value.members
            for scheme, values in self._schemes.items()
            for value in values
        }

    @cached_property
    def _by_text(self) -> defaultdict[str, dict[str, int]]:
        by_text: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for scheme, values in self._schemes.items():
            for value in values:
                for text in {text.casefold() for text in (value.uuid, value.code) if text}:
                    by_text[scheme][text] = by_text[scheme].get(text, 0) | value.members
        return by_text


def facets(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Facets]:
    """All values of a release, for the key FACETS. Raises DamagedIndex."""
    row_ids = tuple(n for (n,) in connection.execute(_PROFILES, (OCCUPATIONAL_PROFILE.number,)))
    schemes: dict[str, list[FacetValue]] = {}
    try:
        for scheme, uuid, code, title, members in connection.execute(_FACETS):
            value = FacetValue(uuid or None, code or None, orjson.loads(title), int.from_bytes(members, "little"))
            schemes.setdefault(scheme, []).append(value)
    except (ValueError, TypeError) as error:
        raise DamagedIndex("a value by which profiles are filtered") from error
    return {FACETS: Facets(row_ids, {scheme: tuple(values) for scheme, values in schemes.items()})}


def write_facets(connection: sqlite3.Connection, natural: Callable[[str], object]) -> None:
    """Write the table, replacing an existing one; needs the positions of concepts. The caller commits.

    `natural` is the sort key of codes.
    """
    connection.execute("DROP TABLE IF EXISTS facet")
    connection.execute(_TABLE)
    rows = [
        (scheme, uuid, code, title, _set(orjson.loads(positions)))
        for sql in (_TERMS, _REGIONS, _TITLES, _SETS)
        for scheme, uuid, code, title, positions in connection.execute(sql)
    ]
    rows.sort(key=lambda row: (row[0], natural(row[2]), row[1]))
    connection.executemany(
        "INSERT INTO facet VALUES (?, ?, ?, ?, ?, ?)",
        (
            (scheme, position, uuid, code, title, members.to_bytes(members.bit_length() // 8 + 1, "little"))
            for position, (scheme, uuid, code, title, members) in enumerate(rows)
        ),
    )


def _union(sets: Iterable[int]) -> int:
    union = 0
    for members in sets:
        union |= members
    return union


def _set(positions: Iterable[int], size: int = 0) -> int:
    bits = bytearray(size // 8 + 1)
    for position in positions:
        if position // 8 >= len(bits):
            bits.extend(bytes(position // 8 + 1 - len(bits)))
        bits[position // 8] |= 1 << position % 8
    return int.from_bytes(bits, "little")


_PROFILES = "SELECT n FROM concept WHERE concept_type = ? ORDER BY position, n"
_FACETS = "SELECT scheme, uuid, code, title, members FROM facet ORDER BY scheme, position"
_TABLE = """
    CREATE TABLE facet (
        scheme TEXT NOT NULL, position INTEGER NOT NULL, uuid TEXT NOT NULL, code TEXT NOT NULL, title TEXT NOT NULL,
        members BLOB NOT NULL, PRIMARY KEY (scheme, position)
    ) WITHOUT ROWID
"""
# If profiles give one term different titles, the last in alphabetical order counts: of two in several languages one with Dutch.
_TERMS = """
    SELECT scheme, coalesce(term.uuid, ''), coalesce(term.code, ''), max(title), json_group_array(position)
    FROM term JOIN concept ON concept.n = term.profile GROUP BY 1, 2, 3
"""
_REGIONS = f"""
    SELECT '{REGION}', '', region, 'null', json_group_array(profile.position)
    FROM region CROSS JOIN profile_member AS held ON held.member = region.concept
    JOIN concept AS profile ON profile.n = held.profile GROUP BY region
"""  # noqa: S608  # a constant
_TITLES = f"""
    SELECT '{TITLE}', '', json_extract('{orjson.dumps(LANGUAGES).decode()}', '$[' || language || ']'), 'null',
        json_group_array(position)
    FROM text JOIN concept ON concept.n = text.concept
    WHERE field = {SEARCHED[OCCUPATIONAL_PROFILE]["title"]} GROUP BY language
"""  # noqa: S608  # constants
_SETS = f"""
    SELECT '{SET}', own.uuid, coalesce(own.code, ''), 'null', json_group_array(profile.position)
    FROM profile_member AS held JOIN concept AS own ON own.n = held.member
    JOIN concept AS profile ON profile.n = held.profile
    WHERE held.concept_type = {COMPETENCE_SET.number} GROUP BY own.n
"""  # noqa: S608  # constants
