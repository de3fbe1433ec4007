"""How long lists typically are, of Competent and of introspection."""

from graphql import GraphQLSchema

ITEMS = 10
"""The length of a list that nothing is known of."""

TYPICAL: dict[str, float] = {
    "OccupationalProfile.alternativeNames": 25,
    "OccupationalProfile.essentialCompetences": 12,
    "OccupationalProfile.optionalCompetences": 8,
    "OccupationalProfile.softSkills": 5,
    "OccupationalProfile.digitalSkills": 2,
    "OccupationalProfile.proofsOfLearning": 2,
    "OccupationalProfile.economicSectors": 4,
    "OccupationalProfile.areasOfInterest": 1,
    "OccupationalProfile.classifications": 1,
    "TechnicalCompetence.knowledgeItems": 3,
    "TechnicalCompetence.behaviouralIndicators": 4,
    "SimilarProfile.sharedCompetences": 9,
    "CompetenceGroup.technicalCompetences": 14,
    "CompetenceGroup.skills": 14,
    "CompetenceGroup.knowledgeItems": 9,
    "CompetenceGroup.behaviouralIndicators": 50,
    "CompetenceGroup.softSkills": 3,
    "Query.releases": 10,
}
"""Mean lengths in a release of 650 profiles and 5,800 technical competences, rounded up."""


def of_introspection(schema: GraphQLSchema) -> dict[str, float]:
    """Mean lengths of the lists of introspection; `ofType` is there for every other type only, and ends soon."""
    kinds = list(schema.type_map.values())
    fields = [each for kind in kinds for each in (getattr(kind, "fields", None) or {}).values()]
    many = len(kinds)
    return {
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
