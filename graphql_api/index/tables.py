"""The tables of one release's index, in one SQLite file, and the numbers that represent declared types and fields in them.

The crawl writes the source tables. `finish` derives the rest from them (positions, search) at the end, and can do so again when
documents are added.
"""

import hashlib
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from graphql_api.competent import normalise
from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    OCCUPATIONAL_PROFILE,
    TECHNICAL_COMPETENCE,
    Concepts,
    ConceptType,
    SearchRule,
    compared_fields,
)
from graphql_api.competent.values import LANGUAGES as LANGUAGES  # the column `language` is an index into it

VERSION = 9
"""Increase it when older files become unreadable; `FORMAT` detects changes of the declarations by itself."""

MAX_NUMBER = 14
"""Maximum number of a concept type: a search has a bit per type and language in an SQLite integer of 63 bits."""

TYPES: dict[int, ConceptType] = {type.number: type for type in CONCEPT_TYPES}
"""Concept types by number, as in the column `concept_type`."""

_FIELDS_OF_A_RANK = 16


def _searched(type: ConceptType) -> dict[str, int]:
    ranks = Counter[int]()
    numbers: dict[str, int] = {}
    for field in type.fields:
        if field.search is not None:
            numbers[field.name] = field.search.rank * _FIELDS_OF_A_RANK + ranks[field.search.rank]
            ranks[field.search.rank] += 1
    return numbers


SEARCHED: dict[ConceptType, dict[str, int]] = {type: _searched(type) for type in CONCEPT_TYPES}
"""The searched fields of each type and their numbers; more significant fields have lower numbers."""

SEARCH: dict[int, SearchRule] = {
    SEARCHED[type][field.name]: field.search for type in CONCEPT_TYPES for field in type.fields if field.search
}
"""The search settings of searched fields, by number."""
FIELD_NAMES = {(type.number, number): name for type, fields in SEARCHED.items() for name, number in fields.items()}
"""The GraphQL names of searched fields, by the numbers of their type and of the field."""


def _contained_texts(type: ConceptType) -> str | None:
    """The name of the type whose texts are all that a type is searched by; None if there is no such type."""
    searched = [field.value for field in type.fields if field.search is not None]
    match searched:
        case [Concepts(type_name=name)]:
            return name
    return None


CONTAINED_TEXTS: dict[ConceptType, ConceptType] = {
    type: contained for type in CONCEPT_TYPES for contained in CONCEPT_TYPES if contained.name == _contained_texts(type)
}
"""For types that are searched only by the texts of another type (technical competences by their skill): that other type."""


def parts(type: ConceptType) -> dict[str, Concepts]:
    """The fields that embed concepts, by name."""
    return {field.name: field.value for field in type.fields if isinstance(field.value, Concepts)}


def check(types: Sequence[ConceptType]) -> None:
    """Raise ValueError if two declarations share a number, a role or a rank, or a number is out of range."""
    embedded = [value.role for type in types for value in parts(type).values()]
    searches = {field.search for type in types for field in type.fields if field.search is not None}
    for numbers, what in (
        ([type.number for type in types], "number of a concept type"),
        (embedded, "role of embedded concepts"),
        ([search.rank for search in searches], "rank of searched fields"),
    ):
        if twice := [number for number, times in Counter(numbers).items() if times > 1]:
            raise ValueError(f"{twice[0]} is declared twice as the {what}")
    if wrong := [type for type in types if not 1 <= type.number <= MAX_NUMBER]:
        raise ValueError(f"{wrong[0]} has the number {wrong[0].number}; it goes from 1 to {MAX_NUMBER}")


check(CONCEPT_TYPES)
PROFILE_ROLES = tuple(value.role for value in parts(OCCUPATIONAL_PROFILE).values())
"""Roles in which profiles hold concepts."""
NESTED_ROLES = tuple(value.role for value in parts(TECHNICAL_COMPETENCE).values())
"""Roles in which technical competences hold the concepts that profiles have through them."""
ESSENTIAL_ROLES = tuple(value.role for value in parts(OCCUPATIONAL_PROFILE).values() if value.is_essential)


def numbers(values: Iterable[int]) -> str:
    """Numbers as an SQL list."""
    return ", ".join(map(str, values))


