"""Where things are used: the profiles and the technical competences that hold a thing, for all siblings of a query at once.

However many things are asked for, it is one statement with one parameter; what is found stands in the order of its place.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from graphql_api.index.profile_closure import array
from graphql_api.index.tables import Kind, Role


class Use(NamedTuple):
    """A profile that uses a thing.

    `essential` is True where the profile needs the thing, or a competence that holds it, in every context; False where
    only in some; None where profiles do not tell it (soft and digital skills).
    """

    thing: int
    essential: bool | None


_PROFILES = f"""
    SELECT element.part, element.profile,
        CASE WHEN element.kind NOT IN ({Kind.SoftSkill}, {Kind.DigitalSkill}) THEN element.weight = 2 END
    FROM json_each(?) AS asked CROSS JOIN element ON element.part = asked.value JOIN thing ON thing.n = element.profile
    ORDER BY element.part, thing.place, element.profile
"""  # noqa: S608  # numbers of kinds

_COMPETENCES = f"""
    SELECT holds.part, holds.whole
    FROM json_each(?) AS asked CROSS JOIN holds ON holds.part = asked.value JOIN thing ON thing.n = holds.whole
    WHERE holds.role IN ({Role.SKILL}, {Role.KNOWLEDGE}, {Role.INDICATOR})
    ORDER BY holds.part, thing.place, holds.whole
"""  # noqa: S608  # numbers of roles


def profiles_using(connection: sqlite3.Connection, parts: Sequence[int]) -> dict[int, list[Use]]:
    """The profiles that use each of the things, by place; an empty list for what none uses.

    Technical competences, soft and digital skills are used directly; skills, knowledge and indicators through the
    competences that hold them, and then are essential where any of those is.
    """
    found: dict[int, list[Use]] = {part: [] for part in parts}
    for part, profile, essential in connection.execute(_PROFILES, (array(parts),)):
        found[part].append(Use(profile, None if essential is None else bool(essential)))
    return found


def competences_using(connection: sqlite3.Connection, parts: Sequence[int]) -> dict[int, list[int]]:
    """The technical competences that hold each of the things, by place; an empty list for what none holds."""
    found: dict[int, list[int]] = {part: [] for part in parts}
    for part, competence in connection.execute(_COMPETENCES, (array(parts),)):
        found[part].append(competence)
    return found
