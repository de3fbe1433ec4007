"""Coverage of documents: which fields, arguments, enum values and syntactic forms they use."""

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
    parse,
    visit,
)
from graphql.language import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
)


def of_schema(schema: GraphQLSchema) -> set[str]:
    """All fields, arguments, input fields and enum values that a query can use."""
    found: set[str] = set()
    outputs = {"Subscription"}
    for kind in schema.type_map.values():
        if kind.name.startswith("__") or kind.name in outputs:
            continue
        for name, field in getattr(kind, "fields", {}).items():
            found.add(f"{kind}.{name}")
            found |= {f"{kind}.{name}({each})" for each in getattr(field, "args", {})}
        if is_enum_type(kind) and kind.name != "Importance":  # an output-only enum
            found |= {f"{kind}.{each}" for each in kind.values}
    return found


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


class _Forms(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter(self, node: Any, *_: Any) -> None:
        if isinstance(node, FieldNode):
            self.found |= {"alias"} if node.alias else set()
            self.found |= {"__typename"} if node.name.value == "__typename" else set()
            self.found |= {"introspection"} if node.name.value in ("__schema", "__type") else set()
        elif isinstance(node, FragmentSpreadNode):
            self.found.add("spread")
        elif isinstance(node, InlineFragmentNode):
            self.found.add("... on" if node.type_condition else "...")
        elif isinstance(node, DirectiveNode):
            value = node.arguments[0].value
            self.found.add(f"@{node.name.value} {'variable' if isinstance(value, VariableNode) else 'literal'}")
        elif isinstance(node, VariableDefinitionNode):
            self.found.add("variable with default" if node.default_value else "variable")


ALL_FORMS = (
    "alias",
    "__typename",
    "introspection",
    "spread",
    "... on",
    "...",
    "@skip variable",
    "@skip literal",
    "@include variable",
    "@include literal",
    "variable",
    "variable with default",
    "several operations",
    "a field twice",
)


def forms(texts: Iterable[str]) -> Counter[str]:
    """The number of documents that use each syntactic form."""
    found: Counter[str] = Counter(dict.fromkeys(ALL_FORMS, 0))
    for text in texts:
        document = parse(text)
        visitor = _Forms()
        visit(document, visitor)
        found.update(visitor.found)
        found["several operations"] += (
            sum(isinstance(each, OperationDefinitionNode) for each in document.definitions) > 1
        )
        found["a field twice"] += _twice(document)
    return found


def _twice(document: DocumentNode) -> bool:
    """True if a selection set repeats a field with a selection of its own under one response name."""

    class Twice(Visitor):
        found = False

        def enter_selection_set(self, node: Any, *_: Any) -> None:
            keys = [
                (each.alias or each.name).value
                for each in node.selections
                if isinstance(each, FieldNode) and each.selection_set
            ]
            self.found |= len(keys) != len(set(keys))

    visitor = Twice()
    visit(document, visitor)
    return visitor.found
