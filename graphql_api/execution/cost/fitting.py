"""Finds the page size with which an operation that is too expensive would fit into the limit."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import NamedTuple

from graphql_api.execution.cost.expression import Cost, PageSize, Variables

MAX_CANDIDATES = 8
"""Maximum number of pages that are tried one by one, the largest first: each takes up to nine evaluations of the cost."""


class Fit(NamedTuple):
    """The largest `first` that fits, for one field or, without a field, as the maximum of all pages."""

    first: int
    field: str = ""


def fit(cost: Cost, variables: Variables | None, limit: int) -> Fit | None:
    """Returns a smaller page of one field, as much of it as possible, or of all fields; None if even single items exceed."""
    values = cost.values(variables)
    sizes = {page: page(values) for page in cost.pages}
    largest = sorted((page for page in sizes if sizes[page] > 1), key=lambda page: -sizes[page])[:MAX_CANDIDATES]
    fits = {
        page: _largest(_resized(cost, variables, {page: size}), limit)
        for page, size in sizes.items()
        if page in largest
    }
    best = max(largest, key=lambda page: fits[page] / sizes[page], default=None)
    if best is not None and fits[best]:
        return Fit(fits[best], best.field)
    first = _largest(_resized(cost, variables, sizes), limit)
    return Fit(first) if first else None


def _resized(
    cost: Cost, variables: Variables | None, sizes: Mapping[PageSize, float]
) -> tuple[Callable[[int], int], int]:
    def with_at_most(first: int) -> int:
        return cost.with_pages({page: min(size, first) for page, size in sizes.items()}).of(variables)

    return with_at_most, round(max(sizes.values(), default=0))


def _largest(resized: tuple[Callable[[int], int], int], limit: int) -> int:
    """Returns the largest page size below the present one for which the cost is within the limit; 0 if there is none."""
    cost_with, size = resized
    return bisect_right(range(1, size), limit, key=cost_with)