SOURCE_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Every concept of the release. `item` is the JSON of what is known of it without its own document: its code and what it is
-- called by, of a block all; it never changes again if `is_final`. `document` is the number of its own document, null if
-- that is the item, or was not read. `facts` is the JSON of what is compared between releases, by GraphQL field; `digest` is a
-- hash of it, 0 if they are not known. `position` is from 0 among the concepts of
-- its type by code (natural order: OP-9 before OP-10), written by `finish`.
CREATE TABLE IF NOT EXISTS concept (
    n INTEGER PRIMARY KEY, concept_type INTEGER NOT NULL, uuid TEXT NOT NULL, code TEXT,
    position INTEGER NOT NULL DEFAULT 0, item BLOB NOT NULL, facts BLOB NOT NULL, digest INTEGER NOT NULL,
    is_final INTEGER NOT NULL, document INTEGER
);

-- Normalised documents as `documents.py` writes them: compressed, with numbers in place of the concepts that they embed.
CREATE TABLE IF NOT EXISTS document (n INTEGER PRIMARY KEY, body BLOB NOT NULL);

-- `container` and `member` are `concept.n`; `role` is that of the first field in which the container embeds the member.
CREATE TABLE IF NOT EXISTS embeds (
    container INTEGER NOT NULL, role INTEGER NOT NULL, member INTEGER NOT NULL, PRIMARY KEY (container, role, member)
) WITHOUT ROWID;

-- `scheme` is sector, area, proof, or the name of a classification such as ISCO-08 (then without uuid); those of classifications
-- are in capitals. `title` is the JSON of the title by language.
CREATE TABLE IF NOT EXISTS term (
    profile INTEGER NOT NULL, scheme TEXT NOT NULL, uuid TEXT, code TEXT, title TEXT NOT NULL
);

-- Regions to which the use of a concept is limited.
CREATE TABLE IF NOT EXISTS region (
    concept INTEGER NOT NULL, region TEXT NOT NULL, PRIMARY KEY (concept, region)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS modified (profile INTEGER PRIMARY KEY, modified_at TEXT NOT NULL);

-- Texts as Competent has them, white space trimmed. `field` is a number of SEARCHED, `language` a position in LANGUAGES.
CREATE TABLE IF NOT EXISTS text (
    concept INTEGER NOT NULL, field INTEGER NOT NULL, language INTEGER NOT NULL, text TEXT NOT NULL
);

-- Paths of the documents that are in the index, and of those that could not be read.
CREATE TABLE IF NOT EXISTS crawled (path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS missing (path TEXT PRIMARY KEY, code TEXT NOT NULL) WITHOUT ROWID;
"""

INDEXES = """
CREATE UNIQUE INDEX IF NOT EXISTS concept_uuid ON concept (concept_type, uuid);
CREATE INDEX IF NOT EXISTS concept_code ON concept (concept_type, code);
CREATE INDEX IF NOT EXISTS concept_position ON concept (concept_type, position);
CREATE INDEX IF NOT EXISTS embeds_member ON embeds (member, role, container);
CREATE INDEX IF NOT EXISTS term_code ON term (scheme, code, profile);
"""


def _format() -> int:
    declared = [
        (
            type.name,
            type.number,
            type.is_block,
            SEARCHED[type],
            [field.name for field in compared_fields(type)],
            type_fields,
        )
        for type in CONCEPT_TYPES
        for type_fields in [[(field.name, field.value, field.is_filter, field.search) for field in type.fields]]
    ]
    digest = hashlib.blake2s(
        repr((VERSION, sys.byteorder, normalise.FORMAT, declared)).encode(), digest_size=4
    ).digest()
    return int.from_bytes(digest, "big") >> 1 or 1  # 0 is the value of an empty file


FORMAT = _format()
"""SQLite's `user_version` of an index. An index built with other declarations has another one and is rebuilt."""


class DamagedIndex(Exception):
    """The file of an index is corrupt, or lacks rows that it must have."""


def create(connection: sqlite3.Connection) -> None:
    """Create the tables that the crawl writes."""
    connection.executescript(SOURCE_TABLES)
    connection.execute(f"PRAGMA user_version = {FORMAT}")
