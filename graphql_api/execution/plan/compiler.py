"""Compiles an operation into a plan, by the declarations that the schema is made from.

What a plan cannot do is refused here, once for an operation: introspection, `@defer` and `@stream`, unions.
"""

from dataclasses import replace
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    print_ast,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graphql_api.execution.plan import steps
from graphql_api.execution.plan.asked import Asked
from graphql_api.execution.plan.plan import Field, Fields, Plan, Step
from graphql_api.execution.plan.run import Complete
from graphql_api.execution.plan.variables import arguments_of, variables_in
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.declared import text
from graphql_api.schema.types.plain_resolvers import read_of
from graphql_api.schema.types.text import LocalizedText, in_languages

MOST_FIELDS = 1500
"""Fields that one plan may have, fragments followed and interfaces taken apart; more take too long to compile at once."""
TYPICAL = 8
"""Items that a list is taken to have, for what is worth keeping."""
_STEERING = ("skip", "include")
_TEXTS = ("String", "ID")
Grouped = dict[str, list[FieldDetails]]


class Unplanned(Exception):
    """A plan cannot do this operation."""


class Compiler:
    """Compiles the operations of one schema."""

    def __init__(self, schema: GraphQLSchema, converter: GraphQLCoreConverter) -> None:
        self.schema = schema
        self.converter = converter

    def plan(self, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues) -> Plan:
        """The plan of an operation, as these variables steer it; raises Unplanned."""
        return Plan(_Compiling(self, document, operation, variables).root())


def steering(document: DocumentNode) -> tuple[str, ...]:
    """The variables that decide what is skipped and included; raises Unplanned where other directives decide something."""
    found = _Directives()
    visit(document, found)
    if not found.names <= {*_STEERING}:
        raise Unplanned
    return tuple(found.variables)


