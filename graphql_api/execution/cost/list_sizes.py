"""How long lists are, of Competent and of introspection."""

from typing import NamedTuple

from graphql import GraphQLSchema


class Length(NamedTuple):
    """How long a list is: on average over many things, rounded up, and for the thing that has most."""

    mean: float
    most: float


ITEMS = Length(10, 10)
"""The length of a list that nothing is known of."""

TYPICAL: dict[str, Length] = {
    "OccupationalProfile.alternativeNames": Length(26, 110),
    "OccupationalProfile.essentialCompetences": Length(13, 60),
    "OccupationalProfile.optionalCompetences": Length(8, 85),
    "OccupationalProfile.softSkills": Length(5, 10),
    "OccupationalProfile.digitalSkills": Length(1.5, 10),
    "OccupationalProfile.proofsOfLearning": Length(1.5, 8),
    "OccupationalProfile.economicSectors": Length(4.5, 15),
    "OccupationalProfile.areasOfInterest": Length(1, 5),
    "OccupationalProfile.classifications": Length(1, 5),
    "TechnicalCompetence.knowledgeItems": Length(3, 8),
    "TechnicalCompetence.behaviouralIndicators": Length(4, 40),
    "SimilarProfile.sharedCompetences": Length(12, 60),
    "CompetenceGroup.technicalCompetences": Length(14, 135),
    "CompetenceGroup.skills": Length(14, 135),
    "CompetenceGroup.knowledgeItems": Length(9, 100),
    "CompetenceGroup.behaviouralIndicators": Length(50, 450),
    "CompetenceGroup.softSkills": Length(3, 10),
    "Query.releases": Length(10, 40),
    "ConceptChange.changedFields": Length(2, 20),
    **{
        f"{kind}.regions": Length(0, 3)
        for kind in ("Competence", "Skill", "Knowledge", "BehaviouralIndicator", "SoftSkill", "DigitalSkill")
    },
}
"""Lengths in a release of 650 profiles and 5,800 technical competences."""


def of_introspection(schema: GraphQLSchema) -> dict[str, Length]:
    """Mean lengths of the lists of introspection; `ofType` is there for every other type only, and ends soon."""
    kinds = list(schema.type_map.values())
    fields = [each for kind in kinds for each in (getattr(kind, "fields", None) or {}).values()]
    many = len(kinds)
    means = {
        "__Schema.types": many,
        "__Schema.directives": len(schema.directives),
        "__Type.fields": len(fields) / many,
        "__Type.inputFields": len(fields) / many,
        "__Type.enumValues": sum(len(getattr(kind, "values", ())) for kind in kinds) / many,
        "__Type.interfaces": sum(len(getattr(kind, "interfaces", ())) for kind in kinds) / many,
        "__Type.possibleTypes": 1,
        "__Type.ofType": 0.5,
        "__Field.args": sum(len(getattr(each, "args", ())) for each in fields) / len(fields),
        "__Directive.args": 1,
    }
    return {name: Length(mean, mean) for name, mean in means.items()}
