"""Lifts literals out of GraphQL documents, so that texts that differ only in them share one prepared document.

The key of a document is its tokens without white space, comments and the name of its only operation, with a placeholder for each
string and integer among the arguments of fields. Equal literals have the same placeholder, so that two fields with the same
response name conflict in all texts of a key or in none. Other literals stay in the key: those of directives and variable
definitions, enum values, and strings with escapes.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from string import ascii_letters
from typing import NamedTuple

from graphql import GraphQLScalarType, GraphQLSchema, TypeInfo, TypeInfoVisitor, Undefined, Visitor, get_nullable_type
from graphql.language import (
    SKIP,
    DefinitionNode,
    DocumentNode,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    StringValueNode,
    VariableDefinitionNode,
    VariableNode,
    VisitorAction,
    visit,
)

Literal = str | int
MAX_DIGITS = 15
"""Maximum digits of an integer that is lifted; a longer one stays in the key."""
_PREFIX = "__literal_"
"""The beginning of the names of variables for literals; a document that contains it is not lifted."""
_STRING = r'"[^"\\\x00-\x08\x0a-\x1f\ud800-\udfff]*"(?!")'
_TOKEN = re.compile(
    rf'"""|{_STRING}|"(?:[^"\\\n\r]|\\.)*"|[_A-Za-z][_0-9A-Za-z]*|-?[0-9][.\w]*|\.\.\.|#[^\n\r]*|[^ \t\n\r,\ufeff]'
)
"""A token, a comment or an invalid character. What is not a token of GraphQL is not equal to one."""
_LIFTED = re.compile(rf"{_STRING}|-?[1-9][0-9]{{0,{MAX_DIGITS - 1}}}|0")
_NAME_START = frozenset(f"_{ascii_letters}")
_OPERATIONS = ("query", "mutation", "subscription")


class Lifted(NamedTuple):
    """A text whose literals are lifted."""

    key: str
    literals: tuple[Literal, ...]
    """The distinct literals, in the order of their first occurrence."""
    name: str | None
    """The name of its operation if there is only one and it has a name; otherwise names are part of the key."""


def lift(text: str, max_tokens: int) -> Lifted | None:
    """Lift the literals of a document; None if it has block strings, or more than `max_tokens` tokens or comments."""
    lexemes: list[str] = _TOKEN.findall(text)
    if '"""' in lexemes or _PREFIX in text or len(lexemes) > 2 * max_tokens:
        return None
    tokens = [lexeme for lexeme in lexemes if lexeme[0] != "#"] if "#" in text else lexemes
    if max(len(tokens), len(lexemes) - len(tokens)) > max_tokens:
        return None
    name = _take_name(tokens)
    literals: dict[str, int] = {}
    for at in _of_arguments(tokens):
        token = tokens[at]
        number = literals.setdefault(token, len(literals))
        tokens[at] = f'"{number}' if token[0] == '"' else f"#{number}"  # neither is a token of GraphQL
    return Lifted("\n".join(tokens), tuple(map(_value, literals)), name)


def unlifted(text: str) -> Lifted:
    """A text as its own key, which equals no key of a lifted one."""
    return Lifted(f" {text}", (), None)


def _take_name(tokens: list[str]) -> str | None:
    """Remove the name of the only operation, and return it."""
    depth = 0
    names: list[int | None] = []
    for at, lexeme in enumerate(tokens):
        if lexeme[0] == '"' and not depth:
            return None  # a description, or an argument of a directive
        if lexeme == "{":
            if not depth and (at == 0 or tokens[at - 1] == "}"):
                names.append(None)  # the short form of a query
            depth += 1
        elif lexeme == "}":
            depth -= 1
        elif not depth and lexeme in _OPERATIONS and (at == 0 or tokens[at - 1] == "}"):
            is_named = at + 1 < len(tokens) and tokens[at + 1][0] in _NAME_START
            names.append(at + 1 if is_named else None)
    if len(names) != 1 or names[0] is None:
        return None
    return tokens.pop(names[0])


