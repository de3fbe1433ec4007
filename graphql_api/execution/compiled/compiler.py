"""Compiles an operation into the source of one Python function, from the declarations that the schema is made from.

Each selection of an object type becomes a function of the generated source:

- of a concept: `(d, r, i, w)`, its normalised document, release, id, and whether the document is complete. Its entries are
  written with `\\1key\\1` for the value of a key and `\\2` for the id. A list of parts of which only keys are read takes them as
  if none were missing, without a call for each part; if one is missing, it calls the function for each;
- of a row of a document, such as a classification: `(x, r)`, the row and its release;
- of a text `x`, its texts by language: an expression;
- of any other type: `(o)`, the object that a resolver returned.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import cast

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.execution.compiled.execution import Build, Completion, node_id
from graphql_api.execution.compiled.fallback import Fallback
from graphql_api.execution.compiled.source import Source, quoted
from graphql_api.execution.compiled.values import (
    Scope,
    SelectedField,
    Selection,
    Values,
    definition_of,
    type_definition_of,
)
from graphql_api.execution.compiled.variables import Arguments, Resolver, arguments_of
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.plain_resolvers import read_of
from graphql_api.schema.types.text import LocalizedText

MAX_FIELDS = 500
"""Maximum number of fields, with fragments and interfaces expanded; compiling more would block the event loop for over 20 ms."""
HELPERS = ("root", "items", "find", "resolve", "complete", "concept", "row", "text", "null")

_KEY = re.compile("\1(\\w+)\1")

Fields = Mapping[str, list[FieldDetails]]
Write = Callable[[SelectedField], str]
"""Returns the source of the value of a field."""


class Compilation:
    """One operation being compiled. A selection that is reached in several ways, as through fragments, is compiled once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        converter: GraphQLCoreConverter,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._converter = converter
        self._operation = operation
        self._variables = variables
        self._fragments = {
            definition.name.value: FragmentDetails(definition)
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._source = Source()
        self._values = Values(self._source, schema)
        self._selections: dict[tuple[str, tuple[int, ...]], Selection] = {}
        self._count = 0

    def build(self) -> Build:
        """Returns the compiled query, with `@skip` and `@include` as the variables decide; raises Fallback."""
        query = self._schema.query_type
        assert query is not None
        collected = collect_fields(self._schema, self._fragments, self._variables, query, self._operation)
        scope, fields = Scope(), []
        for key, details in collected.grouped_field_set.items():
            value = self._field(scope, query, details, partial(self._resolved, scope))
            fields.append(f"({quoted(key)}, {self._source.function('f', '', f'return {value}')})")
        return self._source.compile(HELPERS, f"root(({', '.join([*fields, ''])}))")

    # Selections

    def _below(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> list[Selection]:
        named = get_named_type(type_)
        if is_leaf_type(named):
            return []
        types = self._schema.get_possible_types(named) if is_abstract_type(named) else [cast(GraphQLObjectType, named)]
        return [self._selection(possible, details) for possible in types]

    def _selection(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Selection:
        fields = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, details
        ).grouped_field_set
        key = type_.name, tuple(id(field.node) for group in fields.values() for field in group)
        if key not in self._selections:
            self._selections[key] = self._compiled(type_, fields)
        return self._selections[key]

    def _compiled(self, type_: GraphQLObjectType, fields: Fields) -> Selection:
        definition = type_definition_of(type_)
        if issubclass(definition.origin, Concept):
            return self._concept(type_, definition.origin, fields)
        if definition.origin is LocalizedText:
            return self._text(type_, fields)
        if any("row" in field.metadata for field in definition.fields):
            return self._row(type_, definition.origin, fields)
        scope = Scope("o", "id(o)")
        function = self._function(scope, "o", self._entries(scope, type_, fields, partial(self._of_object, scope)))
        return Selection(lambda o: f"{function}({o})", lambda o: f"{function}({o})", scope)

    def _concept(self, type_: GraphQLObjectType, concept_class: type[Concept], fields: Fields) -> Selection:
        scope = Scope(f"concept({self._source.constant(concept_class)}, d, r, i, w)", "id(d), r")
        entries = self._entries(scope, type_, fields, partial(self._of_concept, scope, concept_class))
        only_reads = "w" not in scope.uses
        first = [self._completion(scope, concept_class)] if concept_class.route and scope.keys else []
        value = r'(d if "\1" in d else m).get("\1")' if first else r'd.get("\1")'
        function = self._function(scope, "driw", [_KEY.sub(value, line).replace("\2", "i") for line in entries], first)
        of_part = {"d": "{0}", "r": "r", "i": '{0}["id"]', "w": "False"}
        of_view = {"d": "v.document", "r": "v.release", "i": "v.id", "w": "v.is_complete"}
        part, view, document = (
            f"{function}({', '.join(by[name] for name in 'driw' if name in scope.uses)})"
            for by in (of_part, of_view, {name: name for name in "driw"})
        )

        def of_object(o: str) -> str:
            return f"{self._source.function('o', 'o', 'v = o.view', f'return {view}')}({o})"

        def of_parts(values: str) -> str:
            made = _KEY.sub(r'x["\1"]', ", ".join(entries)).replace("\2", 'x["id"]')
            fast, safe = (f"return [{item} for x in xs]" for item in (f"{{{made}}}", part.format("x")))
            release = ", r" if "r" in scope.uses else ""
            lines = "try:", f"    {fast}", "except KeyError:", "    pass", safe
            return f"{self._source.function('l', f'xs{release}', *lines)}({values}{release})"

        return Selection(part.format, of_object, scope, document, of_parts if only_reads else None)

    def _row(self, type_: GraphQLObjectType, row_class: type, fields: Fields) -> Selection:
        scope = Scope(f"row({self._source.constant(row_class)}, x, r)", "id(x), r", {"x"})
        function = self._function(scope, "xr", self._entries(scope, type_, fields, partial(self._of_row, scope)))
        of_part, of_object = (", r", ", {0}.release") if "r" in scope.uses else ("", "")
        return Selection((f"{function}({{0}}{of_part})").format, f"{function}({{0}}.row{of_object})".format, scope)

    def _text(self, type_: GraphQLObjectType, fields: Fields) -> Selection:
        scope = Scope(f"{self._source.constant(LocalizedText)}(texts=\0)", "id(\0)")
        entries = ", ".join(self._entries(scope, type_, fields, partial(self._of_text, scope)))

        def of_part(x: str) -> str:
            return "{" + entries.replace("\0", x) + "}"

        return Selection(of_part, lambda o: of_part(f"{o}.texts"), scope)

    def _function(self, scope: Scope, parameters: str, entries: Sequence[str], first: Sequence[str] = ()) -> str:
        used = ", ".join(name for name in parameters if name in scope.uses or len(parameters) == 1)
        return self._source.function("b", used, *first, "return {", *(f"    {entry}," for entry in entries), "}")

    def _completion(self, scope: Scope, concept_class: type[Concept]) -> str:
        """Returns the line that sets `m` to a document with the keys that `d` lacks."""
        scope.uses |= {"d", "r", "i", "w"}
        tolerant = frozenset(key for key, is_tolerant in scope.keys.items() if is_tolerant)
        complete = Completion(concept_class, frozenset(scope.keys) - tolerant)
        condition = " and ".join(f"{quoted(key)} in d" for key in scope.keys)
        name = self._source.variable("g", f"complete({self._source.constant(complete)})")
        return f"m = d if w or {condition} else {name}(d, r, i)"

    def _entries(self, scope: Scope, type_: GraphQLObjectType, fields: Fields, write: Write) -> list[str]:
        return [f"{quoted(key)}: {self._field(scope, type_, details, write)}" for key, details in fields.items()]

    def _field(self, scope: Scope, type_: GraphQLObjectType, details: list[FieldDetails], write: Write) -> str:
        self._count += 1
        scope.weight += 1
        node = details[0].node
        name = node.name.value
        if name == "__typename":
            return quoted(type_.name)
        if name.startswith("__"):
            raise Fallback("introspection", name)
        label, graphql = f"{type_.name}.{name}", type_.fields[name]
        if self._count > MAX_FIELDS:
            raise Fallback("fields", label)
        field = SelectedField(label, node, graphql, definition_of(graphql), self._below(graphql.type, details))
        if field.definition.extensions or field.definition.permission_classes or name == "_service":
            raise Fallback("unsupported", field.label)
        return write(field)

    # Fields

    def _of_concept(self, scope: Scope, concept_class: type[Concept], field: SelectedField) -> str:
        if reads := field.definition.metadata.get("reads"):
            scope.uses.add("d")
            scope.keys[reads.name] = reads.empty_on_error
            raw = f"\1{quoted(reads.name)[1:-1]}\1"
            return self._values.part(scope, field, raw, partial(reads.convert, None))
        scope.uses |= {"i", "r"}
        if field.definition.python_name == "uuid":
            return "\2"
        if field.definition.python_name == "id":
            return f"{self._source.constant(node_id)}({quoted(concept_class.__name__)}, r, \2)"
        scope.uses |= {"d", "w"}
        return self._resolved(scope, field)

    def _of_row(self, scope: Scope, field: SelectedField) -> str:
        row = field.definition.metadata.get("row")
        if row is None:
            scope.uses.add("r")
            return self._resolved(scope, field)
        return self._values.part(scope, field, f"x[{quoted(row.key)}]", row.convert or _unchanged)

    def _of_text(self, scope: Scope, field: SelectedField) -> str:
        if language := field.definition.metadata.get("language"):
            return f"\0.get({quoted(language)})"
        if field.definition.python_name == "text":
            arguments = self._source.constant(self._arguments(field))
            return f"{self._source.variable('l', f'text({arguments})')}(\0)"
        return self._resolved(scope, field)

    def _of_object(self, scope: Scope, field: SelectedField) -> str:
        if field.definition.base_resolver is None:
            return self._values.value(scope, field, f"o.{field.definition.python_name}")
        return self._resolved(scope, field)

    def _resolved(self, scope: Scope, field: SelectedField) -> str:
        """A field that a function resolves: called once per execution if it, or what is below, may have to wait."""
        resolver = field.definition.base_resolver
        assert resolver is not None
        function: Callable[..., object] = resolver.wrapped_func  # type: ignore[assignment]  # strawberry: of a field it is a function
        info = resolver.info_parameter.name if resolver.info_parameter else None
        is_async = iscoroutinefunction(function)
        scope.suspends |= is_async
        if (
            not is_async
            and not any(selection.scope.suspends for selection in field.below)
            and read_of(field.definition)
        ):
            return self._values.value(scope, field, f"{self._source.constant(function)}({scope.source})")
        takes_source, route = resolver.self_parameter is not None, field.definition.metadata.get("route")
        call = self._source.constant(Resolver(field.label, function, self._arguments(field), takes_source, info, route))
        key = f"({self._source.new('')}, {scope.key})"
        value = self._values.value(scope, field, f"resolve({call}, {key}, {scope.source})")
        if route is None:
            return value
        looked_up = self._source.function("q", "t", "d, r, i, w = t", f"return {field.below[0].of_document}")
        name, number = self._source.new("t"), "o.number" if takes_source else "None"
        return f"{looked_up}({name}) if ({name} := find({call}, {number})) else {value}"

    def _arguments(self, field: SelectedField) -> Arguments | None:
        return arguments_of(self._converter, field.definition, field.graphql, field.node)


def _unchanged(value: object) -> object:
    return value
