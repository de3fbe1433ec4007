"""The cost of a resolver beyond the values it returns, declared with its field and summed up by `graphql_api.execution.cost`.

A unit is about ten microseconds: one value, one id parsed, one document looked up, 200 steps of SQLite (about 20 rows), or 50
words compared. Figures were measured on the index of a release of 650 profiles, with the most expensive arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Quantity = Literal["given", "item", "word", "character"]


class Per(NamedTuple):
    """Units per argument: once if it is `given`, per `item` of its list, or per `word` or `character` of its text.

    An argument inside an input object is named by its path, such as `filter.text`.
    """

    argument: str
    units: float
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Work:
    """Units of one call.

    `base` is the mean over all concepts that it may be called on; `more` is what the largest of them adds. `item` is per item of
    the page; `more_items` is what the items of one page may add in total. `items_of` names the argument whose list determines the
    length of the returned list, for a field with one item per id.
    """

    base: float = 0.0
    more: float = 0.0
    item: float = 1.0
    more_items: float = 0.0
    arguments: tuple[Per, ...] = field(default=())
    items_of: str = ""

    @property
    def metadata(self) -> Mapping[str, "Work"]:
        """Returns the metadata for the declaration of a field."""
        return {"work": self}


NO_WORK = Work()
