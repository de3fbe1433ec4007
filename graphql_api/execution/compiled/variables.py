"""Variables and arguments as resolvers get them: read as graphql-core and Strawberry do, without their detours for scalars."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import orjson
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLScalarType,
    GraphQLSchema,
    Node,
    Undefined,
    VariableDefinitionNode,
    VariableNode,
    get_argument_values,
    get_nullable_type,
    get_variable_values,
    is_input_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graphql_api.caching import compact_json, keep
from graphql_api.competent.hal import is_release
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.routes import Route

Arguments = Callable[[VariableValues], dict[str, object]]
"""Makes the arguments of a resolver from variables; raises if they are invalid."""

MAX_ARGUMENTS = 100
"""Maximum number of fields of an operation whose arguments are cached with its variables; there are rarely more than ten."""


_KEYS: dict[type[Node], tuple[str, ...]] = {}
"""The attributes of each class of nodes; graphql-core derives them for each node."""


@dataclass(frozen=True, slots=True, eq=False)
class Resolver:
    """A field that a function resolves. `info` is the name of the parameter that takes the context.

    With a `route`, the field with the argument `uuid` alone is the concept whose document has it.
    """

    field: str
    function: Callable[..., object]
    arguments: Arguments | None
    takes_source: bool
    info: str | None
    route: Route | None


class Location(NamedTuple):
    """Where the document of a concept is; release and path are empty if its number is not in the arguments."""

    route: Route
    id: str
    release: str
    path: str


class InputVariables:
    """The variables of an operation, coerced, and the arguments made from them."""

    def __init__(self, raw: Mapping[str, object], values: VariableValues) -> None:
        self._raw = raw
        self.values = values
        self.conditions: tuple[object, ...] | None = None
        """The values of those that decide what is skipped and included."""
        self._arguments: dict[Arguments, dict[str, object]] = {}
        self._locations: dict[Resolver, Location | None] = {}

    @cached_property
    def text(self) -> bytes | None:
        """The variables as JSON, as part of a cache key; None if orjson cannot serialize them."""
        try:
            return compact_json(self._raw, orjson.OPT_SORT_KEYS) if self._raw else b""
        except orjson.JSONEncodeError:
            return None

    def location(self, resolver: Resolver) -> Location | None:
        """Returns where the document of a lookup is, determined once; None unless the lookup is by uuid alone."""
        if resolver not in self._locations:
            keep(self._locations, MAX_ARGUMENTS, resolver, self._location(resolver))
        return self._locations[resolver]

    def _location(self, resolver: Resolver) -> Location | None:
        made = {} if resolver.arguments is None else resolver.arguments(self.values)
        route, id, release = resolver.route, made.get("uuid"), str(made.get("release", CURRENT))
        if route is None or id is None or made.get("code") is not None or not is_release(release):
            return None
        number = "" if release == CURRENT else release
        return Location(route, str(id), number, route.path(number, str(id)) if number else "")

    def arguments(self, arguments: Arguments) -> dict[str, object]:
        """Returns the arguments of a field, made once."""
        made = self._arguments.get(arguments)
        return keep(self._arguments, MAX_ARGUMENTS, arguments, arguments(self.values)) if made is None else made


class VariableDefinitions:
    """The variables that an operation defines."""

    def __init__(self, schema: GraphQLSchema, definitions: Iterable[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = tuple(definitions)
        self._scalars = {node.variable.name.value: _scalar(schema, node) for node in self._definitions}

    def read(self, raw: Mapping[str, object], coerced: Mapping[str, object]) -> VariableValues | None:
        """Returns the coerced values of what a client sent, of which some are `coerced` already; None if that is invalid."""
        values = self._plain(raw, coerced)
        if values is not None:
            return VariableValues({}, values)
        variables = get_variable_values(self._schema, self._definitions, dict(raw), max_errors=1)
        return variables if isinstance(variables, VariableValues) else None

    def _plain(self, raw: Mapping[str, object], coerced: Mapping[str, object]) -> dict[str, object] | None:
        """Returns the values if all of them are scalars that are set and valid."""
        values = dict(coerced)
        for name, coerce in self._scalars.items():
            if name in values:
                continue
            value = raw.get(name)
            if coerce is None or value is None:
                return None
            try:
                values[name] = coerce(value)
            except Exception:  # graphql-core says what is wrong with it
                return None
            if values[name] is Undefined:
                return None
        return values


def _scalar(schema: GraphQLSchema, definition: VariableDefinitionNode) -> Callable[[object], object] | None:
    type_ = type_from_ast(schema, definition.type)
    assert is_input_type(type_)  # of a valid document
    named = get_nullable_type(type_)
    return named.coerce_input_value if isinstance(named, GraphQLScalarType) else None


def arguments_of(
    converter: GraphQLCoreConverter, definition: StrawberryField, field: GraphQLField, node: FieldNode
) -> Arguments | None:
    """Returns what makes the arguments of a field in a document; None if the field takes none."""
    if not field.args:
        return None

    def read(variables: VariableValues) -> dict[str, object]:
        values = get_argument_values(field, node, variables)
        return convert_arguments(values, definition.arguments, converter.scalar_registry, converter.config)

    to_name = converter.config.name_converter.from_argument
    names = {to_name(argument): argument.python_name for argument in definition.arguments}
    scalars = []
    for argument in node.arguments or ():
        name = argument.name.value
        if isinstance(argument.value, VariableNode) and isinstance(
            get_nullable_type(field.args[name].type), GraphQLScalarType
        ):
            scalars.append((names[name], argument.value.name.value))
        elif variables_in(argument):
            return read
    return _templated(read, scalars)


def _templated(read: Arguments, scalars: list[tuple[str, str]]) -> Arguments:
    """Reads all arguments once; from then on only replaces the values of scalar variables, if all of them are set."""
    template: dict[str, object] | None = None

    def arguments(variables: VariableValues) -> dict[str, object]:
        nonlocal template
        values = {argument: variables.coerced.get(variable) for argument, variable in scalars}
        if None in values.values():
            return read(variables)
        if template is None:
            template = read(variables)
        return template | values

    return arguments


def descendants(node: Node) -> Iterator[Node]:
    """Yields a node of a document and all nodes in it."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield node
        keys = _KEYS.get(type(node)) or _KEYS.setdefault(type(node), node.keys)
        for key in keys:
            value = getattr(node, key)
            children = value if isinstance(value, tuple) else (value,)
            nodes += (child for child in children if isinstance(child, Node))


def variables_in(*nodes: Node) -> frozenset[str]:
    """Returns the names of the variables in parts of a document."""
    return frozenset(
        child.name.value for node in nodes for child in descendants(node) if isinstance(child, VariableNode)
    )
