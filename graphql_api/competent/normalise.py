"""HAL documents of the Competent API as normalised documents: checked once, when they enter the store.

A normalised document is plain JSON under the names of the declarations: ids and codes checked, texts trimmed, a single object of
a list as a list, duplicates dropped. A key is there if upstream said something: `None` and `[]` are known to be empty, and a
missing key of an embedded concept may stand in its whole document. What reads it checks nothing again.

- A concept: `{"id", "code", …}`, with embedded concepts in the same form.
- A list: `{"items": [concept, …], "size", "total", "number", "more", "releases": [number, …]}`; `total` and `number` are None if
  upstream does not say, `more` says whether it links to a next page.
- A release, also as an item of the list of releases: `{"releases": [number, …], "confirmed", "current", "publishedOn"}`.
- A page of search hits: a list of profiles, each with `releases`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql_api.competent import declarations, hal, routes, values
from graphql_api.competent.declarations import Concepts, ConceptType, Plain, Terms, Value
from graphql_api.competent.hal import Document
from graphql_api.competent.routes import CURRENT, Route

VERSION = 1
"""Changes with the shape of normalised documents; changes of the declarations are seen by themselves (`FORMAT`)."""

_KNOWN_ALWAYS = {"id", *declarations.IGNORED_KEYS}
_EMBEDDED = "_embedded"
_DAYS = ("publicationDate", "publishedOn", "lastPublished")
_CURRENT = ("current", "isCurrent")

Convert = Callable[[Any, "Notes"], Any]


@dataclass(slots=True)
class Notes:
    """What normalising left out: keys that no declaration names, as `Type.key`, and own links that lead elsewhere."""

    unknown: Counter[str] = field(default_factory=Counter)
    links_refused: int = 0


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the documents of one concept type are read."""

    type: ConceptType
    fields: tuple[tuple[str, tuple[str, ...], Convert], ...]
    """Name, keys of a HAL document, conversion."""
    known: frozenset[str]

    def read(self, raw: Document, notes: Notes) -> dict[str, Any]:
        """The concept of a HAL document or of a part of one; without `id` if it has none that is a uuid."""
        document: dict[str, Any] = {}
        if (uuid := values.uuid(raw.get("id"))) is not None:
            document["id"] = uuid
            self._check_link(raw, uuid, notes)
        for name, keys, convert in self.fields:
            value = _first(raw, keys)
            if value is not None:
                document[name] = convert(value, notes)
        if not self.known.issuperset(raw):
            notes.unknown.update(f"{self.type.name}.{key}" for key in raw if key not in self.known)
        return document

    def _check_link(self, raw: Document, uuid: str, notes: Notes) -> None:
        # The path of a whole document is known by its route, so a link can only confirm it: none leads anywhere else.
        href = hal.href(raw, "self") if self.type.route is not None and "_links" in raw else None
        if href is not None and self.type.route is not None:
            link = hal.parse_link(href)
            if link is None or self.type.route.path("-", uuid) != f"/releases/-{link.rest.lower()}":
                notes.links_refused += 1


def _first(raw: Document, keys: tuple[str, ...]) -> Any:
    """The value under the first of these keys that has one, in the document itself or in what it embeds the HAL way."""
    for key in keys:
        if (value := raw.get(key)) is not None:
            return value
    embedded = raw.get(_EMBEDDED)
    return None if not isinstance(embedded, dict) else next((embedded[key] for key in keys if embedded.get(key)), None)


def _concepts(type_name: str) -> Callable[[Any, Notes], list[dict[str, Any]]]:
    def convert(value: Any, notes: Notes) -> list[dict[str, Any]]:
        read = _readers()[type_name].read
        found: dict[str, dict[str, Any]] = {}
        for each in hal.as_list(value):
            raw = {"id": each} if isinstance(each, str) else each  # some are only named by their id
            if isinstance(raw, dict) and (document := read(raw, notes)).get("id"):
                found.setdefault(document["id"], document)
        return list(found.values())

    return convert


