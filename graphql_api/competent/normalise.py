"""Normalises HAL documents of the Competent API, once, when they enter the store.

A normalised document is plain JSON with the names of the declarations: ids and codes checked, texts trimmed, single items wrapped
in lists, duplicates dropped. A key is present if upstream sent a value: `None` and `[]` mean empty, whereas a key missing from an
embedded concept may be present in its whole document. Code that reads normalised documents need not check them.

- A concept: `{"id", "code", …}`, with embedded concepts in the same form.
- A list: `{"items": [concept, …], "size", "total", "number", "more", "releases": [number, …]}`; `total` and `number` are None if
  upstream does not state them; `more` is whether it links to a next page.
- A release, alone or in the list of releases: `{"releases": [number, …], "confirmed", "current", "publishedOn", "source"}`.
- A page of search hits: a list of profiles, each with `releases`.
"""

import hashlib
from functools import cache

from graphql_api.competent import declarations, hal, routes, values
from graphql_api.competent.concept_reader import ALWAYS_DECLARED, Notes, first, reader
from graphql_api.competent.declarations import Concepts, Plain, Terms, Value
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.competent.routes import CURRENT, Route

VERSION = 2
"""Increase it when the shape of normalised documents changes; `FORMAT` detects changes of the declarations by itself."""
EMPTY_LIST: Document = {"items": [], "size": 0, "total": None, "number": None, "more": False, "releases": []}
"""An empty normalised list."""
NO_RELEASE: Document = {"releases": [], "confirmed": False, "current": False, "publishedOn": None, "source": None}
"""A normalised release without any values."""

_DAYS = ("publicationDate", "publishedOn", "lastPublished")
_CURRENT = ("current", "isCurrent")
_NUMBERS = ("number", "releaseNumber")
_RELEASE_KEYS = ALWAYS_DECLARED.union(_DAYS, _CURRENT, _NUMBERS, ("source",))
_LIST_KEYS = ALWAYS_DECLARED.union(_NUMBERS, ("page",))


def normalise(path: str, raw: Document, notes: Notes | None = None) -> JsonObject:
    """Normalise the HAL document at a path; `notes` collects what is left out.

    Returns an empty document for a path of no known route.
    """
    notes = notes or Notes()
    match = routes.route_of(path)
    if match is None:
        return {}
    if type_name := type_of_document(match.route):
        return reader(type_name, stored=False).read_complete(raw, notes)
    if match.route is routes.RELEASE:
        return _release(raw, notes)
    return _list(match.route, raw, notes)


def renormalise(path: str, stored: Document) -> JsonObject:
    """Normalise a document that was normalised before, possibly by other declarations, or corrupted since.

    Fields whose name or shape has changed are missing. A document normalised by the current declarations is unchanged.
    """
    match = routes.route_of(path)
    if match is None:
        return {}
    if type_name := type_of_document(match.route):
        return reader(type_name, stored=True).read(stored, Notes())
    if match.route is routes.RELEASE:
        return _stored_release(stored)
    return _stored_list(match.route, stored)


@cache
def type_of_document(route: Route) -> str | None:
    """The concept type of the documents of a route; None if its documents are not concepts."""
    return next((type.name for type in declarations.CONCEPT_TYPES if type.route == route), None)


def item_type(route: Route) -> str:
    """The concept type of the items of a list."""
    if route in (routes.USED_IN_PROFILES, routes.SEARCH):
        return declarations.OCCUPATIONAL_PROFILE.name
    return next(type.name for type in declarations.CONCEPT_TYPES if type.collection == route)  # each has one type


def _list(route: Route, raw: Document, notes: Notes) -> JsonObject:
    items = hal.items(raw)
    size, total, number = hal.page(raw)
    notes.check_keys("List", raw, _LIST_KEYS)
    return {
        "items": [item for raw_item in items for item in _items(route, raw_item, notes)],
        "size": size,
        "total": total if hal.tells_total(raw) else None,
        "number": number,
        "more": hal.href(raw, "next") is not None,
        "releases": hal.release_numbers(raw),
    }


def _items(route: Route, raw: Document, notes: Notes) -> list[JsonObject]:
    if route is routes.RELEASES:
        return [_release(raw, notes)]
    read = reader(item_type(route), stored=False).read
    if route is not routes.SEARCH:
        return [read(raw, notes)]
    hits = hal.parts(raw.get("document"))
    return [read(hit, Notes()) | {"releases": hal.release_numbers(hit)} for hit in hits]


def _stored_list(route: Route, stored: Document) -> JsonObject:
    read = None if route is routes.RELEASES else reader(item_type(route), stored=True).read
    items = []
    for item in hal.parts(stored.get("items")):
        items.append(read(item, Notes()) if read else _stored_release(item))
        if route is routes.SEARCH:
            items[-1]["releases"] = _stored_releases(item)
    size, total, number = (hal.count(stored.get(key)) for key in ("size", "total", "number"))
    more = stored.get("more") is True
    return {
        "items": items,
        "size": size or 0,
        "total": total,
        "number": number,
        "more": more,
        "releases": _stored_releases(stored),
    }


def _release(raw: Document, notes: Notes) -> JsonObject:
    link = hal.parse_link(hal.href(raw, "self"))
    notes.check_keys("Release", raw, _RELEASE_KEYS)
    return {
        "releases": hal.release_numbers(raw),
        # Its number and its link agree, so it can also be stored under that number.
        "confirmed": link is not None and not link.rest and link.release == raw.get("number") != CURRENT,
        "current": any(raw.get(key) is True for key in _CURRENT),
        "publishedOn": values.day(first(raw, _DAYS)),
        "source": values.plain(raw.get("source")),
    }


def _stored_release(stored: Document) -> JsonObject:
    releases = _stored_releases(stored)
    return {
        "releases": releases,
        "confirmed": bool(releases) and stored.get("confirmed") is True,
        "current": stored.get("current") is True,
        "publishedOn": values.day(stored.get("publishedOn")),
        "source": values.plain(stored.get("source")),
    }


def _stored_releases(stored: Document) -> list[str]:
    return list(filter(hal.is_numbered, values.strings(stored.get("releases"))))


def _digest() -> str:
    shape = [
        (type.name, [(field.name, field.hal_keys, _shape(field.value)) for field in type.fields])
        for type in declarations.CONCEPT_TYPES
    ]
    return hashlib.blake2s(repr((VERSION, shape)).encode(), digest_size=6).hexdigest()


def _shape(value: Value) -> tuple[str, ...]:
    match value:
        case Plain(conversion):
            return ("plain", conversion)
        case Terms():
            return ("terms",)
        case Concepts(type_name, _, single, flat_key=flat_key):
            return ("concept" if single else "concepts", type_name, flat_key)


FORMAT = _digest()
"""Identifies the shape of normalised documents. A stored document with another format is normalised again."""
