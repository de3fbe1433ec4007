"""Usage: finds the profiles and technical competences that hold concepts.

Any number of concepts takes one statement with one parameter. Results are in order of code.
"""

import sqlite3
from collections.abc import Sequence
from json import dumps
from typing import NamedTuple

from graphql_api.competent.declarations import (
    COMPETENCE_SET,
    OCCUPATIONAL_PROFILE,
    TECHNICAL_COMPETENCE,
    concept_type,
)
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import NESTED_ROLES, numbers, parts


class Use(NamedTuple):
    """A profile (its row id) that uses a concept.

    `essential` is True if the profile needs it, or a competence that holds it, in every context; False if only in some;
    None if profiles do not say (soft and digital skills).
    """

    row_id: int
    essential: bool | None


_UNSPECIFIED = numbers(
    concept_type(value.type_name).number for value in parts(OCCUPATIONAL_PROFILE).values() if value.is_essential is None
)
"""Numbers of the types for which profiles do not say whether they are essential."""

_PROFILES = f"""
    SELECT used.member, used.profile, CASE WHEN used.concept_type NOT IN ({_UNSPECIFIED}) THEN used.weight = 2 END
    FROM json_each(?) AS input CROSS JOIN profile_member AS used ON used.member = input.value
    JOIN concept ON concept.n = used.profile ORDER BY used.member, concept.position, used.profile
"""  # noqa: S608  # numbers of types

_COMPETENCES = f"""
    SELECT embeds.member, embeds.container
    FROM json_each(?) AS input CROSS JOIN embeds ON embeds.member = input.value
    JOIN concept ON concept.n = embeds.container
    WHERE embeds.role IN ({numbers(NESTED_ROLES)})
    ORDER BY embeds.member, concept.position, embeds.container
"""  # noqa: S608  # numbers of roles

_IMPORTANCES = f"""
    SELECT competence.uuid, profile.uuid, used.weight = 2
    FROM json_each(?) AS input
    CROSS JOIN concept AS competence ON competence.uuid = input.value
        AND competence.concept_type = {TECHNICAL_COMPETENCE.number}
    CROSS JOIN profile_member AS used ON used.member = competence.n
    JOIN concept AS profile ON profile.n = used.profile
"""  # noqa: S608  # a number of a type


_MEMBERS = f"""
    SELECT embeds.container, embeds.member
    FROM json_each(?) AS input CROSS JOIN embeds ON embeds.container = input.value
    JOIN concept ON concept.n = embeds.member
    WHERE embeds.role IN ({numbers(value.role for value in parts(COMPETENCE_SET).values())})
    ORDER BY embeds.container, concept.position, embeds.member
"""  # noqa: S608  # numbers of roles


def importances(connection: sqlite3.Connection, competences: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Whether each technical competence (by id) is essential in the profiles that use it, by the id of the profile."""
    essential: dict[str, dict[str, bool]] = {}
    for competence, profile, is_essential in connection.execute(_IMPORTANCES, (dumps(competences),)):
        essential.setdefault(competence, {})[profile] = bool(is_essential)
    return essential


def profiles_using(connection: sqlite3.Connection, members: Sequence[int]) -> dict[int, list[Use]]:
    """The profiles that use each concept, in order of code; an empty list for an unused one.

    Profiles use technical competences, soft skills and digital skills directly, and skills, knowledge and indicators through
    competences; the latter are essential if any of these competences is.
    """
    users: dict[int, list[Use]] = {member: [] for member in members}
    for member, profile, essential in connection.execute(_PROFILES, (array(members),)):
        users[member].append(Use(profile, None if essential is None else bool(essential)))
    return users


def members_of(connection: sqlite3.Connection, containers: Sequence[int]) -> dict[int, list[int]]:
    """The concepts that each competence set holds, in order of code."""
    members: dict[int, list[int]] = {container: [] for container in containers}
    for container, member in connection.execute(_MEMBERS, (array(containers),)):
        members[container].append(member)
    return members


def competences_using(connection: sqlite3.Connection, members: Sequence[int]) -> dict[int, list[int]]:
    """The technical competences that hold each concept, in order of code; an empty list if there are none."""
    users: dict[int, list[int]] = {member: [] for member in members}
    for member, competence in connection.execute(_COMPETENCES, (array(members),)):
        users[member].append(competence)
    return users
