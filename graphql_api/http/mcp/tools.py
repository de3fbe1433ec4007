"""The example operations as MCP tools: name, description and a JSON Schema of the variables.

Schemas and descriptions are derived from the GraphQL schema.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, TypedDict

from graphql import (
    FieldNode,
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
    value_from_ast_untyped,
    visit,
)

from graphql_api.errors import BadUserInput
from graphql_api.execution.error_formatting import shortened
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
    default: object
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


LANGUAGES = "languages"
"""The argument of every tool with texts: a variable of the query, or else the languages that the request accepts."""
_LANGUAGES_ABOUT = (
    "Languages of the texts in the result, in order of preference; without them, those that the server is set to."
)
_EITHER = re.compile(r" Pass either this or `\w+`\.")
"""What an argument of a field says of the others, of which an operation uses one."""
MAX_QUOTED_CHARS = 100
"""Maximum number of characters that an error message quotes from the client."""


class OperationTool(NamedTuple):
    """A tool: a query with the JSON Schema of its arguments, which are its variables and `languages`."""

    name: str
    about: str
    query: str
    arguments: JSONSchema
    has_languages_variable: bool

    def split(self, arguments: Mapping[str, object]) -> tuple[dict[str, object], str]:
        """The variables of the query, and an `Accept-Language` if the query has no variable for languages.

        Raises BadUserInput if an argument is missing or unknown: GraphQL ignores unknown variables, unnoticed by an agent.
        """
        accepted = self.arguments["properties"]
        if unknown := sorted(arguments.keys() - accepted.keys()):
            names = shortened(", ".join(unknown), MAX_QUOTED_CHARS)
            raise BadUserInput(f"{self.name} does not take {names}; it takes {', '.join(accepted) or 'nothing'}.")
        if missing := [name for name in self.arguments["required"] if arguments.get(name) is None]:
            raise BadUserInput(f"{self.name} needs {', '.join(missing)}.")
        variables = dict(arguments)
        languages = None if self.has_languages_variable else variables.pop(LANGUAGES, None)
        return variables, ", ".join(_language_names(languages, accepted)).lower()


def _language_names(languages: object, accepted: Mapping[str, JSONSchema]) -> list[str]:
    if languages is None:
        return []
    valid = accepted[LANGUAGES]["items"]["enum"]
    if not isinstance(languages, list) or not all(name in valid for name in languages):
        raise BadUserInput(f"`{LANGUAGES}` must be a list of {', '.join(valid)}.")
    return languages


def operations(schema: GraphQLSchema) -> dict[str, OperationTool]:
    """All example queries, by name; subscriptions are left out."""
    return {example.name: _tool(example, schema) for example in examples() if example.operation_type == "query"}


def _tool(example: Example, schema: GraphQLSchema) -> OperationTool:
    (operation,) = parse(example.query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    uses = _Uses(TypeInfo(schema))
    visit(operation, TypeInfoVisitor(uses.info, uses))
    properties, required = {}, []
    for variable in operation.variable_definitions or ():
        name = variable.variable.name.value
        variable_type = type_from_ast(schema, variable.type)
        properties[name] = json_schema(variable_type, uses.descriptions.get(name))
        if variable.default_value is not None:
            properties[name]["default"] = value_from_ast_untyped(variable.default_value)
        elif isinstance(variable_type, GraphQLNonNull):
            required.append(name)
    has_variable = LANGUAGES in properties
    if uses.languages:
        properties[LANGUAGES] = json_schema(uses.languages, _LANGUAGES_ABOUT)
    arguments = JSONSchema(type="object", properties=properties, required=required, additionalProperties=False)
    return OperationTool(example.name, example.about, example.query, arguments, has_variable)


class _Uses(Visitor):
    """What an operation uses: `descriptions` of the arguments and input fields by variable, and the type of `languages`."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.descriptions: dict[str, str] = {}
        self.languages: GraphQLType | None = None

    def enter_field(self, _: FieldNode, *__: object) -> None:
        """Note whether a text in one of several languages is selected, with the argument or without it."""
        field, parent = self.info.get_field_def(), self.info.get_parent_type()
        if field is not None and parent is not None and parent.name == "LocalizedText" and LANGUAGES in field.args:
            self.languages = field.args[LANGUAGES].type

    def enter_variable(self, node: VariableNode, _key: object, parent: object, *_: object) -> None:
        """Note the description of what a variable is the value of."""
        target: GraphQLArgument | GraphQLInputField | None = self.info.get_argument()
        if isinstance(parent, ObjectFieldNode):
            input_type = get_named_type(self.info.get_parent_input_type())
            assert isinstance(input_type, GraphQLInputObjectType)
            target = input_type.fields[parent.name.value]
        if target is not None and target.description:
            self.descriptions.setdefault(node.name.value, _EITHER.sub("", target.description))


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
