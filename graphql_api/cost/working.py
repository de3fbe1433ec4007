"""Works out the cost of an operation from its document and the schema.

A field is one value, and those of its selection come as often as its list has items: `first` or `last` of a connection or of
a list that takes them, the number of ids where ids are given, else a typical length. Fields that several fragments name are
counted each time, and all alternatives of `... on` are counted: the cost is an upper estimate, save that a list can be longer
than is typical.
"""

from typing import Any

from graphql import GraphQLSchema, get_named_type, is_list_type, is_non_null_type
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from graphql_api.cost.figures import Cost, Size, Sum, Term
from graphql_api.cost.sizes import included, length, literal, page_size
from graphql_api.cost.typical import ITEMS, TYPICAL, of_introspection
from graphql_api.types.page import DEFAULT

ONE_FOR_EACH = {"nodes": "ids", "_entities": "representations"}
"""Fields whose list is as long as the list of an argument."""


class Costing:
    """Works out the costs of valid documents of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.typical = TYPICAL | of_introspection(schema)

    def cost(self, document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
        """What an operation of a document costs."""
        return _Working(self, document).cost(operation)

    def length(self, type_name: str, field_name: str) -> float:
        """How long the list of a field typically is."""
        return self.typical.get(f"{type_name}.{field_name}", ITEMS)


class _Working:
    """One operation being worked out; fragments are worked out once for each size of page that they are spread in."""

    def __init__(self, costing: Costing, document: DocumentNode) -> None:
        self.costing = costing
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.steps: list[Sum] = []
        self.done: dict[tuple[str, Size], Sum] = {}

    def cost(self, operation: OperationDefinitionNode) -> Cost:
        root = self.costing.schema.get_root_type(operation.operation)
        total = self.selection(operation.selection_set, root, 1.0)
        given = {
            each.variable.name.value: literal(each.default_value)
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        return Cost((*self.steps, total), given)

    def selection(self, selection_set: SelectionSetNode, parent: Any, page: Size) -> Sum:
        total = Sum()
        for each in selection_set.selections:
            size = included(each.directives or ())
            if isinstance(each, FieldNode):
                total.add(self.field(each, parent, page), size)
            elif isinstance(each, FragmentSpreadNode):
                total.add(self.spread(each.name.value, page), size)
            elif isinstance(each, InlineFragmentNode):
                on = each.type_condition and self.costing.schema.get_type(each.type_condition.name.value)
                total.add(self.selection(each.selection_set, on or parent, page), size)
        return total

    def spread(self, name: str, page: Size) -> Sum:
        if (name, page) not in self.done:
            fragment = self.fragments[name]
            on = self.costing.schema.get_type(fragment.type_condition.name.value)
            found = self.selection(fragment.selection_set, on, page)
            if found.terms:  # referred to from now on, so that fragments of fragments do not multiply them
                self.steps.append(found)
                found = Sum(0.0, [Term((), 1.0, len(self.steps))])
            self.done[name, page] = found
        return self.done[name, page]

    def field(self, node: FieldNode, parent: Any, page: Size) -> Sum:
        total = Sum(1.0)
        definition = self.costing.schema.get_field(parent, node.name.value)
        if node.selection_set is None or definition is None:
            return total
        kind = get_named_type(definition.type)
        is_list = is_list_type(definition.type.of_type if is_non_null_type(definition.type) else definition.type)
        size, inner = self.size(node, definition, parent, is_list, page)
        total.add(self.selection(node.selection_set, kind, inner), size)
        return total

    def size(self, node: FieldNode, definition: Any, parent: Any, is_list: bool, page: Size) -> tuple[Size, Size]:
        """How often the selection of a field comes, and how many items the lists of its connection have."""
        name = node.name.value
        given = {each.name.value: each.value for each in node.arguments or ()}
        if "first" in definition.args:
            default = definition.args["first"].default_value
            asked = page_size(given, float(default) if isinstance(default, int) else float(DEFAULT))
            return (asked, 1.0) if is_list else (1.0, asked)
        if name in ONE_FOR_EACH and ONE_FOR_EACH[name] in definition.args:
            return length(given.get(ONE_FOR_EACH[name])), 1.0
        if is_list and parent.name.endswith("Connection") and name in ("nodes", "edges"):
            return page, 1.0
        if is_list or f"{parent.name}.{name}" in self.costing.typical:
            return self.costing.length(parent.name, name), 1.0
        return 1.0, 1.0
