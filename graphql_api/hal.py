"""HAL documents read tolerantly: links as paths, embedded lists by shape, pages.

No I/O, and nothing here raises on a document that lacks something: what is not there is None, empty or refused.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

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
    """The `href` of a link relation, of the first link where there are several; None where there is none."""
    links = document.get("_links")
    link = links.get(rel) if isinstance(links, Mapping) else None
    if isinstance(link, list):
        link = link[0] if link else None
    return link.get("href") if isinstance(link, Mapping) else None


def items(document: Document) -> list[Document]:
    """The embedded list, found by its shape: Spring names it after a class that may change. Empty where there is none."""
    embedded = document.get("_embedded")
    lists = embedded.values() if isinstance(embedded, Mapping) else [embedded]
    return max(map(parts, lists), key=len, default=[])


def parts(value: object) -> list[Document]:
    """The objects of a list, without whatever else stands in it; empty for what is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []  # as JSON is parsed


class Page(NamedTuple):
    """How many items the first page of a list holds, how many the whole list has, and the page's number where it is told."""

    size: int
    total: int
    number: int | None = None


def page(document: Document) -> Page:
    """The `page` object of a list; a list without one is its own and only page."""
    told = _page(document)
    here = len(items(document))
    size = _count(told.get("size"), here)
    total = _count(told.get("totalElements"), here)
    # A page that holds fewer than it says, though more follow, is as large as what it holds.
    return Page(
        here if 0 < here < min(size, total) else size,
        total,
        _count(told.get("number"), -1) if "number" in told else None,
    )


def tells_total(document: Document) -> bool:
    """Whether a list says how many items it has."""
    return _count(_page(document).get("totalElements"), -1) >= 0


def _page(document: Document) -> Mapping[str, Any]:
    found = document.get("page")
    return found if isinstance(found, Mapping) else {}


def _count(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise
