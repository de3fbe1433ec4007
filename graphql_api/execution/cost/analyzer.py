"""Computes the cost of an operation from its document and the schema.

A field is one value; its selection counts once per item of its list: `first` or `last` of a connection or list that has these
arguments, the number of ids passed, otherwise the average length of the list. The work of a resolver is declared with the field
(`schema/types/resolver_cost.py`). Fields selected in several fragments count each time, and so do all alternatives of `... on`:
the cost is an upper estimate.

Averages hold for many concepts, not for a single one that a client picks. So a cost has two parts: `per_item` counts once per
item of a page, and `per_page`, by how much the largest items may exceed it, counts once per page.
"""

from typing import NamedTuple, cast

from graphql import (
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    GraphQLType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from graphql_api.competent.declarations import Length
from graphql_api.execution.cost.expression import (
    Arguments,
    Cost,
    CostTerm,
    PageSize,
    Size,
    Sum,
    argument,
    included,
    literal,
    page_size,
)
from graphql_api.schema.types.relay import DEFAULT_ITEMS
from graphql_api.schema.types.resolver_cost import NO_WORK, Work

ITEMS = Length(10, 10)
"""Default length of a list without a declared one."""


class Costing:
    """Computes the costs of valid documents of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._introspection_lengths = introspection_lengths(schema)

    def cost(self, document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
        """Returns the cost of an operation of a document."""
        return _Analysis(self, document).cost(operation)

    def type_of(self, condition: NamedTypeNode) -> GraphQLCompositeType:
        """Returns the type of a fragment."""
        return cast(GraphQLCompositeType, self.schema.get_type(condition.name.value))

    def own(
        self, node: FieldNode, definition: GraphQLField, parent: GraphQLCompositeType, page: Size | None
    ) -> "SelectionCost":
        """Returns the cost of a field without its selection: of its resolver, and the items of a list of scalars."""
        cost = self.resolver(node, definition, page)
        if length := self.leaves(node, definition, parent):
            cost.per_item.constant += length.mean
            cost.per_page.constant += length.most - length.mean
        return cost

    def resolver(self, node: FieldNode, definition: GraphQLField, page: Size | None) -> "SelectionCost":
        """Returns the cost of the value of a field and of its resolver.

        A resolver costs the declared work, the work for the items of its page, and one unit per id or list item in its arguments.
        """
        work, arguments = work_of(definition), arguments_of(node)
        cost = SelectionCost(Sum(1.0 + work.base), Sum(work.more + work.more_items))
        if page is not None:
            cost.per_item.add(Sum(work.item), page)
        for name, argument_type in definition.args.items():
            if get_named_type(argument_type.type).name == "ID" or is_list_type(_nullable(argument_type.type)):
                cost.per_item.add(Sum(1.0), argument(arguments, name, "item"))
        for declared in work.arguments:
            cost.per_item.add(Sum(declared.units), argument(arguments, declared.argument, declared.quantity))
        return cost

    def leaves(self, node: FieldNode, definition: GraphQLField, parent: GraphQLCompositeType) -> Length | None:
        """Returns the length of a list of scalars; None for any other field."""
        if is_list_type(_nullable(definition.type)) and is_leaf_type(get_named_type(definition.type)):
            return self.length(parent, node.name.value, definition) or ITEMS
        return None

    def items(self, node: FieldNode, definition: GraphQLField, parent: GraphQLCompositeType, page: Size) -> "Items":
        """Returns how often the selection of a field counts."""
        is_list = is_list_type(_nullable(definition.type))
        if items_of := work_of(definition).items_of:  # the same concept may be listed any number of times
            count = argument(arguments_of(node), items_of, "item")
            return Items(mean=count, once=count)
        length = self.length(parent, node.name.value, definition)
        is_page = "first" in definition.args or parent.name.endswith("Connection") or node.name.value == "nodes"
        if is_list and is_page and not length:
            return Items(mean=page, once=1.0)
        if length := length or (ITEMS if is_list else None):
            return Items(mean=length.mean, more=length.most - length.mean, page_by_page=1.0)
        return Items(page_by_page=1.0)

    def length(self, parent: GraphQLCompositeType, name: str, definition: GraphQLField) -> Length | None:
        """Returns the length of a list field, if declared; a few introspection fields count as lists."""
        return declared_length(definition) or self._introspection_lengths.get(f"{parent.name}.{name}")


class SelectionCost(NamedTuple):
    """The cost of a selection: per object it is applied to, and once per page in addition."""

    per_item: Sum
    per_page: Sum

    @classmethod
    def zero(cls) -> "SelectionCost":
        return cls(Sum(), Sum())

    def add(self, other: "SelectionCost", size: Size = 1.0) -> None:
        """Add another cost of the same object, `size` times."""
        self.per_item.add(other.per_item, size)
        self.per_page.add(other.per_page, size)


class Items(NamedTuple):
    """How often the cost of a selection counts for the object that contains the field, or its list.

    The cost per item counts `mean` times per object and `more` times per page; the cost per page, `once` and `page_by_page`.
    """

    mean: Size = 1.0
    more: float = 0.0
    once: Size = 0.0
    page_by_page: float = 0.0

    def add(self, total: SelectionCost, inner: SelectionCost) -> None:
        """Add the cost of a selection to that of its field."""
        total.per_item.add(inner.per_item, self.mean)
        total.per_item.add(inner.per_page, self.once)
        total.per_page.add(inner.per_item, self.more)
        total.per_page.add(inner.per_page, self.page_by_page)


class _Analysis:
    """Analysis of one operation; each fragment is analyzed once per page size in which it is spread."""

    def __init__(self, costing: Costing, document: DocumentNode) -> None:
        self.costing = costing
        self.fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.steps: list[Sum] = []
        self.fragment_costs: dict[tuple[str, Size], SelectionCost] = {}

    def cost(self, operation: OperationDefinitionNode) -> Cost:
        root = cast(GraphQLCompositeType, self.costing.schema.get_root_type(operation.operation))
        total = _total(self.selection(operation.selection_set, root, 1.0))
        defaults = {
            variable.variable.name.value: literal(variable.default_value)
            for variable in operation.variable_definitions or ()
            if variable.default_value is not None
        }
        return Cost((*self.steps, total), defaults)

    def selection(self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, page: Size) -> SelectionCost:
        total = SelectionCost.zero()
        for selection in selection_set.selections:
            size = included(selection.directives or ())
            if isinstance(selection, FieldNode):
                total.add(self.field(selection, parent, page), size)
            elif isinstance(selection, FragmentSpreadNode):
                total.add(self.spread(selection.name.value, page), size)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                fragment_type = self.costing.type_of(condition) if condition else parent
                total.add(self.selection(selection.selection_set, fragment_type, page), size)
        return total

    def spread(self, name: str, page: Size) -> SelectionCost:
        if (name, page) not in self.fragment_costs:
            fragment = self.fragments[name]
            fragment_type = self.costing.type_of(fragment.type_condition)
            cost = self.selection(fragment.selection_set, fragment_type, page)
            self.fragment_costs[name, page] = SelectionCost(self.step(cost.per_item), self.step(cost.per_page))
        return self.fragment_costs[name, page]

    def step(self, total: Sum) -> Sum:
        """Replace a sum that depends on variables by a reference, so that nested fragments do not multiply its terms."""
        if not total.terms:
            return total
        self.steps.append(total)
        return Sum(0.0, [CostTerm((), 1.0, len(self.steps))])

    def field(self, node: FieldNode, parent: GraphQLCompositeType, page: Size) -> SelectionCost:
        definition = self.costing.schema.get_field(parent, node.name.value)
        if definition is None:
            return SelectionCost(Sum(1.0), Sum())
        size = page_of(node, definition)
        total = self.costing.own(node, definition, parent, size)
        if node.selection_set is not None:
            items = self.costing.items(node, definition, parent, page if size is None else size)
            inner_type = cast(GraphQLCompositeType, get_named_type(definition.type))
            items.add(total, self.selection(node.selection_set, inner_type, page_below(definition, size)))
        return total


def page_of(node: FieldNode, definition: GraphQLField) -> PageSize | None:
    """Returns the page size of a field; None for a field without pages."""
    if "first" not in definition.args:
        return None
    default = definition.args["first"].default_value
    items = float(default) if isinstance(default, int) else float(DEFAULT_ITEMS)
    return page_size(arguments_of(node), items, (node.alias or node.name).value)


def page_below(definition: GraphQLField, page: PageSize | None) -> Size:
    """Returns the page size for the lists in a selection, `nodes` and `edges`, of a field with this page size."""
    return 1.0 if page is None or is_list_type(_nullable(definition.type)) else page


def arguments_of(node: FieldNode) -> Arguments:
    """Returns the arguments of a field by name."""
    return {argument_node.name.value: argument_node.value for argument_node in node.arguments or ()}


def work_of(definition: GraphQLField) -> Work:
    """Returns the work declared with a field."""
    declared = definition.extensions.get("strawberry-definition")
    work: Work = getattr(declared, "metadata", {}).get("work", NO_WORK)
    return work


def _total(cost: SelectionCost) -> Sum:
    total = Sum()
    total.add(cost.per_item)
    total.add(cost.per_page)
    return total


def _nullable(output_type: GraphQLType) -> GraphQLType:
    return output_type.of_type if is_non_null_type(output_type) else output_type


def introspection_lengths(schema: GraphQLSchema) -> dict[str, Length]:
    """Returns mean lengths of introspection lists; `ofType` is null for about every other type, and nests only briefly."""
    types = list(schema.type_map.values())
    fields = [field for graphql_type in types for field in (getattr(graphql_type, "fields", None) or {}).values()]
    type_count = len(types)
    means = {
        "__Schema.types": type_count,
        "__Schema.directives": len(schema.directives),
        "__Type.fields": len(fields) / type_count,
        "__Type.inputFields": len(fields) / type_count,
        "__Type.enumValues": sum(len(getattr(graphql_type, "values", ())) for graphql_type in types) / type_count,
        "__Type.interfaces": sum(len(getattr(graphql_type, "interfaces", ())) for graphql_type in types) / type_count,
        "__Type.possibleTypes": 1,
        "__Type.ofType": 0.5,
        "__Field.args": sum(len(getattr(field, "args", ())) for field in fields) / len(fields),
        "__Directive.args": 1,
    }
    return {name: Length(mean, mean) for name, mean in means.items()}


def declared_length(definition: GraphQLField) -> Length | None:
    """Returns the length declared with a field."""
    declared = definition.extensions.get("strawberry-definition")
    length: Length | None = getattr(declared, "metadata", {}).get("length")
    return length
