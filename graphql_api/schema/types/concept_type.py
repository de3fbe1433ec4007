"""The types of concepts as a client names them in arguments."""

from collections.abc import Iterable
from enum import Enum

import strawberry

from graphql_api.index.tables import Kind


@strawberry.enum(description="A type of concept.")
class ConceptType(Enum):
    """Its value is the name of the GraphQL type, and of the index's kind."""

    OCCUPATIONAL_PROFILE = strawberry.enum_value("OccupationalProfile", description="An occupation and what it takes.")
    TECHNICAL_COMPETENCE = strawberry.enum_value(
        "TechnicalCompetence", description="A skill with its knowledge and behaviour."
    )
    SKILL = strawberry.enum_value("Skill", description="What one can do.")
    KNOWLEDGE = strawberry.enum_value("Knowledge", description="What one knows.")
    BEHAVIOURAL_INDICATOR = strawberry.enum_value("BehaviouralIndicator", description="How a competence shows.")
    SOFT_SKILL = strawberry.enum_value("SoftSkill", description="A personal trait.")
    DIGITAL_SKILL = strawberry.enum_value("DigitalSkill", description="What one can do with computers.")


def kinds(types: Iterable[ConceptType] | None) -> frozenset[Kind] | None:
    """What the index calls them; None, which is all of them, where there is no list."""
    return None if types is None else frozenset(Kind[str(each.value)] for each in types)


def type_of(kind: Kind) -> ConceptType:
    """What a client calls a kind of the index."""
    return ConceptType(kind.name)
