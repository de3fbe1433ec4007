"""How long lists are: those of Competent are declared with their fields, those of introspection follow from the schema."""

from graphql import GraphQLField, GraphQLSchema

from graphql_api.competent.declarations import Length

ITEMS = Length(10, 10)
"""The length of a list that nothing is known of."""


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


def declared_length(definition: GraphQLField) -> Length | None:
    """The length that is declared with a field."""
    declared = definition.extensions.get("strawberry-definition")
    length: Length | None = getattr(declared, "metadata", {}).get("length")
    return length
