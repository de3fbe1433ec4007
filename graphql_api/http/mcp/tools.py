"""The example operations as MCP tools: name, description and a JSON Schema of the variables.

Schemas and descriptions are derived from the GraphQL schema.
"""

from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    type_from_ast,
    visit,
)

from graphql_api.http.pages.examples import Example, examples

ANSWER = {
    "type": "object",
    "description": "A GraphQL response. Null in `data` without an error means that the concept does not exist.",
    "properties": {
        "data": {"type": ["object", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"message": {"type": "string"}, "extensions": {"type": "object"}},
                "required": ["message"],
            },
        },
    },
}
"""The JSON Schema of every tool's result."""

_SCALARS: dict[str, dict[str, Any]] = {
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "UUID": {"type": "string", "format": "uuid"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Date": {"type": "string", "format": "date"},
}


class Operation(NamedTuple):
    """A tool: a query with the JSON Schema of its variables."""

    name: str
    about: str
    query: str
    variables: dict[str, Any]


def operations(schema: GraphQLSchema) -> dict[str, Operation]:
    """All example queries, by name; subscriptions are left out."""
    return {
        each.name: Operation(each.name, each.about, each.query, _variables(each, schema))
        for each in examples()
        if each.kind == "query"
    }


def _variables(example: Example, schema: GraphQLSchema) -> dict[str, Any]:
    (operation,) = parse(example.query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    descriptions = _descriptions(operation, schema)
    properties, required = {}, []
    for each in operation.variable_definitions or ():
        name = each.variable.name.value
        kind = type_from_ast(schema, each.type)
        properties[name] = json_schema(kind) | ({"description": descriptions[name]} if name in descriptions else {})
        if isinstance(kind, GraphQLNonNull) and each.default_value is None:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _descriptions(operation: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, str]:
    """Descriptions of variables: those of the arguments and input fields that use them."""
    info = TypeInfo(schema)
    found: dict[str, str] = {}

    class Uses(Visitor):
        def enter_variable(self, node: VariableNode, _key: Any, parent: Any, *_: Any) -> None:
            takes: Any = info.get_argument()
            if isinstance(parent, ObjectFieldNode):
                takes = get_named_type(info.get_parent_input_type()).fields[parent.name.value]  # type: ignore[union-attr]
            if takes is not None and takes.description:
                found.setdefault(node.name.value, takes.description)

    visit(operation, TypeInfoVisitor(info, Uses()))
    return found


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a GraphQL input type."""
    if isinstance(kind, GraphQLNonNull):
        return json_schema(kind.of_type)
    if isinstance(kind, GraphQLList):
        return {"type": "array", "items": json_schema(kind.of_type)}
    if isinstance(kind, GraphQLEnumType):
        values = " ".join(f"{name}: {each.description}" for name, each in kind.values.items())
        return {"type": "string", "enum": list(kind.values), "description": values}
    if isinstance(kind, GraphQLInputObjectType):
        return _object(kind)
    return dict(_SCALARS.get(kind.name, {"type": "string"}))


def _object(kind: GraphQLInputObjectType) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name: json_schema(each.type) | ({"description": each.description} if each.description else {})
            for name, each in kind.fields.items()
        },
        "required": [name for name, each in kind.fields.items() if isinstance(each.type, GraphQLNonNull)],
        "additionalProperties": False,
    }
