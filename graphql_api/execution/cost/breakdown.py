"""Explains the cost of one operation field by field: the estimate with its variables, and the actual cost of its response.

Both are exact shares: the estimates of all fields add up to the cost of the operation. The actual cost counts the values in the
response and the declared work of their resolvers, without what the largest concept may add; a null counts as a value alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from graphql import GraphQLCompositeType, GraphQLField, get_named_type
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from graphql_api.execution.cost.analyzer import Costing, page_below, page_of, work_of
from graphql_api.execution.cost.expression import PageSize, Size, Variables, included

MAX_FIELDS = 5_000
"""Maximum number of fields, fragments expanded, that are explained."""


class FieldCost(NamedTuple):
    """The cost of a field without that of the fields below it, over all objects that have it."""

    path: str
    """The names in the response, such as `skills.nodes.code`."""
    requested: float
    actual: float | None


class Breakdown(NamedTuple):
    """The actual cost of a response, None if there is none yet, and the fields in the order of the document."""

    actual: int | None
    fields: list[FieldCost]


@dataclass(slots=True)
class _Field:
    """A field of the response, with all places in the document that select it."""

    path: str
    requested: float = 0.0
    actual: float = 0.0
    per_call: float = 0.0
    """Cost of the value and its resolver."""
    per_item: float = 0.0
    """Cost of an item of its page."""
    fields: "dict[str, _Field]" = field(default_factory=dict)

    def all(self) -> "Iterator[_Field]":
        """Yields the fields below this one, each before its own."""
        for inner in self.fields.values():
            yield inner
            yield from inner.all()


def costs_by_field(
    costing: Costing,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Variables,
    data: Mapping[str, object] | None,
) -> Breakdown | None:
    """Returns the costs by field; None if there are more than MAX_FIELDS.

    `data` is that of the response, empty if nothing was executed; None if it is not complete: then there are no actual costs.
    """
    estimate = _Estimate(costing, document, variables)
    root = _Field("")
    parent = cast(GraphQLCompositeType, costing.schema.get_root_type(operation.operation))
    if not estimate.add(root, operation.selection_set, parent, 1.0, _Times(1.0, 1.0)):
        return None
    _count(root, data or {})
    fields = [
        FieldCost(entry.path, round(entry.requested, 1), None if data is None else round(entry.actual, 1))
        for entry in root.all()
    ]
    return Breakdown(None if data is None else round(sum(entry.actual for entry in root.all())), fields)


class _Times(NamedTuple):
    """How often the two parts of a cost count in the operation: that per item, and that per page."""

    item: float
    page: float

    def by(self, size: float) -> "_Times":
        return _Times(self.item * size, self.page * size)


class _Estimate:
    """Adds the estimates from the root down; the analyzer adds the same from the leaves up, with open variables."""

    def __init__(self, costing: Costing, document: DocumentNode, variables: Variables) -> None:
        self._costing = costing
        self._variables = variables
        self._left = MAX_FIELDS
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def add(
        self, into: _Field, selections: SelectionSetNode, parent: GraphQLCompositeType, page: Size, times: _Times
    ) -> bool:
        """Add the fields of a selection; returns False if there are too many."""
        for selection in selections.selections:
            here = times.by(self._value(included(selection.directives or ())))
            self._left -= 1
            if self._left < 0:
                return False
            if here == (0.0, 0.0):
                continue
            match selection:
                case FieldNode():
                    is_complete = self._add_field(into, selection, parent, page, here)
                case FragmentSpreadNode():
                    fragment = self._fragments[selection.name.value]
                    fragment_type = self._costing.type_of(fragment.type_condition)
                    is_complete = self.add(into, fragment.selection_set, fragment_type, page, here)
                case InlineFragmentNode(type_condition=condition):
                    fragment_type = self._costing.type_of(condition) if condition else parent
                    is_complete = self.add(into, selection.selection_set, fragment_type, page, here)
            if not is_complete:
                return False
        return True

    def _add_field(
        self, into: _Field, node: FieldNode, parent: GraphQLCompositeType, page: Size, times: _Times
    ) -> bool:
        name = (node.alias or node.name).value
        definition = self._costing.schema.get_field(parent, node.name.value)
        assert definition is not None, "the document is valid"
        size = page_of(node, definition)
        entry = into.fields.get(name)
        if entry is None:
            entry = into.fields[name] = self._new(f"{into.path}.{name}".lstrip("."), node, definition, size)
        own = self._costing.own(node, definition, parent, size)
        entry.requested += times.item * own.per_item.of(self._variables, [1.0])
        entry.requested += times.page * own.per_page.of(self._variables, [1.0])
        if node.selection_set is None:
            return True
        items = self._costing.items(node, definition, parent, page if size is None else size)
        inner = _Times(
            times.item * self._value(items.mean) + times.page * items.more,
            times.item * self._value(items.once) + times.page * items.page_by_page,
        )
        inner_type = cast(GraphQLCompositeType, get_named_type(definition.type))
        return self.add(entry, node.selection_set, inner_type, page_below(definition, size), inner)

    def _new(self, path: str, node: FieldNode, definition: GraphQLField, size: PageSize | None) -> _Field:
        resolver = self._costing.resolver(node, definition, None).per_item.of(self._variables, [1.0])
        return _Field(path, per_call=resolver, per_item=0.0 if size is None else work_of(definition).item)

    def _value(self, size: Size) -> float:
        return size if isinstance(size, float | int) else size(self._variables)


def _count(parent: _Field, data: Mapping[str, object]) -> None:
    """Add the actual costs of the fields of an object."""
    for name, value in data.items():
        entry = parent.fields.get(name)
        if entry is None:
            continue
        entry.actual += 1.0 if value is None else entry.per_call + entry.per_item * _items_in(value)
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                _count(entry, item)
            elif item is not value:
                entry.actual += 1.0


def _items_in(value: object) -> int:
    """Returns the number of items of a list, or of a connection by its `nodes` or `edges`."""
    if isinstance(value, dict):
        return max((len(inner) for inner in value.values() if isinstance(inner, list)), default=0)
    return len(value) if isinstance(value, list) else 0
