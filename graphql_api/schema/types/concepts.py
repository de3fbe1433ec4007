"""All concept types as GraphQL types: those with classes of their own, and those generated from declarations alone."""

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.schema.types.competence_set import CompetenceSet
from graphql_api.schema.types.concept import Competence, Concept, declared
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.technical_competence import TechnicalCompetence

_HANDWRITTEN: dict[str, type[Concept]] = {
    cls.__name__: cls for cls in (OccupationalProfile, TechnicalCompetence, CompetenceSet)
}


def _generated(declaration: ConceptType) -> type[Concept]:
    """Returns the GraphQL type of a concept type that has only declared fields."""
    base = Competence if declaration.is_block else Concept
    members = {"__doc__": declaration.summary, "__module__": __name__}
    return declared(type(declaration.name, (base,), members))


CONCEPTS: dict[str, type[Concept]] = {
    type.name: _HANDWRITTEN.get(type.name) or _generated(type) for type in CONCEPT_TYPES
}
"""GraphQL types by name, in the order of the declarations."""
