"""The example operations as MCP tools: name, description and a JSON Schema of the variables.

Schemas and descriptions are derived from the GraphQL schema.
"""

from typing import NamedTuple, TypedDict

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLType,
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

RESULT_SCHEMA = {
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


class JSONSchema(TypedDict, total=False):
    """A JSON Schema of an input type."""

    type: str
    format: str
    description: str
    enum: list[str]
    items: "JSONSchema"
    properties: dict[str, "JSONSchema"]
    required: list[str]
    additionalProperties: bool
    minProperties: int
    maxProperties: int


_SCALARS: dict[str, JSONSchema] = {
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "UUID": {"type": "string", "format": "uuid"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Date": {"type": "string", "format": "date"},
}


class OperationTool(NamedTuple):
    """A tool: a query with the JSON Schema of its variables."""

    name: str
    about: str
    query: str
    variables: JSONSchema


def operations(schema: GraphQLSchema) -> dict[str, OperationTool]:
    """All example queries, by name; subscriptions are left out."""
    queries = [example for example in examples() if example.operation_type == "query"]
    return {
        example.name: OperationTool(example.name, example.about, example.query, _variables(example, schema))
        for example in queries
    }


def _variables(example: Example, schema: GraphQLSchema) -> JSONSchema:
    (operation,) = parse(example.query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    descriptions = _descriptions(operation, schema)
    properties, required = {}, []
    for variable in operation.variable_definitions or ():
        name = variable.variable.name.value
        variable_type = type_from_ast(schema, variable.type)
        properties[name] = json_schema(variable_type, descriptions.get(name))
        if isinstance(variable_type, GraphQLNonNull) and variable.default_value is None:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _descriptions(operation: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, str]:
    """Descriptions of variables: those of the arguments and input fields that use them."""
    info = TypeInfo(schema)
    descriptions: dict[str, str] = {}

    class Uses(Visitor):
        def enter_variable(self, node: VariableNode, _key: object, parent: object, *_: object) -> None:
            target: GraphQLArgument | GraphQLInputField | None = info.get_argument()
            if isinstance(parent, ObjectFieldNode):
                input_type = get_named_type(info.get_parent_input_type())
                assert isinstance(input_type, GraphQLInputObjectType)
                target = input_type.fields[parent.name.value]
            if target is not None and target.description:
                descriptions.setdefault(node.name.value, target.description)

    visit(operation, TypeInfoVisitor(info, Uses()))
    return descriptions


def json_schema(input_type: GraphQLType | None, description: str | None = None) -> JSONSchema:
    """The JSON Schema of a GraphQL input type."""
    schema = _schema_of(input_type)
    if description:
        schema["description"] = description
    return schema


def _schema_of(input_type: GraphQLType | None) -> JSONSchema:
    match input_type:
        case GraphQLNonNull():
            return _schema_of(input_type.of_type)
        case GraphQLList():
            return {"type": "array", "items": _schema_of(input_type.of_type)}
        case GraphQLEnumType():
            values = " ".join(f"{name}: {value.description}" for name, value in input_type.values.items())
            return {"type": "string", "enum": list(input_type.values), "description": values}
        case GraphQLInputObjectType():
            return _object_schema(input_type)
        case GraphQLNamedType():
            return _SCALARS.get(input_type.name, JSONSchema(type="string")).copy()
    raise TypeError(f"no input type: {input_type!r}")


def _object_schema(input_type: GraphQLInputObjectType) -> JSONSchema:
    fields = input_type.fields
    schema: JSONSchema = {
        "type": "object",
        "properties": {name: json_schema(field.type, field.description) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if isinstance(field.type, GraphQLNonNull)],
        "additionalProperties": False,
    }
    return schema | JSONSchema(minProperties=1, maxProperties=1) if input_type.is_one_of else schema