class _Directives(Visitor):
    """The names of the directives on selections, and the variables in them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.variables: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self.names.add(node.name.value)
        self.variables |= variables_in(node)


class _Compiling:
    """One operation being compiled. A selection that is reached in several ways, as through fragments, is compiled once."""

    def __init__(
        self, compiler: Compiler, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
    ) -> None:
        self._compiler = compiler
        self._schema = compiler.schema
        self._operation = operation
        self._variables = variables
        self._fragments = {
            each.name.value: FragmentDetails(each)
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        self._known: dict[tuple[str, tuple[int, ...]], Fields] = {}
        self._count = 0

    def root(self) -> Fields:
        """What is selected of the query."""
        query = self._schema.query_type
        assert query is not None
        collected = collect_fields(self._schema, self._fragments, self._variables, query, self._operation)
        return self._fields(query, collected.grouped_field_set)

    def _fields(self, kind: GraphQLObjectType, grouped: Grouped) -> Fields:
        key = kind.name, tuple(id(each.node) for details in grouped.values() for each in details)
        if key not in self._known:
            self._known[key] = Fields(kind.name, [self._field(kind, *each) for each in grouped.items()])
        return self._known[key]

    def _field(self, kind: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Field:
        self._count += 1
        node = details[0].node
        name = node.name.value
        if name == "__typename":
            return Field(key, steps.constant(kind.name), Asked.of(name, (), frozenset(), False, 1))
        if name.startswith("_") or self._count > MOST_FIELDS:
            raise Unplanned
        told = kind.fields[name]
        definition: StrawberryField = _definition(told)
        below = self._below(told.type, details)
        asked = self._asked(definition, told, node, below)
        step = self._texts(definition, below)
        if step is None:
            # A cacheable field is kept as a whole, with its arguments.
            complete = self._complete(told.type, below, kept="cacheable" not in definition.metadata)
            step = self._step(definition, told, node, complete, asked)
        language = definition.metadata.get("language", "")
        return Field(key, step, asked, language, is_way="cacheable" in definition.metadata)

    def _texts(self, definition: StrawberryField, below: dict[str, Fields]) -> Step | None:
        """A field that is a text of which nothing but languages is asked: they are read without an object for it."""
        reads, fields = definition.metadata.get("reads"), below.get(LocalizedText.__name__)
        if reads is None or reads.convert is not text or fields is None or fields.languages is None:
            return None
        return steps.read(replace(reads, convert=in_languages(fields.languages)), steps.as_made)

    def _asked(
        self, definition: StrawberryField, told: GraphQLField, node: FieldNode, below: dict[str, Fields]
    ) -> Asked:
        arguments = [print_ast(each) for each in node.arguments or ()]
        resolver = definition.base_resolver
        asked = [each.asked for each in below.values()]
        weight = max((each.weight for each in asked), default=0) * (TYPICAL if _is_list(told.type) else 1)
        speaks = resolver is not None and resolver.info_parameter is not None
        text = " ".join([node.name.value, *arguments])
        works = "work" in definition.metadata
        return Asked.of(text, asked, variables_in(*(node.arguments or ())), speaks, 1 + weight, works)

    def _below(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> dict[str, Fields]:
        """What is selected of the values of a field, by the name of their type; empty for leaves."""
        named = get_named_type(type_)
        if is_leaf_type(named):
            return {}
        if isinstance(named, GraphQLUnionType):
            raise Unplanned
        possible = [named] if isinstance(named, GraphQLObjectType) else self._schema.get_possible_types(named)  # type: ignore[arg-type]
        return {each.name: self._subfields(each, details) for each in possible}

    def _subfields(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Fields:
        found = collect_subfields(self._schema, self._fragments, self._variables, self._operation, kind, details)
        return self._fields(kind, found.grouped_field_set)

    def _complete(self, type_: GraphQLOutputType, below: dict[str, Fields], kept: bool = True) -> Complete:
        if isinstance(type_, GraphQLNonNull):
            return steps.required(self._complete_value(type_.of_type, below, kept))
        return steps.optional(self._complete_value(type_, below, kept))

    def _complete_value(self, type_: GraphQLOutputType, below: dict[str, Fields], kept: bool) -> Complete:
        if isinstance(type_, GraphQLList):
            is_long = any(each.asked.works or each.asked.weight >= steps.WORTH_KEEPING for each in below.values())
            return (steps.items_in_turns if is_long else steps.items)(self._complete(type_.of_type, below))
        if is_leaf_type(type_):
            return steps.text if type_.name in _TEXTS else steps.leaf(type_.coerce_output_value)
        makers = {name: self._maker(name, fields, kept) for name, fields in below.items()}
        return makers[type_.name] if isinstance(type_, GraphQLObjectType) else steps.by_type(makers)

    def _maker(self, name: str, fields: Fields, kept: bool) -> Complete:
        worth = kept and fields.asked.weight >= steps.WORTH_KEEPING
        return steps.kept_thing(fields) if worth and self._is_concept(name) else fields.of

    def _is_concept(self, name: str) -> bool:
        return issubclass(_definition(self._schema.type_map[name]).origin, Concept)

    def _step(
        self,
        definition: StrawberryField,
        told: GraphQLField,
        node: FieldNode,
        complete: Complete,
        asked: Asked,
    ) -> Step:
        if definition.extensions:
            raise Unplanned
        is_cacheable = "cacheable" in definition.metadata
        if not is_cacheable and (read := read_of(definition)) is not None:
            return steps.read(read, complete)
        assert definition.base_resolver is not None  # else its value is read from the source alone
        arguments = arguments_of(self._compiler.converter, definition, told, node)
        if is_cacheable:
            return steps.resolved_and_kept(definition.base_resolver, arguments, complete, asked)
        return steps.resolved(definition.base_resolver, arguments, complete)


def _definition(told: Any) -> Any:
    """What Strawberry made a type or a field from."""
    return told.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]


def _is_list(type_: GraphQLOutputType) -> bool:
    return is_list_type(get_nullable_type(type_))
