"""Cost expressions: a constant plus products of factors that depend on variables.

The factors of a selection are the sizes of arguments and the conditions of `@include` and `@skip`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

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

from graphql_api.index.query_expansion import MAX_WORDS
from graphql_api.index.semantic.passages import MAX_TEXT_CHARS as MAX_CHARACTERS
from graphql_api.index.tokenizer import MAX_TEXT_CHARS, fold
from graphql_api.schema.types.relay import DEFAULT_ITEMS, MAX_ITEMS
from graphql_api.schema.types.resolver_cost import Quantity

MAX_COST = 10**15
"""Maximum cost; larger costs are reported as this."""

Variables = Mapping[str, object]
"""Values of variables by name, as in JSON."""
Arguments = Mapping[str, ValueNode]
"""Arguments of a field by name, as in the document."""


class PageSize(NamedTuple):
    """Page size of a field: the first of these variables that has a value, otherwise the literal or the default."""

    variables: tuple[str, ...]
    default: float
    field: str = ""
    """The name of the field in the response."""

    def __call__(self, variables: Variables) -> float:
        """Returns the page size; invalid values are rejected later, when the field is resolved."""
        for name in self.variables:
            if (number := variables.get(name)) is not None:
                return bounded(number)
        return self.default


class Argument(NamedTuple):
    """The size of a variable's value, or of a part of it, as `Quantity` defines it; 0 if it is missing.

    For `item`, a value that is not a list counts as a list of one.
    """

    name: str
    path: tuple[str, ...]
    unit: Quantity

    def __call__(self, variables: Variables) -> float:
        """Returns the size."""
        value = variables.get(self.name)
        for key in self.path:
            value = value.get(key) if isinstance(value, dict) else None
        return quantity(value, self.unit)


class Included(NamedTuple):
    """Whether a variable includes (`@include`) or skips (`@skip`) a selection."""

    name: str
    included: bool

    def __call__(self, variables: Variables) -> float:
        """Returns 1.0 or 0.0."""
        return float(variables.get(self.name, self.included) is self.included)


Factor = PageSize | Argument | Included
Size = float | Factor


class CostTerm(NamedTuple):
    """Product of `times`, the factors, and the value of the step with this number; step 0 is 1."""

    factors: tuple[Factor, ...]
    times: float
    step: int = 0


@dataclass(slots=True)
class Sum:
    """Cost of a selection: a constant plus terms that depend on variables."""

    constant: float = 0.0
    terms: list[CostTerm] = field(default_factory=list)

    def add(self, other: "Sum", size: Size = 1.0) -> None:
        """Add another sum, `size` times."""
        if isinstance(size, Factor):
            if other.constant:
                self.terms.append(CostTerm((size,), other.constant))
            self.terms += [CostTerm((size, *term.factors), term.times, term.step) for term in other.terms]
        elif size:
            self.constant += size * other.constant
            self.terms += [CostTerm(term.factors, size * term.times, term.step) for term in other.terms]

    def of(self, variables: Variables, steps: list[float]) -> float:
        """Evaluate the sum with these variables and the values of the preceding steps."""
        total = self.constant
        for factors, times, step in self.terms:
            product = times * steps[step]
            for factor in factors:
                product *= factor(variables)
            total += product
        return total


def quantity(value: object, unit: Quantity) -> float:
    """Returns the number of items or words of a value, or 1.0 if only its presence counts; 0.0 for None."""
    if value is None:
        return 0.0
    if unit == "word":  # longer texts are rejected when the field is resolved
        return float(min(len(set(fold(value[:MAX_TEXT_CHARS]).split())), MAX_WORDS)) if isinstance(value, str) else 1.0
    if unit == "character":
        return float(min(len(value), MAX_CHARACTERS)) if isinstance(value, str) else 1.0
    if unit == "item" and isinstance(value, list):
        return float(len(value))
    return 1.0


def bounded(number: object) -> float:
    """Returns a requested number of items within the limits; the default if it is not a number."""
    return float(min(max(number, 0), MAX_ITEMS)) if isinstance(number, int | float) else float(DEFAULT_ITEMS)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation. The last step is the operation; those before it are fragments that it spreads."""

    steps: tuple[Sum, ...]
    defaults: Variables

    @property
    def pages(self) -> list[PageSize]:
        """The distinct pages of the operation; those of fragments come last."""
        terms = [term for step in reversed(self.steps) for term in step.terms]
        return list(dict.fromkeys(factor for term in terms for factor in term.factors if isinstance(factor, PageSize)))

    def with_pages(self, sizes: Mapping[PageSize, float]) -> "Cost":
        """Returns the cost with other sizes of some pages."""

        def resized(term: CostTerm) -> CostTerm:
            factors = [
                PageSize((), sizes[factor]) if isinstance(factor, PageSize) and factor in sizes else factor
                for factor in term.factors
            ]
            return term._replace(factors=tuple(factors))

        return replace(self, steps=tuple(Sum(step.constant, list(map(resized, step.terms))) for step in self.steps))

    def values(self, variables: Variables | None) -> Variables:
        """Returns the variables that the client sent, and the defaults of the others."""
        return self.defaults if not variables else {**self.defaults, **variables}

    def of(self, variables: Variables | None) -> int:
        """Evaluate the cost with the variables that the client sent."""
        values = self.values(variables)
        step_values = [1.0]
        for step in self.steps:
            step_values.append(step.of(values, step_values))
        return round(step_values[-1]) if step_values[-1] < MAX_COST else MAX_COST


def page_size(arguments: Arguments, default: float, field: str) -> PageSize:
    """Returns the page size that these arguments of a field request."""
    values = [arguments[name] for name in ("first", "last") if name in arguments]
    variables: list[str] = []
    for value in values:
        if isinstance(value, VariableNode):
            variables.append(value.name.value)
        elif isinstance(value, IntValueNode):
            default = bounded(literal(value))
            break
    return PageSize(tuple(variables), default, field)


def argument(arguments: Arguments, path: str, unit: Quantity) -> Size:
    """Returns the size of an argument, or of a part of an input object, given as a literal or a variable."""
    name, *rest = path.split(".")
    value = arguments.get(name)
    while isinstance(value, ObjectValueNode) and rest:
        key = rest.pop(0)
        value = next((entry.value for entry in value.fields if entry.name.value == key), None)
    if isinstance(value, VariableNode):
        return Argument(value.name.value, tuple(rest), unit)
    return 0.0 if value is None or rest else quantity(literal(value), unit)


def literal(value: ValueNode) -> object:
    """Returns the value of a literal, as far as sizes depend on it."""
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 10 else MAX_ITEMS
    if isinstance(value, BooleanValueNode | StringValueNode | EnumValueNode):
        return value.value
    if isinstance(value, ObjectValueNode):
        return {entry.name.value: literal(entry.value) for entry in value.fields}
    return list(map(literal, value.values)) if isinstance(value, ListValueNode) else None


def included(directives: tuple[DirectiveNode, ...]) -> Size:
    """Returns how often a selection with these directives counts: 1, 0, or a factor that depends on a variable."""
    size: Size = 1.0
    for directive in directives:
        is_include = directive.name.value == "include"
        if not is_include and directive.name.value != "skip":
            continue
        condition = next(
            (argument.value for argument in directive.arguments or () if argument.name.value == "if"), None
        )
        if isinstance(condition, BooleanValueNode) and condition.value is not is_include:
            return 0.0
        if isinstance(condition, VariableNode):
            size = Included(condition.name.value, is_include)
    return size
