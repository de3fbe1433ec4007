"""The closure of each profile: all concepts that it holds, directly or through technical competences, with weights.

Computed once from `holds` and `place`, because following every competence in each query would dominate its time. One row per
profile and concept, however many competences hold it. Usage, similarity and gap queries read it.
"""

import sqlite3
from collections.abc import Iterable
from json import dumps

from graphql_api.index.tables import ESSENTIAL_ROLES, NESTED_ROLES, PROFILE_ROLES, numbers

_TABLES = (
    "DROP TABLE IF EXISTS element",
    "DROP TABLE IF EXISTS total",
    # `weight` is 2 if the profile holds the concept, or a competence that holds it, as essential; else 1. `kind` and `place` are
    # those of the part.
    """
    CREATE TABLE element (
        profile INTEGER NOT NULL, kind INTEGER NOT NULL, place INTEGER NOT NULL, part INTEGER NOT NULL,
        weight INTEGER NOT NULL, PRIMARY KEY (profile, kind, place, part)
    ) WITHOUT ROWID
    """,
    # The total weight of all that a profile holds of a type.
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
    """Write the tables, replacing existing ones; needs the places of concepts. The caller commits."""
    for sql in (*_TABLES, _ELEMENTS, _INDEX, _TOTALS):
        connection.execute(sql)


def array(things: Iterable[int]) -> str:
    """Distinct row ids as one JSON parameter for `json_each`: SQLite limits the number of parameters, not their length."""
    return dumps([*dict.fromkeys(things)])
