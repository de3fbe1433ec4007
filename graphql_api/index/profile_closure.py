"""The closure of each profile: all concepts that it holds, directly or through technical competences, with weights.

Computed once from the tables `embeds` and `concept`, because following every competence in each query would dominate its time.
One row per profile and concept, however many competences hold it. Usage, similarity and gap queries read it.
"""

import sqlite3
from collections.abc import Iterable

import orjson

from graphql_api.index.tables import ESSENTIAL_ROLES, NESTED_ROLES, PROFILE_ROLES, numbers

_TABLES = (
    "DROP TABLE IF EXISTS profile_member",
    "DROP TABLE IF EXISTS profile_weight",
    # `weight` is 2 if the profile holds the concept, or a competence that holds it, as essential; else 1. `concept_type`
    # and `position` are those of the member.
    """
    CREATE TABLE profile_member (
        profile INTEGER NOT NULL, concept_type INTEGER NOT NULL, position INTEGER NOT NULL, member INTEGER NOT NULL,
        weight INTEGER NOT NULL, PRIMARY KEY (profile, concept_type, position, member)
    ) WITHOUT ROWID
    """,
    # The total weight of all that a profile holds of a type.
    """
    CREATE TABLE profile_weight (
        profile INTEGER NOT NULL, concept_type INTEGER NOT NULL, weight INTEGER NOT NULL,
        PRIMARY KEY (profile, concept_type)
    ) WITHOUT ROWID
    """,
)

_DIRECT, _NESTED, _ESSENTIAL = numbers(PROFILE_ROLES), numbers(NESTED_ROLES), numbers(ESSENTIAL_ROLES)
_MEMBERS = f"""
    INSERT INTO profile_member
    SELECT profile, concept_type, position, member, max(1 + (role IN ({_ESSENTIAL}))) FROM (
        SELECT container AS profile, member, role FROM embeds WHERE role IN ({_DIRECT})
        UNION ALL
        SELECT own.container, block.member, own.role
        FROM embeds AS own CROSS JOIN embeds AS block ON block.container = own.member
        WHERE own.role IN ({_DIRECT}) AND block.role IN ({_NESTED})
    ) CROSS JOIN ordered_concept AS concept ON concept.n = member GROUP BY 1, 2, 3, 4
"""  # noqa: S608  # numbers of roles
_INDEX = "CREATE INDEX member_profile ON profile_member (member, profile, weight)"
_WEIGHTS = """
    INSERT INTO profile_weight SELECT profile, concept_type, sum(weight) FROM profile_member GROUP BY profile, concept_type
"""


def write_elements(connection: sqlite3.Connection) -> None:
    """Write the tables, replacing existing ones; needs the positions of concepts in `ordered_concept`. The caller commits."""
    for sql in (*_TABLES, _MEMBERS, _INDEX, _WEIGHTS):
        connection.execute(sql)


def array(things: Iterable[int]) -> str:
    """Distinct row ids as one JSON parameter for `json_each`: SQLite limits the number of parameters, not their length."""
    return orjson.dumps([*dict.fromkeys(things)]).decode()
