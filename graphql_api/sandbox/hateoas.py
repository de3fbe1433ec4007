"""Pagination as in Spring HATEOAS: pages count from 0 and link to each other.

A page beyond the last is empty, not an error. A size above the maximum is reduced to it, which the response shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from graphql_api.sandbox.serializers import INTERNAL

DEFAULT_SIZE = 20
MAXIMUM_SIZE = 2000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page of a list: its number, from 0, and its size."""

    number: int
    size: int

    @property
    def start(self) -> int:
        return self.number * self.size

    def totals(self, total: int) -> dict[str, int]:
        """The `page` object of the response, for a list of `total` items."""
        return {"size": self.size, "totalElements": total, "totalPages": -(-total // self.size), "number": self.number}

    def links(self, path: str, query: Mapping[str, str], total: int) -> dict[str, object]:
        """The `_links` of the response: first, self, last and, if they exist, prev and next."""
        last = max(0, -(-total // self.size) - 1)
        numbers = {
            "first": 0,
            "prev": self.number - 1 if self.number > 0 else None,
            "self": self.number,
            "next": self.number + 1 if self.number < last else None,
            "last": last,
        }
        return {
            name: link(path, {**query, "page": str(number), "size": str(self.size)})
            for name, number in numbers.items()
            if number is not None
        }


def requested_page(query: Mapping[str, str]) -> PageRequest:
    """The page that a query string requests. Raises ValueError if number or size is invalid."""
    number, size = query.get("page", "0"), query.get("size", str(DEFAULT_SIZE))
    if not (_is_count(number) and _is_count(size) and int(size)):
        raise ValueError("page must be 0 or more, size 1 or more")
    return PageRequest(int(number), min(int(size), MAXIMUM_SIZE))


def listing(name: str, items: list[bytes], links: Mapping[str, object], page: Mapping[str, int] | None = None) -> bytes:
    """A list document as JSON, without `_embedded` if it is empty."""
    body: dict[str, object] = {"_embedded": {name: [orjson.Fragment(item) for item in items]}} if items else {}
    body["_links"] = links
    if page is not None:
        body["page"] = page
    return orjson.dumps(body)


def link(path: str, query: Mapping[str, str] | None = None) -> dict[str, str]:
    """A HAL link to a path of the service, on the host that is reachable only inside VDAB."""
    return {"href": f"{INTERNAL}{path}?{urlencode(query)}" if query else INTERNAL + path}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
