"""Tolerant reading of HAL documents: links, embedded lists and pages.

No I/O. Functions never raise on incomplete documents: missing values are None or empty.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from graphql_api.competent.routes import CURRENT

Document = Mapping[str, Any]
"""A parsed document, HAL or normalised, or a part of one. Do not modify it: requests share it."""
JsonObject = dict[str, Any]
"""A JSON object that its owner may modify: just parsed, or being made."""

_PATH = re.compile(r"(?:^|/)releases/(?P<release>[^/?#{]+)(?P<rest>(?:/[A-Za-z0-9_-]+)*)/?(?:[?#{].*)?$", re.DOTALL)
_RELEASE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*(?:\.[0-9A-Za-z_-]+)*")


def is_release(text: str) -> bool:
    """Whether a text is valid as a release in a path: a number such as `3.11`, or `current`."""
    return len(text) <= 32 and _RELEASE.fullmatch(text) is not None


def is_numbered(release: str) -> bool:
    """Whether a text is valid as the number of a release: as `is_release`, but not `current`."""
    return release != CURRENT and is_release(release)


class Link(NamedTuple):
    """A parsed link: its release, and the rest of its path, as in `/technicalcompetences/<uuid>`."""

    release: str
    rest: str


def parse_link(href: object) -> Link | None:
    """Parse a link from `/releases` on; None if it is not a plain path below a release.

    Competent's links name an internal host, so scheme, host and everything before `/releases` are dropped. Links with percent
    signs, dot segments or other ways out of the path do not match.
    """
    if not isinstance(href, str) or len(href) > 1000:
        return None
    match = _PATH.search(href)
    if match is None or not is_release(match["release"]):
        return None
    return Link(match["release"], match["rest"])


@lru_cache(maxsize=64)
def is_release_path(href: str) -> bool:
    """Whether links that begin with `href` are below a release: the part that all links of a release share, parsed once."""
    link = parse_link(href)
    return link is not None and not link.rest and href.endswith(link.release) and _ENDS.isdisjoint(href)


_ENDS = frozenset("?#{")
"""What ends the path of a link."""


def href(document: Document, rel: str) -> object:
    """The `href` of the first link with a relation; None if there is no such link."""
    links = document.get("_links")
    for link in as_list(links.get(rel)) if isinstance(links, dict) else ():
        if isinstance(link, dict) and link.get("href") is not None:
            return link["href"]
    return None


def items(document: Document) -> list[Document]:
    """The items of the embedded list, empty if there is none. Found by shape, since Spring names it after a class.

    The longest list wins. A single object counts as a list of one, as HAL allows, if it is a resource and no list has items.
    """
    embedded = document.get("_embedded")
    if not isinstance(embedded, dict) or _is_resource(embedded):
        return parts(embedded)
    lists = [parts(value) for value in embedded.values() if isinstance(value, list)]
    single: list[list[Document]] = [
        [value] for value in embedded.values() if isinstance(value, dict) and _is_resource(value)
    ]
    return max(lists + single, key=len, default=[])


def _is_resource(value: Document) -> bool:
    """Whether an object is a list item, rather than a map of lists or other embedded data."""
    return isinstance(value.get("id"), str) or not _RESOURCE.isdisjoint(value)


_RESOURCE = frozenset({"_links", "number", "document"})
"""Keys that identify items without an id: any resource, a release, a search hit."""


def as_list(value: object) -> list[Any]:
    """A value as a list: HAL allows a list of one to be sent as its only item. Empty for null and for an empty object."""
    if isinstance(value, list):
        return value
    return [] if value is None or value == {} else [value]


def parts(value: object) -> list[Document]:
    """The objects in a list, or a single object as a list; other values are left out."""
    return [item for item in as_list(value) if isinstance(item, dict)]  # objects of parsed JSON are dicts


class Page(NamedTuple):
    """The number of items of a full page and of the whole list, and the page's number if upstream gives it."""

    size: int
    total: int
    number: int | None = None


def page(document: Document) -> Page:
    """Read the `page` object of a list; a list without one is a single page."""
    stated = _page(document)
    here = len(items(document))
    size, total, number = (count(stated.get(key)) for key in ("size", "totalElements", "number"))
    size, total = (here if number is None else number for number in (size, total))
    # If a page has fewer items than its stated size though more follow, the actual number is the page size.
    return Page(here if 0 < here < min(size, total) else size, total, number)


def tells_total(document: Document) -> bool:
    """Whether a list states its total number of items."""
    return count(_page(document).get("totalElements")) is not None


def _page(document: Document) -> Document:
    stated = document.get("page")
    return stated if isinstance(stated, dict) else {}


def count(value: object) -> int | None:
    """A non-negative integer; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def release_numbers(document: Document) -> list[str]:
    """The release numbers that a document names: in its own keys, then in its own link or those of its items."""
    links = (parse_link(href(resource, "self")) for resource in (document, *items(document)))
    numbers = [
        document.get("number", document.get("releaseNumber")),
        next((link.release for link in links if link is not None and link.release != CURRENT), None),
    ]
    return list(dict.fromkeys(number for number in numbers if isinstance(number, str) and is_numbered(number)))
