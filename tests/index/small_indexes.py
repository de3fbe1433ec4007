"""Small indexes made in a test: things by kind and code, what holds what, and worlds that hypothesis makes up."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any

import orjson
from hypothesis import strategies as st

from graphql_api.index import tables
from graphql_api.index.profile_closure import write_elements
from graphql_api.index.tables import LANGUAGES, Field, Kind, Role

BLOCKS = {Kind.Skill: Role.SKILL, Kind.Knowledge: Role.KNOWLEDGE, Kind.BehaviouralIndicator: Role.INDICATOR}


class Small:
    """Tables to be filled; things get their place from the length and the letters of their code when it is finished."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        tables.create(connection)

    def thing(self, kind: Kind, code: str | None, uuid: str = "", facts: Any = None, digest: int | None = None) -> int:
        told = facts if isinstance(facts, bytes) else orjson.dumps(facts or {})
        if digest is None:
            digest = int.from_bytes(blake2s(told, digest_size=7).digest()) or 1
        row = (kind, uuid or f"{kind.name}-{code}", code, b"{}", told, digest)
        sql = "INSERT INTO thing (kind, uuid, code, item, facts, digest) VALUES (?, ?, ?, ?, ?, ?)"
        return self.connection.execute(sql, row).lastrowid or 0

    def hold(self, whole: int, role: Role, parts: Iterable[int]) -> None:
        rows = [(whole, role, part) for part in parts]
        self.connection.executemany("INSERT INTO holds VALUES (?, ?, ?)", rows)

    def competence(
        self, code: str, skill: Iterable[int] = (), knowledge: Iterable[int] = (), indicators: Iterable[int] = ()
    ) -> int:
        n = self.thing(Kind.TechnicalCompetence, code)
        for role, parts in ((Role.SKILL, skill), (Role.KNOWLEDGE, knowledge), (Role.INDICATOR, indicators)):
            self.hold(n, role, parts)
        return n

    def profile(
        self,
        code: str,
        essential: Iterable[int] = (),
        optional: Iterable[int] = (),
        soft: Iterable[int] = (),
        digital: Iterable[int] = (),
        titles: Mapping[str, str] | None = None,
    ) -> int:
        n = self.thing(Kind.OccupationalProfile, code)
        for role, parts in (
            (Role.ESSENTIAL, essential),
            (Role.OPTIONAL, optional),
            (Role.SOFT_SKILL, soft),
            (Role.DIGITAL_SKILL, digital),
        ):
            self.hold(n, role, parts)
        for language, title in (titles or {}).items():
            row = (n, Field.TITLE, LANGUAGES.index(language), title)
            self.connection.execute("INSERT INTO text VALUES (?, ?, ?, ?)", row)
        return n

    def term(self, profile: int, scheme: str, code: str | None, uuid: str | None = None) -> None:
        self.connection.execute("INSERT INTO term VALUES (?, ?, ?, ?)", (profile, scheme, uuid, code))

    def modified(self, profile: int, moment: str) -> None:
        self.connection.execute("INSERT INTO modified VALUES (?, ?)", (profile, moment))

    def finish(self) -> sqlite3.Connection:
        """The connection, on which nothing can be written any more."""
        for kind in Kind:
            rows = self.connection.execute("SELECT code, uuid, n FROM thing WHERE kind = ?", (kind,)).fetchall()
            rows.sort(key=lambda row: (len(row[0] or ""), row[0] or "", row[1]))
            places = [(place, n) for place, (_, _, n) in enumerate(rows)]
            self.connection.executemany("UPDATE thing SET place = ? WHERE n = ?", places)
        write_elements(self.connection)
        self.connection.commit()
        self.connection.executescript(tables.DERIVED + "ANALYZE; PRAGMA query_only = ON")
        return self.connection


@contextmanager
def small() -> Iterator[Small]:
    connection = sqlite3.connect(":memory:")
    try:
        yield Small(connection)
    finally:
        connection.close()


@dataclass
class World:
    """Profiles and competences as plain sets, things told by kind and number; numbers are places."""

    blocks: list[set[tuple[Kind, int]]]
    """What each competence holds."""
    roles: list[dict[int, Role]]
    """The role of each competence in each profile."""
    soft: list[set[int]]
    """The soft skills of each profile."""
    shuffled: list[tuple[Kind, int]]
    """All things, in the order in which they are written."""
    n: dict[tuple[Kind, int], int] = field(default_factory=dict)
    """Their numbers in the index, once it is written."""

    def write(self, index: Small) -> sqlite3.Connection:
        for kind, place in self.shuffled:
            self.n[kind, place] = index.thing(kind, f"X-{place}")
        for competence, blocks in enumerate(self.blocks):
            for kind, place in blocks:
                index.hold(self.n[Kind.TechnicalCompetence, competence], BLOCKS[kind], [self.n[kind, place]])
        for profile, roles in enumerate(self.roles):
            n = self.n[Kind.OccupationalProfile, profile]
            for competence, role in roles.items():
                index.hold(n, role, [self.n[Kind.TechnicalCompetence, competence]])
            index.hold(n, Role.SOFT_SKILL, [self.n[Kind.SoftSkill, place] for place in self.soft[profile]])
        return index.finish()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    blocks = st.tuples(st.sampled_from([*BLOCKS]), st.integers(0, 3))
    competences = draw(st.lists(st.sets(blocks, max_size=4), max_size=5))
    places = st.integers(0, len(competences) - 1) if competences else st.nothing()
    roles = st.dictionaries(places, st.sampled_from([Role.ESSENTIAL, Role.OPTIONAL]))
    profiles = draw(st.lists(roles, min_size=1, max_size=5))
    size = len(profiles)
    soft = draw(st.lists(st.sets(st.integers(0, 2), max_size=3), min_size=size, max_size=size))
    things = [(kind, place) for kind in (*BLOCKS, Kind.SoftSkill) for place in range(4)]
    things += [(Kind.TechnicalCompetence, place) for place in range(len(competences))]
    things += [(Kind.OccupationalProfile, place) for place in range(size)]
    draw(st.randoms(use_true_random=False)).shuffle(things)
    return World(competences, profiles, soft, things)
