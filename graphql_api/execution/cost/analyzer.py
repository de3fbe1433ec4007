"""Computes the cost of an operation from its document and the schema.

A field is one value; its selection counts once per item of its list: `first` or `last` of a connection or list that has these
arguments, the number of ids passed, otherwise the average length of the list. The work of a resolver is declared with the field
(`schema/types/resolver_cost.py`). Fields selected in several fragments count each time, and so do all alternatives of `... on`:
the cost is an upper estimate.

Averages hold for many concepts, not for a single one that a client picks. So a cost has two parts: `each` counts once per item of
a page, and `once`, by how much the largest items may exceed it, counts once per page.
"""

from typing import Any, NamedTuple

from graphql import GraphQLField, GraphQLSchema, get_named_type, is_leaf_type, is_list_type, is_non_null_type
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from graphql_api.competent.declarations import Length
from graphql_api.execution.cost.expression import Cost, Size, Sum, Term
from graphql_api.execution.cost.list_sizes import ITEMS, declared_length, of_introspection
from graphql_api.execution.cost.multipliers import argument, included, literal, page_size
from graphql_api.schema.types.relay import DEFAULT_ITEMS
from graphql_api.schema.types.resolver_cost import NO_WORK, Work


class Costing:
    """Computes the costs of valid documents of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._of_introspection = of_introspection(schema)

    def cost(self, document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
        """Returns the cost of an operation of a document."""
        return _Working(self, document).cost(operation)

    def length(self, parent: Any, name: str, definition: GraphQLField) -> Length | None:
        """Returns the length of a list field, if declared; a few introspection fields count as lists."""
        return declared_length(definition) or self._of_introspection.get(f"{parent.name}.{name}")


class _Parts(NamedTuple):
    """The cost of a selection: per object it is applied to, and once in addition."""

    each: Sum
    once: Sum

    @classmethod
    def nothing(cls) -> "_Parts":
        return cls(Sum(), Sum())

    def add(self, other: "_Parts", size: Size = 1.0) -> None:
        """Add another cost of the same object, `size` times."""
        self.each.add(other.each, size)
        self.once.add(other.once, size)


class _Working:
    """Analysis of one operation; each fragment is analyzed once per page size in which it is spread."""

    def __init__(self, costing: Costing, document: DocumentNode) -> None:
        self.costing = costing
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.steps: list[Sum] = []
        self.done: dict[tuple[str, Size], _Parts] = {}

    def cost(self, operation: OperationDefinitionNode) -> Cost:
        root = self.costing.schema.get_root_type(operation.operation)
        total = _together(self.selection(operation.selection_set, root, 1.0))
        given = {
            each.variable.name.value: literal(each.default_value)
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        return Cost((*self.steps, total), given)

    def selection(self, selection_set: SelectionSetNode, parent: Any, page: Size) -> _Parts:
        total = _Parts.nothing()
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

    def spread(self, name: str, page: Size) -> _Parts:
        if (name, page) not in self.done:
            fragment = self.fragments[name]
            on = self.costing.schema.get_type(fragment.type_condition.name.value)
            found = self.selection(fragment.selection_set, on, page)
            self.done[name, page] = _Parts(self.step(found.each), self.step(found.once))
        return self.done[name, page]

    def step(self, found: Sum) -> Sum:
        """Replace a sum that depends on variables by a reference, so that nested fragments do not multiply its terms."""
        if not found.terms:
            return found
        self.steps.append(found)
        return Sum(0.0, [Term((), 1.0, len(self.steps))])

    def field(self, node: FieldNode, parent: Any, page: Size) -> _Parts:
        definition = self.costing.schema.get_field(parent, node.name.value)
        if definition is None:
            return _Parts(Sum(1.0), Sum())
        given = {each.name.value: each.value for each in node.arguments or ()}
        asked = self.page(given, definition)
        total = self.work(given, definition, asked)
        total.each.constant += 1.0
        if node.selection_set is None:
            self.add_leaves(total, node, definition, parent)
        else:
            is_list = is_list_type(_nullable(definition.type))
            inner = self.selection(
                node.selection_set, get_named_type(definition.type), 1.0 if asked is None or is_list else asked
            )
            self.add_items(total, inner, node, definition, parent, page if asked is None else asked)
        return total

    def page(self, given: Any, definition: GraphQLField) -> Size | None:
        """Returns the page size of a field; None for a field without pages."""
        if "first" not in definition.args:
            return None
        default = definition.args["first"].default_value
        return page_size(given, float(default) if isinstance(default, int) else float(DEFAULT_ITEMS))

    def work(self, given: Any, definition: GraphQLField, page: Size | None) -> _Parts:
        """Returns the cost of the resolver.

        This is the declared work, the work for the items of its page, and one unit per id or list item in its arguments.
        """
        work = work_of(definition)
        each, once = Sum(work.base), Sum(work.more + work.more_items)
        if page is not None:
            each.add(Sum(work.item), page)
        for name, of in definition.args.items():
            if get_named_type(of.type).name == "ID" or is_list_type(_nullable(of.type)):
                each.add(Sum(1.0), argument(given, name, "item"))
        for per in work.arguments:
            each.add(Sum(per.units), argument(given, per.argument, per.quantity))
        return _Parts(each, once)

    def add_leaves(self, total: _Parts, node: FieldNode, definition: GraphQLField, parent: Any) -> None:
        """Add the items of a list of scalars."""
        if is_list_type(_nullable(definition.type)) and is_leaf_type(get_named_type(definition.type)):
            length = self.costing.length(parent, node.name.value, definition) or ITEMS
            total.each.constant += length.mean
            total.once.constant += length.most - length.mean

    def add_items(
        self, total: _Parts, inner: _Parts, node: FieldNode, definition: GraphQLField, parent: Any, page: Size
    ) -> None:
        """Add the selection of a field, once per item."""
        is_list, items_of = is_list_type(_nullable(definition.type)), work_of(definition).items_of
        if items_of:  # the same concept may be listed any number of times
            given = {each.name.value: each.value for each in node.arguments or ()}
            total.each.add(_together(inner), argument(given, items_of, "item"))
        elif is_list and ("first" in definition.args or parent.name.endswith("Connection")):
            total.each.add(inner.each, page)
            total.each.add(inner.once)
        elif length := self.costing.length(parent, node.name.value, definition) or (ITEMS if is_list else None):
            total.each.add(inner.each, length.mean)
            total.once.add(inner.each, length.most - length.mean)
            total.once.add(inner.once)
        else:
            total.add(inner)


def work_of(definition: GraphQLField) -> Work:
    """Returns the work declared with a field."""
    declared = definition.extensions.get("strawberry-definition")
    found: Work = getattr(declared, "metadata", {}).get("work", NO_WORK)
    return found


def _together(parts: _Parts) -> Sum:
    total = Sum()
    total.add(parts.each)
    total.add(parts.once)
    return total


def _nullable(kind: Any) -> Any:
    return kind.of_type if is_non_null_type(kind) else kind
