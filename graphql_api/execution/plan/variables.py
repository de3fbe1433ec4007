"""Variables and arguments as resolvers get them: read as graphql-core and Strawberry do, without their detours for scalars."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

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
    Visitor,
    get_argument_values,
    get_nullable_type,
    get_variable_values,
    type_from_ast,
    visit,
)
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from graphql_api.caching import keep
from graphql_api.execution.plan.asked import Asked
from graphql_api.execution.plan.kept import copied

Arguments = Callable[[VariableValues], dict[str, Any]]
"""Makes the arguments of a resolver from the variables of a run; raises where they do not fit."""


MOST_ARGUMENTS = 100
"""Of the fields of an operation; there are rarely more than ten."""
MOST_FLAVOURS = 32


class Given:
    """The variables of an operation, read; and what plans work out from them, which is the same whenever they are given."""

    def __init__(self, told: Mapping[str, Any], values: VariableValues) -> None:
        self._told = told
        self.values = values
        self.steered: tuple[Any, ...] | None = None
        """Those that decide what is skipped and included."""
        self.arguments: dict[Arguments, dict[str, Any]] = {}
        self._flavours: dict[Any, tuple[Any, ...]] = {}
        self._ways: dict[Any, list[tuple[str, tuple[Any, ...]]]] = {}

    @cached_property
    def text(self) -> bytes | None:
        """They as the client sent them, as JSON that tells them apart; None where that cannot be written."""
        try:
            return copied(orjson.dumps(self._told, option=orjson.OPT_SORT_KEYS)) if self._told else b""
        except orjson.JSONEncodeError:
            return None

    def flavour(self, asked: Asked, languages: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a selection gives depends on beside the thing that it is of: the variables in it, and the languages."""
        key = asked, languages if asked.speaks else ()
        found = self._flavours.get(key)
        if found is None:
            values = self.values.coerced
            used = {name: values[name] for name in asked.variables if name in values}
            told = copied(orjson.dumps(used, repr, orjson.OPT_SORT_KEYS)) if used else b""
            found = keep(self._flavours, MOST_FLAVOURS, key, (asked.digest, told, key[1]))
        return found

    def ways(self, ways: Iterable[tuple[str, Asked]], languages: tuple[Any, ...]) -> list[tuple[str, tuple[Any, ...]]]:
        """Of fields of the query that are ways into a release: the keys that what is behind them is kept under."""
        found = self._ways.get(languages)
        if found is None:
            keys = [(name, way_in(None, self.flavour(asked, languages))) for name, asked in ways]
            found = keep(self._ways, MOST_FLAVOURS, languages, keys)
        return found


def way_in(source: Any, flavour: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key of what is behind a way into a release: any release from the query, which is None, else this one."""
    return getattr(source, "number", ""), *flavour


class Variables:
    """The variables that an operation defines."""

    def __init__(self, schema: GraphQLSchema, definitions: Iterable[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = tuple(definitions)
        self._scalars = {each.variable.name.value: _scalar(schema, each) for each in self._definitions}

    def read(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Their values, from those that a client sent; None where these do not fit."""
        values = self._plain(given)
        if values is not None:
            return VariableValues({}, values)
        found = get_variable_values(self._schema, self._definitions, dict(given), max_errors=1)
        return found if isinstance(found, VariableValues) else None

    def _plain(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values, where all are scalars that are given and fit."""
        values = {}
        for name, coerce in self._scalars.items():
            value = given.get(name)
            if coerce is None or value is None:
                return None
            try:
                values[name] = coerce(value)
            except Exception:
                return None
            if values[name] is Undefined:
                return None
        return values


def _scalar(schema: GraphQLSchema, definition: VariableDefinitionNode) -> Callable[[Any], Any] | None:
    type_ = type_from_ast(schema, definition.type)
    named = get_nullable_type(type_)  # type: ignore[arg-type]  # of a valid document it is an input type
    return named.coerce_input_value if isinstance(named, GraphQLScalarType) else None


def arguments_of(
    converter: GraphQLCoreConverter, definition: StrawberryField, told: GraphQLField, node: FieldNode
) -> Arguments:
    """What makes the arguments of a field as it stands in the document."""

    def read(variables: VariableValues) -> dict[str, Any]:
        values = get_argument_values(told, node, variables)
        return convert_arguments(values, definition.arguments, converter.scalar_registry, converter.config)

    if not told.args:
        return lambda _: {}
    direct = _direct(converter, definition, told, node)
    return read if direct is None else _templated(read, direct)


def _direct(
    converter: GraphQLCoreConverter, definition: StrawberryField, told: GraphQLField, node: FieldNode
) -> list[tuple[str, str]] | None:
    """Each Python argument with the variable that is its value; None where a variable stands in anything but a scalar."""
    names = {converter.config.name_converter.from_argument(each): each.python_name for each in definition.arguments}
    found = []
    for each in node.arguments or ():
        name = each.name.value
        if isinstance(each.value, VariableNode) and isinstance(
            get_nullable_type(told.args[name].type), GraphQLScalarType
        ):
            found.append((names[name], each.value.name.value))
        elif variables_in(each):
            return None
    return found


def _templated(read: Arguments, direct: list[tuple[str, str]]) -> Arguments:
    """Reads once; from then on only the values of variables are put in their places, as long as all of them have one."""
    template: dict[str, Any] | None = None

    def arguments(variables: VariableValues) -> dict[str, Any]:
        nonlocal template
        values = {argument: variables.coerced.get(variable) for argument, variable in direct}
        if None in values.values():
            return read(variables)
        if template is None:
            template = read(variables)
        return template | values

    return arguments


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.found.add(node.name.value)


def variables_in(*nodes: Node) -> frozenset[str]:
    """The names of the variables in parts of a document."""
    found = _Variables()
    for each in nodes:
        visit(each, found)
    return frozenset(found.found)
