"""Writes the source of values, completed as graphql-core completes them: checked for null and type, serialized, in lists.

Parts of normalised documents need not be checked: their types are as declared, and no item of a list is null.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from graphql_api.execution.compiled.fallback import Fallback, listed, odd
from graphql_api.execution.compiled.source import Source
from graphql_api.schema.types.concept_list import ConceptList

TYPICAL_LENGTH = 8
"""Assumed number of items of a list, to find those whose items are large."""
LARGE = 50
"""Number of values from which an item is large: after each one, the time slice of a long operation is checked."""
_TEXTS = ("String", "ID")

Convert = Callable[[object], object]
Expression = Callable[[str], str]
"""Returns the source of a value for the source of what it is made from."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A compiled selection of an object type."""

    of_part: Expression
    """For a part of a normalised document."""
    of_object: Expression
    """For what a resolver returned."""
    scope: "Scope"
    of_document: str = ""
    """The source for a concept in `d, r, i, w`; empty for other types."""
    of_parts: Expression | None = None
    """The source of a list for the source of parts of documents, if only these are needed for it."""


@dataclass(slots=True)
class Scope:
    """The function of a selection, while it is written."""

    source: str = "None"
    """The source of the object that a resolver gets."""
    key: str = "None"
    """The source of what identifies this object within an execution."""
    uses: set[str] = field(default_factory=set)
    """Which of its parameters it uses."""
    weight: int = 1
    """Approximate number of values."""
    suspends: bool = False
    """Whether a resolver in it, or below, may have to wait."""
    keys: dict[str, bool] = field(default_factory=dict)
    """The keys of a document that it reads, and whether they may be missing if the complete document cannot be loaded."""


class SelectedField(NamedTuple):
    """A field of an object type as it is selected."""

    label: str
    """`Type.field`."""
    node: FieldNode
    graphql: GraphQLField
    definition: StrawberryField
    below: list[Selection]
    """What is selected of its value, for each object type that this may have."""


def type_definition_of(graphql_type: GraphQLObjectType) -> StrawberryObjectDefinition:
    """Returns what Strawberry made an object type from."""
    definition: StrawberryObjectDefinition = graphql_type.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return definition


def definition_of(graphql_field: GraphQLField) -> StrawberryField:
    """Returns what Strawberry made a field from."""
    definition: StrawberryField = graphql_field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return definition


class Values:
    """Writes the values of one compiled query."""

    def __init__(self, source: Source, schema: GraphQLSchema) -> None:
        self._source = source
        self._schema = schema

    def part(self, scope: Scope, field: SelectedField, raw: str, convert: Convert) -> str:
        """Returns the source of the value of a field that is read from a normalised document, from that of its raw value."""
        self._note(scope, field, is_part=True)
        type_, named = get_nullable_type(field.graphql.type), get_named_type(field.graphql.type)
        if is_list_type(type_):
            name = self._source.new("t")
            return (
                f"({raw} or [])" if is_leaf_type(named) else f"{self._parts(field, name)} if ({name} := {raw}) else []"
            )
        if named.name in _TEXTS and type_ is field.graphql.type:
            return raw
        name = self._source.new("t")
        if not is_leaf_type(named):
            made, condition = field.below[0].of_part(name), f"({name} := {raw})"
        else:
            leaf = _leaf(named.coerce_output_value, convert, field.label)
            made = name if named.name in _TEXTS else f"{self._source.constant(leaf)}({name})"
            condition = f"({name} := {raw}) is not None"
        return f"{made} if {condition} else {_otherwise(field.graphql.type, field)}"

    def value(self, scope: Scope, field: SelectedField, raw: str) -> str:
        """Returns the source of the value of a field from that of what a resolver returned."""
        self._note(scope, field, is_part=False)
        name = self._source.new("t")
        return self._nullable(field.graphql.type, field, name, f"({name} := {raw})")

    def _note(self, scope: Scope, field: SelectedField, is_part: bool) -> None:
        for selection in field.below:
            scope.suspends |= selection.scope.suspends
            is_list = is_list_type(get_nullable_type(field.graphql.type))
            scope.weight += selection.scope.weight * (TYPICAL_LENGTH if is_list else 1)
            scope.uses |= selection.scope.uses & {"r"} if is_part else set()

    def _nullable(self, type_: GraphQLOutputType, field: SelectedField, name: str, raw: str) -> str:
        made = self._completed(get_nullable_type(type_), field, name)
        return f"{made} if {raw} is not None else {_otherwise(type_, field)}"

    def _completed(self, type_: object, field: SelectedField, name: str) -> str:
        if isinstance(type_, GraphQLList):
            item = type_.of_type
            values = f'{self._source.constant(listed)}({name}, "{field.label}")'
            made = self._list(field, values, lambda value: self._nullable(item, field, value, value))
            if not field.below or not field.below[0].of_document or is_abstract_type(get_named_type(item)):
                return made
            parts = self._parts(field, "t.documents")
            of_parts = self._source.function("p", "t", "r = t.release", f"return {parts}")
            return f"({of_parts}({name}) if type({name}) is {self._source.constant(ConceptList)} else {made})"
        if is_leaf_type(type_) and type_.name in _TEXTS:
            return f'({name} if type({name}) is str else {self._source.constant(odd)}({name}, "{field.label}"))'
        if is_leaf_type(type_):
            return f"{self._source.constant(_leaf(type_.coerce_output_value, None, field.label))}({name})"
        return f"{self._by_type(type_, field)}({name})" if is_abstract_type(type_) else field.below[0].of_object(name)

    def _parts(self, field: SelectedField, values: str) -> str:
        selection = field.below[0]
        if selection.of_parts is not None and selection.scope.weight < LARGE:
            return selection.of_parts(values)
        return self._list(field, values, selection.of_part)

    def _list(self, field: SelectedField, values: str, item: Expression) -> str:
        name = self._source.new("x")
        scopes = [selection.scope for selection in field.below]
        are_resolved = any(scope.suspends for scope in scopes)
        if are_resolved or any(scope.weight >= LARGE for scope in scopes):
            return f"items({values}, lambda {name}: {item(name)}, {are_resolved})"
        return f"[{item(name)} for {name} in {values}]"

    def _by_type(self, type_: GraphQLAbstractType, field: SelectedField) -> str:
        """Returns the name of the function that completes an object of an interface or a union."""
        cases = ", ".join(
            f"{self._source.constant(type_definition_of(possible).origin)}: lambda o: {selection.of_object('o')}"
            for possible, selection in zip(self._schema.get_possible_types(type_), field.below, strict=True)
        )
        makers = self._source.variable("m", f"{{{cases}}}")
        otherwise = f'{self._source.constant(odd)}(o, "{field.label}")'
        return self._source.function(
            "a", "o", f"make = {makers}.get(type(o))", f"return make(o) if make else {otherwise}"
        )


def _otherwise(type_: GraphQLOutputType, field: SelectedField) -> str:
    return f'null("{field.label}")' if isinstance(type_, GraphQLNonNull) else "None"


def _leaf(coerce: Convert, convert: Convert | None, field: str) -> Convert:
    """Returns a function that completes a scalar or an enum."""

    def completed(value: object) -> object:
        if convert is not None and (value := convert(value)) is None:
            return None
        made = coerce(value)
        if made is None:
            raise Fallback("value", field)
        return made

    return completed
