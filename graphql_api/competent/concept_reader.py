"""Reads concepts from HAL documents, or from documents normalised before, into the shape of the declarations."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from graphql_api.competent import declarations, hal, values
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain, Terms
from graphql_api.competent.hal import Document

MAX_DEPTH = 8
"""Maximum nesting of embedded concepts that is read; the declared types have three levels."""
EMBEDDED = "_embedded"
MAX_RECENT = 8192
"""Maximum embedded concepts cached per type; a full-size release has 8,000 of the most common type."""
MAX_SETS_OF_KEYS = 64
"""Maximum sets of keys cached per type; upstream chooses them, so their number is bounded."""
KNOWN_ALWAYS = frozenset({"id", EMBEDDED, *declarations.IGNORED_KEYS})
"""Keys that are known in every HAL document."""


@dataclass(slots=True)
class Notes:
    """What normalising left out: undeclared keys, as `Type.key`, and `self` links that point elsewhere."""

    unknown: Counter[str] = field(default_factory=Counter)
    links_refused: int = 0
    count: int = 0
    """Number of notes."""
    depth: int = 0
    """Nesting level of the concept that is being read."""

    def check_keys(self, name: str, keys: Iterable[str], known: frozenset[str]) -> None:
        """Count the keys of an object named `name` that are not in `known`."""
        if not known.issuperset(keys):
            self.count += 1
            self.unknown.update(f"{name}.{key}" for key in keys if key not in known)


Plainly = Callable[[Any], Any]
"""Converts a value without concepts."""
Convert = Callable[[Any, Notes], Any]
FieldReader = tuple[str, tuple[str, ...], Plainly | None, Convert]
"""Name and HAL keys of a field, and two conversions: the first, which is faster, is used if it is not None."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads concepts of one type: from HAL documents or, if `stored`, from documents normalised before."""

    name: str
    link: str | None
    """The part of a `self` link between release and id; None if the type has no documents of its own."""
    fields: tuple[FieldReader, ...]
    known: frozenset[str]
    stored: bool
    recent: dict[int, dict[str, Any]] | None
    """Cached embedded concepts, by a hash of their raw documents; None if the type is not cached."""
    by_keys: dict[tuple[str, ...], tuple[FieldReader, ...]] = field(default_factory=dict)
    """The fields that objects with these keys can have; most objects of a type have the same few sets of keys."""

    def embedded(self, raw: Document, notes: Notes) -> dict[str, Any]:
        """Read an embedded concept, without `id` if it has no valid one. Identical raw documents return the same object."""
        if self.recent is None:
            return self.read(raw, notes)
        try:
            key = hash(orjson.dumps(raw))  # 64 bits, with a key that is random per process
        except TypeError:  # integers that orjson cannot serialise
            return self.read(raw, notes)
        document = self.recent.get(key)
        if document is None:
            before = notes.count
            document = self.read(raw, notes)
            if notes.count == before:  # do not cache concepts with notes, so that these are counted each time
                if len(self.recent) >= MAX_RECENT:
                    self.recent.clear()
                self.recent[key] = document
        return document

    def read(self, raw: Document, notes: Notes) -> dict[str, Any]:
        """Read a concept from its document or an embedded part, without `id` if it has no valid one."""
        uuid = values.uuid(raw.get("id"))
        document: dict[str, Any] = {} if uuid is None else {"id": uuid}
        if self.stored:
            for name, _, plainly, convert in self.fields:
                if name in raw:
                    document[name] = plainly(raw[name]) if plainly else convert(raw[name], notes)
            return document
        has_other = EMBEDDED in raw
        for name, keys, plainly, convert in self._fields_in(raw):
            value = raw.get(keys[0])
            if value is None and (has_other or len(keys) > 1):
                value = first(raw, keys)
            if value is not None:
                document[name] = plainly(value) if plainly else convert(value, notes)
        self._check(raw, uuid, notes)
        return document

    def _fields_in(self, raw: Document) -> tuple[FieldReader, ...]:
        keys = tuple(raw)
        found = self.by_keys.get(keys)
        if found is None:
            found = tuple(each for each in self.fields if EMBEDDED in raw or not raw.keys().isdisjoint(each[1]))
            if len(self.by_keys) < MAX_SETS_OF_KEYS and self.known.issuperset(keys):
                self.by_keys[keys] = found
        return found

    def _check(self, raw: Document, uuid: str | None, notes: Notes) -> None:
        has_link = self.link is not None and uuid is not None and "_links" in raw
        if has_link and not _is_own_link(hal.href(raw, "self"), f"{self.link}{uuid}"):
            notes.count += 1
            notes.links_refused += 1
        notes.check_keys(self.name, raw, self.known)


