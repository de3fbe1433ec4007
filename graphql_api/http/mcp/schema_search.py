"""Searches a GraphQL schema for the types, fields, arguments and values that some words describe."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
)

NAME_WEIGHT, DESCRIPTION_WEIGHT = 3.0, 1.0
"""How much a word counts in the name of an element, and in its description."""
_KEYWORDS: dict[type, str] = {
    GraphQLObjectType: "type",
    GraphQLInterfaceType: "interface",
    GraphQLInputObjectType: "input",
    GraphQLEnumType: "enum",
}
"""Keywords of the schema language; a type of any other class is a scalar, since this schema has no unions."""
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


class SchemaElement(NamedTuple):
    """A part of a schema: its coordinate (`Query.search`, `Query.search(text:)`), its type, and what it is for."""

    coordinate: str
    signature: str
    description: str


class SchemaSearch:
    """Searches the elements of one schema; a search reads them all."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._elements = [
            (element, _words(element.coordinate), _words(element.description)) for element in _elements(schema)
        ]

    def matches(self, text: str) -> list[SchemaElement]:
        """The elements that match any word of a text, those that match more words first, then those with shorter names."""
        words = _words(text)
        scored = [
            (-score, len(element.coordinate), element.coordinate, element)
            for element, names, descriptions in self._elements
            if (score := sum(_score(word, names, descriptions) for word in words))
        ]
        return [element for *_, element in sorted(scored)]


def _words(text: str) -> frozenset[str]:
    """The words of a text or a name in camel case, in lower case and without the plural's s."""
    return frozenset(word.lower().removesuffix("s") for word in _WORD.findall(text))


def _score(word: str, names: frozenset[str], descriptions: frozenset[str]) -> float:
    return NAME_WEIGHT * (word in names) + DESCRIPTION_WEIGHT * (word in descriptions)


def _elements(schema: GraphQLSchema) -> Iterator[SchemaElement]:
    for name, type_ in schema.type_map.items():
        if name.startswith("_"):
            continue
        yield SchemaElement(name, _definition(type_), type_.description or "")
        match type_:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field_name, field in type_.fields.items():
                    yield from _field(f"{name}.{field_name}", field_name, field)
            case GraphQLInputObjectType():
                for field_name, input_field in type_.fields.items():
                    yield _input(f"{name}.{field_name}", field_name, input_field)
            case GraphQLEnumType():
                for value_name, value in type_.values.items():
                    yield SchemaElement(f"{name}.{value_name}", value_name, value.description or "")


def _field(coordinate: str, name: str, field: GraphQLField) -> Iterator[SchemaElement]:
    arguments = ", ".join(f"{argument}: {definition.type}" for argument, definition in field.args.items())
    signature = f"{name}({arguments}): {field.type}" if arguments else f"{name}: {field.type}"
    yield SchemaElement(coordinate, signature, field.description or "")
    for argument, definition in field.args.items():
        yield _input(f"{coordinate}({argument}:)", argument, definition)


def _input(coordinate: str, name: str, definition: GraphQLArgument | GraphQLInputField) -> SchemaElement:
    return SchemaElement(coordinate, f"{name}: {definition.type}", definition.description or "")


def _definition(type_: GraphQLNamedType) -> str:
    return f"{_KEYWORDS.get(type(type_), 'scalar')} {type_.name}"
