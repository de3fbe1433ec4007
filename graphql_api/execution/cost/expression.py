"""Costs as figures: a constant, and products of what variables say. Nothing here knows GraphQL documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql_api.index.query_expansion import MOST_WORDS
from graphql_api.index.tokenizer import MOST_LETTERS, fold
from graphql_api.schema.types.relay import DEFAULT, MOST
from graphql_api.schema.types.resolver_cost import Each

BEYOND = 10**15
"""Costs are not counted further than this."""

Variables = Mapping[str, Any]


class Page(NamedTuple):
    """How many items a page has that is asked for with `first` or `last`, of which some are variables."""

    asked: tuple[str, ...]
    default: float

    def __call__(self, variables: Variables) -> float:
        """The size of the page; what is no number of items is refused when the field is resolved."""
        return next(
            (bounded(number) for name in self.asked if (number := variables.get(name)) is not None), self.default
        )


class Argument(NamedTuple):
    """A quantity of the value that a variable gives to an argument, or to a part of one; nothing if it gives none.

    For `item` a value without its list counts as a list of one.
    """

    name: str
    path: tuple[str, ...]
    each: Each

    def __call__(self, variables: Variables) -> float:
        """The quantity."""
        value = variables.get(self.name)
        for key in self.path:
            value = value.get(key) if isinstance(value, dict) else None
        return quantity(value, self.each)


class Included(NamedTuple):
    """Whether a variable lets a selection in (`@include`) or leaves it out (`@skip`)."""

    name: str
    wanted: bool

    def __call__(self, variables: Variables) -> float:
        """One or nothing."""
        return float(variables.get(self.name, self.wanted) is self.wanted)


Factor = Page | Argument | Included
Size = float | Factor


class Term(NamedTuple):
    """`times` the factors, times the sum of the step of this number; step 0 is 1."""

    factors: tuple[Factor, ...]
    times: float
    step: int = 0


@dataclass(slots=True)
class Sum:
    """What a selection costs: a constant, and what depends on variables."""

    constant: float = 0.0
    terms: list[Term] = field(default_factory=list)

    def add(self, other: "Sum", size: Size = 1.0) -> None:
        """Add another, `size` times."""
        if isinstance(size, Factor):
            if other.constant:
                self.terms.append(Term((size,), other.constant))
            self.terms += [Term((size, *each.factors), each.times, each.step) for each in other.terms]
        elif size:
            self.constant += size * other.constant
            self.terms += [Term(each.factors, size * each.times, each.step) for each in other.terms]

    def of(self, variables: Variables, steps: list[float]) -> float:
        """The figure, with the figures of the steps before."""
        total = self.constant
        for factors, times, step in self.terms:
            product = times * steps[step]
            for factor in factors:
                product *= factor(variables)
            total += product
        return total


def quantity(value: Any, each: Each) -> float:
    """How many items or words a value has, or whether there is one at all."""
    if value is None:
        return 0.0
    if each == "word":  # a longer text is refused when the field is resolved
        return float(min(len(set(fold(value[:MOST_LETTERS]).split())), MOST_WORDS)) if isinstance(value, str) else 1.0
    if each == "item" and isinstance(value, list):
        return float(len(value))
    return 1.0


def bounded(number: Any) -> float:
    """A number of items as it can be asked for; the default where it is none."""
    return float(min(max(number, 0), MOST)) if isinstance(number, int | float) else float(DEFAULT)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation. The last of the steps is the operation; those before it are fragments that it spreads."""

    steps: tuple[Sum, ...]
    defaults: Variables

    def of(self, variables: Variables | None) -> int:
        """The cost with these variables, as the client sent them."""
        given = self.defaults if not variables else {**self.defaults, **variables}
        figures = [1.0]
        for step in self.steps:
            figures.append(step.of(given, figures))
        return round(figures[-1]) if figures[-1] < BEYOND else BEYOND