def _of_arguments(tokens: list[str]) -> Iterator[int]:
    """Yield the positions of the literals to lift: those in parentheses, but not of directives and variable definitions."""
    depth, is_inside = 0, False
    for at, lexeme in enumerate(tokens):
        match lexeme:
            case "(":
                is_inside = depth > 0 and tokens[at - 2] != "@"
            case ")":
                is_inside = False
            case "{":
                depth += 1
            case "}":
                depth -= 1
            case _ if is_inside and _LIFTED.fullmatch(lexeme):
                yield at


def _value(token: str) -> Literal:
    return token[1:-1] if token[0] == '"' else int(token)


class Parameters:
    """The variables that stand for the literals of a document: the type of each, by the number of its literal."""

    def __init__(self) -> None:
        self._types: dict[str, tuple[int, GraphQLScalarType]] = {}

    def variable(self, number: int, type: GraphQLScalarType) -> VariableNode:
        """The variable for a literal at a place of this type."""
        name = f"{_PREFIX}{number}_{type.name}"
        self._types[name] = number, type
        return VariableNode(name=NameNode(value=name))

    def definitions(self) -> tuple[VariableDefinitionNode, ...]:
        """The definitions of all variables; a literal is never null."""
        return tuple(
            VariableDefinitionNode(
                variable=VariableNode(name=NameNode(value=name)),
                type=NonNullTypeNode(type=NamedTypeNode(name=NameNode(value=type.name))),
                directives=(),
            )
            for name, (_, type) in self._types.items()
        )

    def read(self, literals: tuple[Literal, ...]) -> "Literals | None":
        """The values of the variables; None if a literal is not valid for its type."""
        values = Literals({}, {})
        for name, (number, type) in self._types.items():
            try:
                coerced = type.coerce_input_value(literals[number])
            except Exception:  # parsers of scalars may raise anything; the document is validated as written
                return None
            if coerced is Undefined:
                return None
            values.raw[name], values.coerced[name] = literals[number], coerced
        return values


class Literals(NamedTuple):
    """The values of the variables that stand for literals, by name: as written, and as resolvers get them."""

    raw: dict[str, Literal]
    coerced: dict[str, object]


def parameterised(schema: GraphQLSchema, document: DocumentNode, text: str) -> tuple[DocumentNode, Parameters] | None:
    """A valid document with variables in place of its literals; None if one of them is not in the place of a scalar."""
    types, parameters = TypeInfo(schema), Parameters()
    visitor = _Replacing(types, parameters, text)
    changed = visit(document, TypeInfoVisitor(types, visitor))
    if visitor.has_failed:
        return None
    more = parameters.definitions()
    definitions = tuple(_defining(definition, more) for definition in changed.definitions)
    return (replace(changed, definitions=definitions) if more else document), parameters


def _defining(node: DefinitionNode, more: tuple[VariableDefinitionNode, ...]) -> DefinitionNode:
    if not isinstance(node, OperationDefinitionNode):
        return node
    return replace(node, variable_definitions=(*(node.variable_definitions or ()), *more))


class _Replacing(Visitor):
    def __init__(self, types: TypeInfo, parameters: Parameters, text: str) -> None:
        super().__init__()
        self._types = types
        self._parameters = parameters
        self._text = text
        self._numbers: dict[str, int] = {}
        self.has_failed = False

    def enter_directive(self, *_: object) -> VisitorAction:
        return SKIP

    def enter_variable_definition(self, *_: object) -> VisitorAction:
        return SKIP

    def enter_string_value(self, node: StringValueNode, *_: object) -> VariableNode | None:
        return self._replaced(node)

    def enter_int_value(self, node: IntValueNode, *_: object) -> VariableNode | None:
        return self._replaced(node)

    def _replaced(self, node: StringValueNode | IntValueNode) -> VariableNode | None:
        assert node.loc is not None
        token = self._text[node.loc.start : node.loc.end]
        if not _LIFTED.fullmatch(token):
            return None
        number = self._numbers.setdefault(token, len(self._numbers))
        type = self._types.get_input_type()
        scalar = None if type is None else get_nullable_type(type)
        if not isinstance(scalar, GraphQLScalarType):
            self.has_failed = True
            return None
        return self._parameters.variable(number, scalar)
