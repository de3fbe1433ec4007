"""How often a selection comes, as the document says: by the arguments of its field, and by `@include` and `@skip`."""

from collections.abc import Mapping
from typing import Any

from graphql.language import BooleanValueNode, DirectiveNode, IntValueNode, ListValueNode, ValueNode, VariableNode

from graphql_api.cost.figures import Included, Length, Page, Size, bounded
from graphql_api.types.page import MOST


def page_size(given: Mapping[str, ValueNode], default: float) -> Size:
    """The size of the page that these arguments ask for."""
    values = [given[name] for name in ("first", "last") if name in given]
    asked: list[str] = []
    for value in values:
        if isinstance(value, VariableNode):
            asked.append(value.name.value)
        elif isinstance(value, IntValueNode):
            default = bounded(literal(value))
            break
    return Page(tuple(asked), default) if asked else default


def length(value: ValueNode | None) -> Size:
    """How many items the list in an argument has; one item that stands without its list is a list of one."""
    if isinstance(value, VariableNode):
        return Length(value.name.value)
    return float(len(value.values)) if isinstance(value, ListValueNode) else 1.0


def literal(value: ValueNode) -> Any:
    """As much of a literal as sizes are made of."""
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 10 else MOST
    if isinstance(value, BooleanValueNode):
        return value.value
    return [None] * len(value.values) if isinstance(value, ListValueNode) else None


def included(directives: tuple[DirectiveNode, ...]) -> Size:
    """How often a selection with these directives comes: once, never, or as a variable says."""
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
