"""The tables of one release's index, in one SQLite file.

What the walk writes is complete in itself; what is derived from it (places, search) is written by `finish` at the end, and can be
written again when documents are added.
"""

import sqlite3
from enum import IntEnum

from graphql_api.competent import fields

FORMAT = 2
"""Changes whenever a file of before cannot be read as it is now."""


class Kind(IntEnum):
    """What a thing is; the names are those of the GraphQL types."""

    OccupationalProfile = 1
    TechnicalCompetence = 2
    Skill = 3
    Knowledge = 4
    BehaviouralIndicator = 5
    SoftSkill = 6
    DigitalSkill = 7


class Role(IntEnum):
    """How a whole holds a part: profiles hold competences, soft and digital skills; competences hold their blocks."""

    ESSENTIAL = 1
    OPTIONAL = 2
    SKILL = 3
    KNOWLEDGE = 4
    INDICATOR = 5
    SOFT_SKILL = 6
    DIGITAL_SKILL = 7


class Field(IntEnum):
    """Where a searched text stands, the most telling first."""

    TITLE = 1  # of a profile
    NAME = 2  # alternative name of a profile
    LABEL = 3  # the text of a block, a soft or digital skill; of a technical competence that of its skill
    DESCRIPTION = 4  # of a profile
    WORKING_CONTEXT = 5  # of a profile


LANGUAGES = fields.LANGUAGES
"""The column `language` is the place in here."""

WRITTEN = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Every thing of the release. `item` is the JSON of what is known of it here, in upstream's own keys, as a list or a whole
-- embeds it. `facts` is the JSON of what is compared between releases, by GraphQL field; `digest` is a hash of it. `place` is its
-- place among the things of its kind by code (natural order: OP-9 before OP-10), from 0, written by `finish`.
CREATE TABLE IF NOT EXISTS thing (
    n INTEGER PRIMARY KEY, kind INTEGER NOT NULL, uuid TEXT NOT NULL, code TEXT, place INTEGER NOT NULL DEFAULT 0,
    item BLOB NOT NULL, facts BLOB NOT NULL, digest INTEGER NOT NULL, UNIQUE (kind, uuid)
);

-- `whole` and `part` are `thing.n`. A profile that holds a competence as essential does not hold it as optional too.
CREATE TABLE IF NOT EXISTS holds (
    whole INTEGER NOT NULL, role INTEGER NOT NULL, part INTEGER NOT NULL, PRIMARY KEY (whole, role, part)
) WITHOUT ROWID;

-- `scheme` is sector, area, proof, or the name of a classification such as ISCO-08 (then without uuid).
CREATE TABLE IF NOT EXISTS term (profile INTEGER NOT NULL, scheme TEXT NOT NULL, uuid TEXT, code TEXT);

CREATE TABLE IF NOT EXISTS modified (profile INTEGER PRIMARY KEY, moment TEXT NOT NULL);

-- Texts as Competent has them, white space trimmed. `language` is a place in LANGUAGES.
CREATE TABLE IF NOT EXISTS text (
    thing INTEGER NOT NULL, field INTEGER NOT NULL, language INTEGER NOT NULL, text TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS done (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missing (path TEXT PRIMARY KEY, code TEXT NOT NULL) WITHOUT ROWID;
"""

DERIVED = """
CREATE INDEX IF NOT EXISTS thing_code ON thing (kind, code);
CREATE INDEX IF NOT EXISTS thing_place ON thing (kind, place);
CREATE INDEX IF NOT EXISTS holds_part ON holds (part, role, whole);
CREATE INDEX IF NOT EXISTS term_code ON term (scheme, code, profile);
"""


class DamagedIndex(Exception):
    """The file of an index does not hold what was written to it."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables that the walk writes."""
    connection.executescript(WRITTEN)
    connection.execute(f"PRAGMA user_version = {FORMAT}")