def _is_own_link(href: object, rest: str) -> bool:
    # The route determines the path of a document; a link is only checked against it, never followed.
    link = hal.parse_link(href)
    return href is None or (link is not None and link.rest.lower() == rest)


def first(raw: Document, keys: tuple[str, ...]) -> Any:
    """The first value among these keys, in the document itself or in its `_embedded` object."""
    for key in keys:
        if (value := raw.get(key)) is not None:
            return value
    embedded = raw.get(EMBEDDED)
    return None if not isinstance(embedded, dict) else next((embedded[key] for key in keys if embedded.get(key)), None)


def _is_flat(type: ConceptType) -> bool:
    """Whether a type has at most one level of embedded concepts.

    Only such types are cached: MAX_DEPTH could cut off deeper ones, and a cached copy would be incomplete higher up.
    """
    flat = {each.name for each in declarations.CONCEPT_TYPES if not _embedded_types(each)}
    return flat.issuperset(_embedded_types(type))


def _embedded_types(type: ConceptType) -> list[str]:
    return [field.value.type_name for field in type.fields if isinstance(field.value, Concepts)]


@cache
def reader(type_name: str, stored: bool = False) -> Reader:
    """Return the reader of a type. Raises KeyError if there is no such type."""
    type = declarations.concept_type(type_name)
    fields = tuple((field.name, field.hal_keys, *_conversion(type_name, field, stored)) for field in type.fields)
    known = KNOWN_ALWAYS.union(*(field.hal_keys for field in type.fields))
    link = type.route and type.route.template.removeprefix("/releases/{release}").removesuffix("{uuid}")
    return Reader(type.name, link, fields, known, stored, {} if _is_flat(type) else None)


def _conversion(type_name: str, declared: Field, stored: bool) -> tuple[Plainly | None, Convert]:
    keys = None
    match declared.value:
        case Concepts(embedded, _, single):
            concepts = _concepts(embedded, stored)
            return None, (lambda raw, notes: next(iter(concepts(raw, notes)), None)) if single else concepts
        case Terms():
            function, keys = values.terms, values.TERM_KEYS
        case Plain(kind):
            function, keys = getattr(values, kind), values.KEYS.get(kind)
    plainly = None if keys and not stored else function
    return plainly, _checking(f"{type_name}.{declared.name}", function, keys or frozenset())


def _checking(name: str, function: Plainly, keys: frozenset[str]) -> Convert:
    def convert(raw: Any, notes: Notes) -> Any:
        for each in hal.parts(raw):
            notes.check_keys(name, each, keys)
        return function(raw)

    return convert


def _concepts(type_name: str, stored: bool) -> Callable[[Any, Notes], list[dict[str, Any]]]:
    def convert(value: Any, notes: Notes) -> list[dict[str, Any]]:
        if notes.depth == MAX_DEPTH:
            return []
        read = reader(type_name, stored).embedded
        found: dict[str, dict[str, Any]] = {}
        notes.depth += 1
        for each in hal.as_list(value):
            raw = {"id": each} if isinstance(each, str) else each  # some are referred to by id only
            if isinstance(raw, dict) and (uuid := (document := read(raw, notes)).get("id")):
                found.setdefault(uuid, document)
        notes.depth -= 1
        return list(found.values())

    return convert


def forget_recent() -> None:
    """Free the documents of recently read embedded concepts; call after a crawl, which reads each of them many times."""
    for type in declarations.CONCEPT_TYPES:
        for stored in (False, True):
            if (recent := reader(type.name, stored).recent) is not None:
                recent.clear()
