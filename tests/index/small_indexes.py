"""Small indexes made by tests: concepts by type and code, their relations, and random data from Hypothesis."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any

import orjson
from hypothesis import strategies as st

from graphql_api.competent.declarations import (
    BEHAVIOURAL_INDICATOR,
    CONCEPT_TYPES,
    DIGITAL_SKILL,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.index import tables
from graphql_api.index.facets import write_facets
from graphql_api.index.indexer import Indexer
from graphql_api.index.profile_closure import write_elements
from graphql_api.index.search_schema import write_search
from graphql_api.index.tables import LANGUAGES, NESTED_ROLES, PROFILE_ROLES, SEARCHED, TYPES

TITLE, NAME, DESCRIPTION, WORKING_CONTEXT = (
    SEARCHED[OCCUPATIONAL_PROFILE][name] for name in ("title", "alternativeNames", "description", "workingContext")
)
LABEL = SEARCHED[SKILL]["description"]
"""Numbers of searched fields."""
ESSENTIAL, OPTIONAL, SET, SOFT, DIGITAL = PROFILE_ROLES
OF_SKILL, OF_KNOWLEDGE, OF_INDICATOR = NESTED_ROLES
"""Roles of concepts in profiles and competences."""
BLOCKS = {SKILL.number: OF_SKILL, KNOWLEDGE.number: OF_KNOWLEDGE, BEHAVIOURAL_INDICATOR.number: OF_INDICATOR}

Part = tuple[int, int]
"""Number of the concept type, and position in it."""


class Small:
    """Index tables to fill; `finish` orders concepts by length and characters of their codes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        tables.create(connection)

    def thing(
        self,
        concept_type: ConceptType,
        code: str | None,
        uuid: str = "",
        facts: Any = None,
        digest: int | None = None,
        item: Any = None,
    ) -> int:
        blob = facts if isinstance(facts, bytes) else orjson.dumps(facts or {})
        if digest is None:
            digest = int.from_bytes(blake2s(blob, digest_size=7).digest()) or 1
        row = (concept_type.number, uuid or f"{concept_type.name}-{code}", code, orjson.dumps(item or {}), blob, digest)
        columns = "concept_type, uuid, code, item, facts, digest, is_final"
        sql = f"INSERT INTO concept ({columns}) VALUES (?, ?, ?, ?, ?, ?, 1)"
        return self.connection.execute(sql, row).lastrowid or 0

    def hold(self, owner: int, role: int, parts: Iterable[int]) -> None:
        rows = [(owner, role, part) for part in parts]
        self.connection.executemany("INSERT INTO embeds VALUES (?, ?, ?)", rows)

    def competence(
        self, code: str, skill: Iterable[int] = (), knowledge: Iterable[int] = (), indicators: Iterable[int] = ()
    ) -> int:
        n = self.thing(TECHNICAL_COMPETENCE, code)
        for role, parts in ((OF_SKILL, skill), (OF_KNOWLEDGE, knowledge), (OF_INDICATOR, indicators)):
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
        n = self.thing(OCCUPATIONAL_PROFILE, code)
        for role, parts in (
            (ESSENTIAL, essential),
            (OPTIONAL, optional),
            (SOFT, soft),
            (DIGITAL, digital),
        ):
            self.hold(n, role, parts)
        for language, title in (titles or {}).items():
            row = (n, TITLE, LANGUAGES.index(language), title)
            self.connection.execute("INSERT INTO text VALUES (?, ?, ?, ?)", row)
        return n

    def term(
        self, profile: int, scheme: str, code: str | None, uuid: str | None = None, title: str | None = None
    ) -> None:
        text = orjson.dumps(title and {"nl": title}).decode()
        self.connection.execute("INSERT INTO term VALUES (?, ?, ?, ?, ?)", (profile, scheme, uuid, code, text))

    def region(self, concept: int, *regions: str) -> None:
        rows = [(concept, region) for region in regions]
        self.connection.executemany("INSERT INTO region VALUES (?, ?)", rows)

    def modified(self, profile: int, moment: str) -> None:
        self.connection.execute("INSERT INTO modified VALUES (?, ?)", (profile, moment))

    def finish(self) -> sqlite3.Connection:
        """The connection, read-only from now on."""
        for concept_type in CONCEPT_TYPES:
            sql = "SELECT code, uuid, n FROM concept WHERE concept_type = ?"
            rows = self.connection.execute(sql, (concept_type.number,)).fetchall()
            rows.sort(key=lambda row: (len(row[0] or ""), row[0] or "", row[1]))
            positions = [(position, n) for position, (_, _, n) in enumerate(rows)]
            self.connection.executemany("UPDATE concept SET position = ? WHERE n = ?", positions)
        self.connection.execute("CREATE TEMP TABLE ordered_concept AS SELECT n, concept_type, position FROM concept")
        write_elements(self.connection)
        write_facets(self.connection, lambda code: (len(code), code))
        self.connection.commit()
        self.connection.executescript(tables.INDEXES + "ANALYZE; PRAGMA query_only = ON")
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
    """Profiles and competences as sets; concepts are identified by type number and position."""

    blocks: list[set[Part]]
    """The blocks of each competence."""
    roles: list[dict[int, int]]
    """The role of each competence in each profile."""
    soft: list[set[int]]
    """The soft skills of each profile."""
    digital: list[set[int]]
    """The digital skills of each profile."""
    shuffled: list[Part]
    """All concepts in the order of writing."""
    n: dict[Part, int] = field(default_factory=dict)
    """Row ids of the concepts in the index, once it is written."""

    def write(self, index: Small) -> sqlite3.Connection:
        for concept_type, position in self.shuffled:
            self.n[concept_type, position] = index.thing(TYPES[concept_type], f"X-{position}")
        for competence, blocks in enumerate(self.blocks):
            for concept_type, position in blocks:
                index.hold(
                    self.n[TECHNICAL_COMPETENCE.number, competence],
                    BLOCKS[concept_type],
                    [self.n[concept_type, position]],
                )
        for profile, roles in enumerate(self.roles):
            n = self.n[OCCUPATIONAL_PROFILE.number, profile]
            for competence, role in roles.items():
                index.hold(n, role, [self.n[TECHNICAL_COMPETENCE.number, competence]])
            index.hold(n, SOFT, [self.n[SOFT_SKILL.number, position] for position in self.soft[profile]])
            index.hold(n, DIGITAL, [self.n[DIGITAL_SKILL.number, position] for position in self.digital[profile]])
        return index.finish()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    blocks = st.tuples(st.sampled_from([*BLOCKS]), st.integers(0, 3))
    competences = draw(st.lists(st.sets(blocks, max_size=4), max_size=5))
    positions = st.integers(0, len(competences) - 1) if competences else st.nothing()
    roles = st.dictionaries(positions, st.sampled_from([ESSENTIAL, OPTIONAL]))
    profiles = draw(st.lists(roles, min_size=1, max_size=5))
    size = len(profiles)
    soft, digital = (
        draw(st.lists(st.sets(st.integers(0, 2), max_size=3), min_size=size, max_size=size)) for _ in range(2)
    )
    things = [
        (concept_type, position)
        for concept_type in (*BLOCKS, SOFT_SKILL.number, DIGITAL_SKILL.number)
        for position in range(4)
    ]
    things += [(TECHNICAL_COMPETENCE.number, position) for position in range(len(competences))]
    things += [(OCCUPATIONAL_PROFILE.number, position) for position in range(size)]
    draw(st.randoms(use_true_random=False)).shuffle(things)
    return World(competences, profiles, soft, digital, things)


def normalised(type: ConceptType, uuid: str, /, **raw: Any) -> Document:
    """The normalised document for a raw one."""
    assert type.route is not None
    return normalise(type.route.path("3.11", uuid), {"id": uuid, **raw})


@contextmanager
def written_index(*documents: tuple[ConceptType, Document]) -> Iterator[sqlite3.Connection]:
    """An index of these documents, written and finished as a crawl does."""
    with small() as index:
        writer = Indexer(index.connection)
        for type, document in documents:
            writer.add(type, document)
        writer.commit()
        index.finish()
        index.connection.execute("PRAGMA query_only = OFF")
        write_search(index.connection)
        yield index.connection