def _conversion(value: Value) -> Convert:
    match value:
        case Plain(kind):
            function = getattr(values, kind)
            return lambda raw, notes: function(raw)
        case Terms():
            return lambda raw, notes: values.terms(raw)
        case Concepts(type_name, _, single):
            concepts = _concepts(type_name)
            return (lambda raw, notes: next(iter(concepts(raw, notes)), None)) if single else concepts


def _reader(type: ConceptType) -> _Reader:
    fields = tuple((each.name, each.hal_keys, _conversion(each.value)) for each in type.fields)
    return _Reader(type, fields, frozenset().union(_KNOWN_ALWAYS, *(keys for _, keys, _ in fields)))


_READERS: dict[str, _Reader] = {}


def _readers() -> dict[str, _Reader]:
    if not _READERS:
        _READERS.update((each.name, _reader(each)) for each in declarations.CONCEPT_TYPES)
    return _READERS


def normalise(path: str, raw: Document, notes: Notes | None = None) -> dict[str, Any]:
    """The normalised document of the HAL document at a path; `notes` collects what is left out.

    A path of no known route gives an empty document.
    """
    notes = notes or Notes()
    known = routes.route_of(path)
    if known is None:
        return {}
    if type := _type_at(known.route, whole=True):
        return _readers()[type].read(raw, notes)
    if known.route is routes.RELEASE:
        return _release(raw, notes)
    return _list(known.route, raw, notes)


def _type_at(route: Route, whole: bool) -> str | None:
    return next((t.name for t in declarations.CONCEPT_TYPES if (t.route if whole else t.collection) == route), None)


def _list(route: Route, raw: Document, notes: Notes) -> dict[str, Any]:
    items = hal.items(raw)
    size, total, number = hal.page(raw)
    return {
        "items": [item for each in items for item in _items(route, each, notes)],
        "size": size,
        "total": total if hal.tells_total(raw) else None,
        "number": number,
        "more": hal.href(raw, "next") is not None,
        "releases": hal.release_numbers(raw),
    }


def _items(route: Route, raw: Document, notes: Notes) -> list[dict[str, Any]]:
    if route is routes.RELEASES:
        return [_release(raw, notes)]
    if route is routes.SEARCH:
        hits = hal.parts(raw.get("document"))
        return [
            _readers()[declarations.OCCUPATIONAL_PROFILE.name].read(hit, Notes())
            | {"releases": hal.release_numbers(hit)}
            for hit in hits
        ]
    type = declarations.OCCUPATIONAL_PROFILE.name if route is routes.USED_IN_PROFILES else _type_at(route, whole=False)
    assert type is not None  # all other routes are lists of a type
    return [_readers()[type].read(raw, notes)]


def _release(raw: Document, notes: Notes) -> dict[str, Any]:
    numbers = hal.release_numbers(raw)
    link = hal.parse_link(hal.href(raw, "self"))
    return {
        "releases": numbers,
        # Its own number and its own link say the same, so that it can be stored under that number too.
        "confirmed": link is not None and not link.rest and link.release == raw.get("number") != CURRENT,
        "current": any(raw.get(key) is True for key in _CURRENT),
        "publishedOn": values.day(_first(raw, _DAYS)),
    }


def _digest() -> str:
    shape = [
        (each.name, [(field.name, field.hal_keys, _shape(field.value)) for field in each.fields])
        for each in declarations.CONCEPT_TYPES
    ]
    return hashlib.blake2s(repr((VERSION, shape)).encode(), digest_size=6).hexdigest()


def _shape(value: Value) -> tuple[str, ...]:
    match value:
        case Plain(kind):
            return ("plain", kind)
        case Terms():
            return ("terms",)
        case Concepts(type_name, _, single):
            return ("concept" if single else "concepts", type_name)


FORMAT = _digest()
"""Identifies how documents are normalised: one stored in another format is normalised anew."""
