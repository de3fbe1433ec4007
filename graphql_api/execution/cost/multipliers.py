"""Multipliers of a selection from the document: arguments of its field, `@include` and `@skip`."""

from collections.abc import Mapping
from typing import Any

from graphql.language import (
    BooleanValueNode,
    DirectiveNode,
    EnumValueNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from graphql_api.execution.cost.expression import Argument, Included, Page, Size, bounded, quantity
from graphql_api.schema.types.relay import MAX_ITEMS
from graphql_api.schema.types.resolver_cost import Quantity


def page_size(given: Mapping[str, ValueNode], default: float) -> Size:
    """Returns the page size that these arguments request."""
    values = [given[name] for name in ("first", "last") if name in given]
    asked: list[str] = []
    for value in values:
        if isinstance(value, VariableNode):
            asked.append(value.name.value)
        elif isinstance(value, IntValueNode):
            default = bounded(literal(value))
            break
    return Page(tuple(asked), default) if asked else default


def argument(given: Mapping[str, ValueNode], path: str, each: Quantity) -> Size:
    """Returns the size of an argument, or of a part of an input object, given as a literal or a variable."""
    name, *rest = path.split(".")
    value = given.get(name)
    while isinstance(value, ObjectValueNode) and rest:
        key = rest.pop(0)
        value = next((one.value for one in value.fields if one.name.value == key), None)
    if isinstance(value, VariableNode):
        return Argument(value.name.value, tuple(rest), each)
    return 0.0 if value is None or rest else quantity(literal(value), each)


def literal(value: ValueNode) -> Any:
    """Returns the value of a literal, as far as sizes depend on it."""
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 10 else MAX_ITEMS
    if isinstance(value, BooleanValueNode | StringValueNode | EnumValueNode):
        return value.value
    if isinstance(value, ObjectValueNode):
        return {one.name.value: literal(one.value) for one in value.fields}
    return list(map(literal, value.values)) if isinstance(value, ListValueNode) else None


def included(directives: tuple[DirectiveNode, ...]) -> Size:
    """Returns how often a selection with these directives counts: 1, 0, or a factor that depends on a variable."""
    size: Size = 1.0
    for each in directives:
        wanted = each.name.value == "include"
        if not wanted and each.name.value != "skip":
            continue
        condition = next((argument.value for argument in each.arguments or () if argument.name.value == "if"), None)
        if isinstance(condition, BooleanValueNode) and condition.value is not wanted:
            return 0.0
        if isinstance(condition, VariableNode):
            size = Included(condition.name.value, wanted)
    return size
