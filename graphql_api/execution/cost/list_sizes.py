"""List lengths: declared with the fields of Competent's types; derived from the schema for introspection."""

from graphql import GraphQLField, GraphQLSchema

from graphql_api.competent.declarations import Length

ITEMS = Length(10, 10)
"""Default length of a list without a declared one."""


def of_introspection(schema: GraphQLSchema) -> dict[str, Length]:
    """Returns mean lengths of introspection lists; `ofType` is null for about every other type, and nests only briefly."""
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
    """Returns the length declared with a field."""
    declared = definition.extensions.get("strawberry-definition")
    length: Length | None = getattr(declared, "metadata", {}).get("length")
    return length
