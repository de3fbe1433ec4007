"""Coverage of documents: which fields, arguments, enum values and syntactic forms they use."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from graphql import (
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    parse,
    visit,
)
from graphql.language import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    ObjectFieldNode,
)


def of_schema(schema: GraphQLSchema) -> set[str]:
    """All fields, arguments, input fields and enum values that a query can use."""
    coordinates: set[str] = set()
    sent: set[str] = set()
    types = [
        graphql_type
        for graphql_type in schema.type_map.values()
        if not graphql_type.name.startswith("__") and graphql_type.name != "Subscription"
    ]
    for graphql_type in types:
        for name, field in getattr(graphql_type, "fields", {}).items():
            coordinates.add(f"{graphql_type}.{name}")
            coordinates |= {f"{graphql_type}.{name}({item})" for item in getattr(field, "args", {})}
            values = [field] if is_input_object_type(graphql_type) else getattr(field, "args", {}).values()
            sent |= {get_named_type(value.type).name for value in values}
    enums = [
        graphql_type for graphql_type in types if is_enum_type(graphql_type) and graphql_type.name in sent
    ]  # not those of responses alone
    return coordinates | {f"{graphql_type}.{value}" for graphql_type in enums for value in graphql_type.values}


class _Named(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.seen: set[str] = set()
        self.field = ""

    def enter(self, node: Any, *_: Any) -> None:
        if isinstance(node, FieldNode):
            self.field = f"{self.info.get_parent_type()}.{node.name.value}"
            self.seen.add(self.field)
        elif isinstance(node, ArgumentNode) and not self.info.get_directive():
            self.seen.add(f"{self.field}({node.name.value})")
        elif isinstance(node, ObjectFieldNode):
            self.seen.add(f"{get_named_type(self.info.get_parent_input_type())}.{node.name.value}")
        elif isinstance(node, EnumValueNode):
            self.seen.add(f"{get_named_type(self.info.get_input_type())}.{node.value}")


def named(schema: GraphQLSchema, texts: Iterable[str]) -> set[str]:
    """The fields, arguments and values that documents use, in the form of `of_schema`."""
    found_names: set[str] = set()
    for text in texts:
        info = TypeInfo(schema)
        visitor = _Named(info)
        visit(parse(text), TypeInfoVisitor(info, visitor))
        found_names |= visitor.seen
    return found_names


FORMS = {
    "alias": r"\w: \w+ *[({}]",
    "__typename": "__typename",
    "introspection": "__schema|__type\\(",
    "spread": r"\.\.\.\w",
    "typed inline fragment": r"\.\.\. on ",
    "inline fragment": r"\.\.\. [@{]",
    "@skip with a variable": r"@skip\(if: \$",
    "@skip with a literal": r"@skip\(if: [tf]",
    "@include with a variable": r"@include\(if: \$",
    "@include with a literal": r"@include\(if: [tf]",
    "variable": r"\(\$\w+: ",
    "variable with default": r"\$\w+: [\w!\[\]]+ = ",
    "several operations": r"(?s)query.*\bquery\b",
}
"""Syntactic forms as regular expressions of the text of a document."""


def forms(texts: Iterable[str]) -> Counter[str]:
    """The number of documents that use each syntactic form."""
    counts: Counter[str] = Counter({**dict.fromkeys(FORMS, 0), "a field twice": 0})
    for text in texts:
        counts.update(form for form, pattern in FORMS.items() if re.search(pattern, text))
        counts["a field twice"] += _repeats_field(parse(text))
    return counts


def _repeats_field(document: DocumentNode) -> bool:
    """True if a selection set repeats a field with a selection of its own under one response name."""

    class Twice(Visitor):
        seen = False

        def enter_selection_set(self, node: Any, *_: Any) -> None:
            keys = [
                (selection.alias or selection.name).value
                for selection in node.selections
                if isinstance(selection, FieldNode) and selection.selection_set
            ]
            self.seen |= len(keys) != len(set(keys))

    visitor = Twice()
    visit(document, visitor)
    return visitor.seen
