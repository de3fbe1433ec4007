"""HAL documents read tolerantly: links as paths, embedded lists by shape, pages.

No I/O, and nothing here raises on a document that lacks something: what is not there is None, empty or refused.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql_api.competent.routes import CURRENT

Document = Mapping[str, Any]
"""A parsed HAL document, or a part embedded in one. Never changed after it was parsed: many requests share it."""

_PATH = re.compile(r"(?:^|/)releases/(?P<release>[^/?#{]+)(?P<rest>(?:/[A-Za-z0-9_-]+)*)/?(?:[?#{].*)?$", re.DOTALL)
_RELEASE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*(?:\.[0-9A-Za-z_-]+)*")


def is_release(text: str) -> bool:
    """True for what can stand as a release in a path: a number such as `3.11`, or `current`."""
    return len(text) <= 32 and _RELEASE.fullmatch(text) is not None


class Link(NamedTuple):
    """A followed link: the release that it names and what stands after it, as in `/technicalcompetences/<uuid>`."""

    release: str
    rest: str


def parse_link(href: object) -> Link | None:
    """Take a link apart from `/releases` on; None for anything that is not a plain path below a release.

    Competent's links name an internal host, so host, scheme and all that stands before `/releases` are dropped.
    Percent signs, dots as segments and other ways out of the path do not match and give None.
    """
    if not isinstance(href, str) or len(href) > 1000:
        return None
    match = _PATH.search(href)
    if match is None or not is_release(match["release"]):
        return None
    return Link(match["release"], match["rest"])


def href(document: Document, rel: str) -> object:
    """The `href` of a link relation, of the first link if there are several; None if there is none."""
    links = document.get("_links")
    for link in as_list(links.get(rel)) if isinstance(links, Mapping) else ():
        if isinstance(link, Mapping) and link.get("href") is not None:
            return link["href"]
    return None


def items(document: Document) -> list[Document]:
    """The embedded list, found by its shape: Spring names it after a class that may change. Empty if there is none.

    The longest list wins. A single object is taken, as HAL allows, if no list has items and the object is a resource.
    """
    embedded = document.get("_embedded")
    if not isinstance(embedded, Mapping) or _is_resource(embedded):
        return parts(embedded)
    lists = [parts(each) for each in embedded.values() if isinstance(each, list)]
    single: list[list[Document]] = [
        [each] for each in embedded.values() if isinstance(each, dict) and _is_resource(each)
    ]
    return max(lists + single, key=len, default=[])


def _is_resource(value: Mapping[str, Any]) -> bool:
    """Whether an object is an item of a list, and not a map of lists or something that is embedded besides."""
    return isinstance(value.get("id"), str) or not _RESOURCE.isdisjoint(value)


_RESOURCE = frozenset({"_links", "number", "document"})
"""Keys of items that may have no id: any resource, a release, a hit of the search."""


def as_list(value: object) -> list[Any]:
    """A value that may be a list or, as HAL allows, its only item; empty for null and for an empty object."""
    if isinstance(value, list):
        return value
    return [] if value is None or value == {} else [value]


def parts(value: object) -> list[Document]:
    """The objects of a list, or a single object, without whatever else stands there."""
    return [each for each in as_list(value) if isinstance(each, dict)]  # as JSON is parsed


class Page(NamedTuple):
    """How many items the first page of a list holds, how many the whole list has, and the page's number where it is told."""

    size: int
    total: int
    number: int | None = None


def page(document: Document) -> Page:
    """The `page` object of a list; a list without one is its own and only page."""
    told = _page(document)
    here = len(items(document))
    size, total, number = (count(told.get(key)) for key in ("size", "totalElements", "number"))
    size, total = (here if each is None else each for each in (size, total))
    # A page that holds fewer than it says, though more follow, is as large as what it holds.
    return Page(
        here if 0 < here < min(size, total) else size,
        total,
        number,
    )


def tells_total(document: Document) -> bool:
    """Whether a list says how many items it has."""
    return count(_page(document).get("totalElements")) is not None


def _page(document: Document) -> Mapping[str, Any]:
    found = document.get("page")
    return found if isinstance(found, Mapping) else {}


def count(value: object) -> int | None:
    """A number of things; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def release_numbers(document: Document) -> list[str]:
    """The numbers that a document gives to its release: by its own keys, then by its own link or those of its items."""
    links = (parse_link(href(each, "self")) for each in (document, *items(document)))
    found = [
        document.get("number", document.get("releaseNumber")),
        next((link.release for link in links if link is not None and link.release != CURRENT), None),
    ]
    usable = (each for each in found if isinstance(each, str) and is_release(each) and each != CURRENT)
    return list(dict.fromkeys(usable))
