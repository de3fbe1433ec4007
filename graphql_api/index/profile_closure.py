"""All that each profile holds, itself or through its technical competences, with its weight: what questions over sets read.

Derived from `holds` and `place` once, because following every competence of every profile for each question would cost
most of the question. One row a profile and thing, whatever the number of competences that hold it.
"""

import sqlite3
from collections.abc import Iterable
from json import dumps

from graphql_api.index.tables import ESSENTIAL_ROLES, NESTED_ROLES, PROFILE_ROLES, numbers

_TABLES = (
    "DROP TABLE IF EXISTS element",
    "DROP TABLE IF EXISTS total",
    # `weight` is 2 where the profile holds the competence, or one that holds the block, as essential; else 1. `kind` and
    # `place` are those of the part.
    """
    CREATE TABLE element (
        profile INTEGER NOT NULL, kind INTEGER NOT NULL, place INTEGER NOT NULL, part INTEGER NOT NULL,
        weight INTEGER NOT NULL, PRIMARY KEY (profile, kind, place, part)
    ) WITHOUT ROWID
    """,
    # The weight of all that a profile holds of a kind.
    """
    CREATE TABLE total (
        profile INTEGER NOT NULL, kind INTEGER NOT NULL, weight INTEGER NOT NULL, PRIMARY KEY (profile, kind)
    ) WITHOUT ROWID
    """,
)

_DIRECT, _NESTED, _ESSENTIAL = numbers(PROFILE_ROLES), numbers(NESTED_ROLES), numbers(ESSENTIAL_ROLES)
_ELEMENTS = f"""
    INSERT INTO element SELECT held.profile, thing.kind, thing.place, thing.n, held.weight FROM (
        SELECT profile, part, max(1 + (role IN ({_ESSENTIAL}))) AS weight FROM (
            SELECT whole AS profile, part, role FROM holds WHERE role IN ({_DIRECT})
            UNION ALL
            SELECT own.whole, block.part, own.role
            FROM holds AS own CROSS JOIN holds AS block ON block.whole = own.part
            WHERE own.role IN ({_DIRECT}) AND block.role IN ({_NESTED})
        ) GROUP BY profile, part
    ) AS held JOIN thing ON thing.n = held.part ORDER BY held.profile, thing.kind, thing.place
"""  # noqa: S608  # numbers of roles
_INDEX = "CREATE INDEX element_part ON element (part, profile, weight)"
_TOTALS = "INSERT INTO total SELECT profile, kind, sum(weight) FROM element GROUP BY profile, kind"


def write_elements(connection: sqlite3.Connection) -> None:
    """Write the tables, in place of those of before; needs the places of things. The caller commits."""
    for sql in (*_TABLES, _ELEMENTS, _INDEX, _TOTALS):
        connection.execute(sql)


def array(things: Iterable[int]) -> str:
    """Things as one parameter for `json_each`, each once: SQLite bounds the number of parameters, not the length of one."""
    return dumps([*dict.fromkeys(things)])
