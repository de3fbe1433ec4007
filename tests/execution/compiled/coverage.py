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
    found: set[str] = set()
    sent: set[str] = set()
    types = [
        kind for kind in schema.type_map.values() if not kind.name.startswith("__") and kind.name != "Subscription"
    ]
    for kind in types:
        for name, field in getattr(kind, "fields", {}).items():
            found.add(f"{kind}.{name}")
            found |= {f"{kind}.{name}({item})" for item in getattr(field, "args", {})}
            values = [field] if is_input_object_type(kind) else getattr(field, "args", {}).values()
            sent |= {get_named_type(value.type).name for value in values}
    enums = [kind for kind in types if is_enum_type(kind) and kind.name in sent]  # not those of responses alone
    return found | {f"{kind}.{value}" for kind in enums for value in kind.values}


class _Named(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.found: set[str] = set()
        self.field = ""

    def enter(self, node: Any, *_: Any) -> None:
        if isinstance(node, FieldNode):
            self.field = f"{self.info.get_parent_type()}.{node.name.value}"
            self.found.add(self.field)
        elif isinstance(node, ArgumentNode) and not self.info.get_directive():
            self.found.add(f"{self.field}({node.name.value})")
        elif isinstance(node, ObjectFieldNode):
            self.found.add(f"{get_named_type(self.info.get_parent_input_type())}.{node.name.value}")
        elif isinstance(node, EnumValueNode):
            self.found.add(f"{get_named_type(self.info.get_input_type())}.{node.value}")


def named(schema: GraphQLSchema, texts: Iterable[str]) -> set[str]:
    """The fields, arguments and values that documents use, in the form of `of_schema`."""
    found: set[str] = set()
    for text in texts:
        info = TypeInfo(schema)
        visitor = _Named(info)
        visit(parse(text), TypeInfoVisitor(info, visitor))
        found |= visitor.found
    return found


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
    found: Counter[str] = Counter({**dict.fromkeys(FORMS, 0), "a field twice": 0})
    for text in texts:
        found.update(form for form, pattern in FORMS.items() if re.search(pattern, text))
        found["a field twice"] += _twice(parse(text))
    return found


def _twice(document: DocumentNode) -> bool:
    """True if a selection set repeats a field with a selection of its own under one response name."""

    class Twice(Visitor):
        found = False

        def enter_selection_set(self, node: Any, *_: Any) -> None:
            keys = [
                (selection.alias or selection.name).value
                for selection in node.selections
                if isinstance(selection, FieldNode) and selection.selection_set
            ]
            self.found |= len(keys) != len(set(keys))

    visitor = Twice()
    visit(document, visitor)
    return visitor.found
