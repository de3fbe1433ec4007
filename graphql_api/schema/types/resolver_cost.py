"""How much a resolver works beside the values of its answer, declared with its field; `graphql_api.execution.cost` adds it up.

A unit is about ten microseconds: one value, one id read, one document looked up, 200 steps of SQLite (some 20 rows), 50 words
compared. The figures were measured over the index of a release of 650 profiles, on the arguments for which it does most.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Each = Literal["given", "item", "word"]


class Per(NamedTuple):
    """Units for an argument: once if it is `given`, for each `item` of its list, or for each `word` of its text.

    An argument inside an input object is named by its path, as `filter.text`.
    """

    argument: str
    units: float
    each: Each


@dataclass(frozen=True, slots=True)
class Work:
    """Units of one call.

    `base` is the mean over the things that it may be asked about, and `more` what the largest of them takes beyond that.
    `item` is for each item of its page, `more_items` what the items of one page may take beyond that in all.
    `items_of` names the argument whose list its own list is as long as, for a field with one item for each id.
    """

    base: float = 0.0
    more: float = 0.0
    item: float = 1.0
    more_items: float = 0.0
    arguments: tuple[Per, ...] = field(default=())
    items_of: str = ""

    @property
    def metadata(self) -> Mapping[str, "Work"]:
        """For the declaration of a field."""
        return {"work": self}


NO_WORK = Work()

CACHEABLE: Mapping[str, bool] = {"cacheable": True}
"""Metadata of a field whose value depends on nothing but the release and its arguments, so that it may be cached by them."""
