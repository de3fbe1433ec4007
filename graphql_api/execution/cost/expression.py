"""Cost expressions: a constant plus products of factors that depend on variables. Independent of GraphQL documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql_api.index.query_expansion import MOST_WORDS
from graphql_api.index.tokenizer import MOST_LETTERS, fold
from graphql_api.schema.types.relay import DEFAULT_ITEMS, MAX_ITEMS
from graphql_api.schema.types.resolver_cost import Quantity

BEYOND = 10**15
"""Maximum cost; larger costs are reported as this."""

Variables = Mapping[str, Any]


class Page(NamedTuple):
    """Page size requested by `first` or `last`, if some of them are variables."""

    asked: tuple[str, ...]
    default: float

    def __call__(self, variables: Variables) -> float:
        """Returns the page size; invalid values are rejected later, when the field is resolved."""
        return next(
            (bounded(number) for name in self.asked if (number := variables.get(name)) is not None), self.default
        )


class Argument(NamedTuple):
    """The size of a variable's value, or of a part of it, as `Quantity` defines it; 0 if it is missing.

    For `item`, a value that is not a list counts as a list of one.
    """

    name: str
    path: tuple[str, ...]
    each: Quantity

    def __call__(self, variables: Variables) -> float:
        """Returns the size."""
        value = variables.get(self.name)
        for key in self.path:
            value = value.get(key) if isinstance(value, dict) else None
        return quantity(value, self.each)


class Included(NamedTuple):
    """Whether a variable includes (`@include`) or skips (`@skip`) a selection."""

    name: str
    wanted: bool

    def __call__(self, variables: Variables) -> float:
        """Returns 1.0 or 0.0."""
        return float(variables.get(self.name, self.wanted) is self.wanted)


Factor = Page | Argument | Included
Size = float | Factor


class Term(NamedTuple):
    """Product of `times`, the factors, and the value of the step with this number; step 0 is 1."""

    factors: tuple[Factor, ...]
    times: float
    step: int = 0


@dataclass(slots=True)
class Sum:
    """Cost of a selection: a constant plus terms that depend on variables."""

    constant: float = 0.0
    terms: list[Term] = field(default_factory=list)

    def add(self, other: "Sum", size: Size = 1.0) -> None:
        """Add another sum, `size` times."""
        if isinstance(size, Factor):
            if other.constant:
                self.terms.append(Term((size,), other.constant))
            self.terms += [Term((size, *each.factors), each.times, each.step) for each in other.terms]
        elif size:
            self.constant += size * other.constant
            self.terms += [Term(each.factors, size * each.times, each.step) for each in other.terms]

    def of(self, variables: Variables, steps: list[float]) -> float:
        """Evaluate the sum with these variables and the values of the preceding steps."""
        total = self.constant
        for factors, times, step in self.terms:
            product = times * steps[step]
            for factor in factors:
                product *= factor(variables)
            total += product
        return total


def quantity(value: Any, each: Quantity) -> float:
    """Returns the number of items or words of a value, or 1.0 if only its presence counts; 0.0 for None."""
    if value is None:
        return 0.0
    if each == "word":  # longer texts are rejected when the field is resolved
        return float(min(len(set(fold(value[:MOST_LETTERS]).split())), MOST_WORDS)) if isinstance(value, str) else 1.0
    if each == "item" and isinstance(value, list):
        return float(len(value))
    return 1.0


def bounded(number: Any) -> float:
    """Returns a requested number of items within the limits; the default if it is not a number."""
    return float(min(max(number, 0), MAX_ITEMS)) if isinstance(number, int | float) else float(DEFAULT_ITEMS)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation. The last step is the operation; those before it are fragments that it spreads."""

    steps: tuple[Sum, ...]
    defaults: Variables

    def of(self, variables: Variables | None) -> int:
        """Evaluate the cost with the variables that the client sent."""
        given = self.defaults if not variables else {**self.defaults, **variables}
        figures = [1.0]
        for step in self.steps:
            figures.append(step.of(given, figures))
        return round(figures[-1]) if figures[-1] < BEYOND else BEYOND
