"""Reads concepts from HAL documents, or from documents normalised before, into the shape of the declarations."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from graphql_api.competent import declarations, hal, values
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain, Terms
from graphql_api.competent.hal import Document, JsonObject

MAX_DEPTH = 8
"""Maximum nesting of embedded concepts that is read; the declared types have three levels."""
EMBEDDED = "_embedded"
MAX_CACHED = 8192
"""Maximum embedded concepts cached per type; a full-size release has 8,000 of the most common type."""
MAX_SETS_OF_KEYS = 64
"""Maximum sets of keys cached per type; upstream chooses them, so their number is bounded."""
ALWAYS_DECLARED = frozenset({"id", EMBEDDED, *declarations.IGNORED_KEYS})
"""Keys that are declared for every HAL document."""


@dataclass(slots=True)
class Notes:
    """What normalising left out: undeclared keys, as `Type.key`, and `self` links that point elsewhere."""

    unknown: Counter[str] = field(default_factory=Counter)
    links_refused: int = 0
    count: int = 0
    """Number of notes."""
    depth: int = 0
    """Nesting level of the concept that is being read."""

    def check_keys(self, name: str, keys: Iterable[str], declared: frozenset[str]) -> None:
        """Count the keys of an object named `name` that are not declared."""
        if not declared.issuperset(keys):
            self.count += 1
            self.unknown.update(f"{name}.{key}" for key in keys if key not in declared)


Conversion = Callable[[object], object]
"""Converts a value without concepts."""
CheckedConversion = Callable[[object, Notes], object]
FieldReader = tuple[str, tuple[str, ...], Conversion | None, CheckedConversion]
"""Name and HAL keys of a field, and two conversions: the first, which is faster, is used if it is not None."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads concepts of one type: from HAL documents or, if `stored`, from documents normalised before."""

    name: str
    link: str | None
    """The part of a `self` link between release and id; None if the type has no documents of its own."""
    fields: tuple[FieldReader, ...]
    declared: frozenset[str]
    flat: dict[str, str]
    """The keys of fields that a flat document lacks, and the keys of the texts that it has instead."""
    stored: bool
    cached: dict[int, JsonObject] | None
    """Cached embedded concepts, by a hash of their raw documents; None if the type is not cached."""
    by_keys: dict[tuple[str, ...], tuple[FieldReader, ...]] = field(default_factory=dict)
    """The fields that objects with these keys, all declared, can have; most objects of a type have the same few sets of keys."""

    def embedded(self, raw: Document, notes: Notes) -> JsonObject:
        """Read an embedded concept, without `id` if it has no valid one. Identical raw documents return the same object."""
        if self.cached is None:
            return self.read(raw, notes)
        try:
            key = hash(orjson.dumps(raw))  # 64 bits, with a key that is random per process
        except TypeError:  # integers that orjson cannot serialise
            return self.read(raw, notes)
        document = self.cached.get(key)
        if document is None:
            before = notes.count
            document = self.read(raw, notes)
            if notes.count == before:  # do not cache concepts with notes, so that these are counted each time
                if len(self.cached) >= MAX_CACHED:
                    self.cached.clear()
                self.cached[key] = document
        return document

    def read_complete(self, raw: Document, notes: Notes) -> JsonObject:
        """Read a concept from its own document. The concept that a flat one lacks has its text and its id."""
        for key, flat_key in self.flat.items():
            if raw.get(flat_key) is not None and first(raw, (key,)) is None:
                raw = {**raw, key: {"id": raw.get("id"), flat_key: raw[flat_key]}}
        return self.read(raw, notes)

    def read(self, raw: Document, notes: Notes) -> JsonObject:
        """Read a concept from its document or an embedded part, without `id` if it has no valid one."""
        uuid = values.uuid(raw.get("id"))
        document: JsonObject = {} if uuid is None else {"id": uuid}
        if self.stored:
            for name, _, conversion, checked in self.fields:
                if name in raw:
                    document[name] = conversion(raw[name]) if conversion else checked(raw[name], notes)
            return document
        has_other = EMBEDDED in raw
        for name, keys, conversion, checked in self.by_keys.get(tuple(raw)) or self._fields_in(raw, notes):
            value = raw.get(keys[0])
            if value is None and (has_other or len(keys) > 1):
                value = first(raw, keys)
            if value is not None:
                document[name] = conversion(value) if conversion else checked(value, notes)
        if uuid is not None and self.link is not None and "_links" in raw:
            self._check_link(raw, f"{self.link}{uuid}", notes)
        return document

    def _fields_in(self, raw: Document, notes: Notes) -> tuple[FieldReader, ...]:
        notes.check_keys(self.name, raw, self.declared)
        fields = tuple(reader for reader in self.fields if EMBEDDED in raw or not raw.keys().isdisjoint(reader[1]))
        if len(self.by_keys) < MAX_SETS_OF_KEYS and self.declared.issuperset(raw):
            self.by_keys[tuple(raw)] = fields
        return fields

    @staticmethod
    def _check_link(raw: Document, rest: str, notes: Notes) -> None:
        # The route determines the path of a document; a link is only checked against it, never followed.
        href = hal.href(raw, "self")
        if isinstance(href, str) and href.endswith(rest) and hal.is_release_path(href[: -len(rest)]):
            return
        link = hal.parse_link(href)
        if href is not None and (link is None or link.rest.lower() != rest):
            notes.count += 1
            notes.links_refused += 1


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
    flat = {other.name for other in declarations.CONCEPT_TYPES if not _embedded_types(other)}
    return flat.issuperset(_embedded_types(type))


def _embedded_types(type: ConceptType) -> list[str]:
    return [field.value.type_name for field in type.fields if isinstance(field.value, Concepts)]


@cache
def reader(type_name: str, stored: bool = False) -> Reader:
    """Return the reader of a type. Raises KeyError if there is no such type."""
    type = declarations.concept_type(type_name)
    fields = tuple((field.name, field.hal_keys, *_conversions(type_name, field, stored)) for field in type.fields)
    flat = {
        field.hal_keys[0]: field.value.flat_key
        for field in type.fields
        if isinstance(field.value, Concepts) and field.value.flat_key
    }
    declared = ALWAYS_DECLARED.union(flat.values(), *(field.hal_keys for field in type.fields))
    link = type.route and type.route.template.removeprefix("/releases/{release}").removesuffix("{uuid}")
    return Reader(type.name, link, fields, declared, flat, stored, {} if _is_flat(type) else None)


def _conversions(type_name: str, declared: Field, stored: bool) -> tuple[Conversion | None, CheckedConversion]:
    keys = None
    match declared.value:
        case Concepts(embedded, _, single):
            concepts = _concepts(embedded, stored)
            return None, (lambda raw, notes: next(iter(concepts(raw, notes)), None)) if single else concepts
        case Terms():
            function, keys = values.terms, values.TERM_KEYS
        case Plain(conversion):
            function, keys = getattr(values, conversion), values.KEYS.get(conversion)
    return None if keys and not stored else function, _checking(
        f"{type_name}.{declared.name}", function, keys or frozenset()
    )


def _checking(name: str, function: Conversion, keys: frozenset[str]) -> CheckedConversion:
    def convert(raw: object, notes: Notes) -> object:
        for item in hal.parts(raw):
            notes.check_keys(name, item, keys)
        return function(raw)

    return convert


def _concepts(type_name: str, stored: bool) -> Callable[[object, Notes], list[JsonObject]]:
    def convert(value: object, notes: Notes) -> list[JsonObject]:
        if notes.depth == MAX_DEPTH:
            return []
        read = reader(type_name, stored).embedded
        by_id: dict[str, JsonObject] = {}
        notes.depth += 1
        for item in hal.as_list(value):
            raw = {"id": item} if isinstance(item, str) else item  # some are referred to by id only
            if isinstance(raw, dict) and (uuid := (document := read(raw, notes)).get("id")):
                by_id.setdefault(uuid, document)
        notes.depth -= 1
        return list(by_id.values())

    return convert


def clear_cached_concepts() -> None:
    """Free the cached embedded concepts, one by one; call it in a thread after a crawl, which reads each of them many times.

    Clearing a whole cache in one step would stop all threads for tens of milliseconds.
    """
    for type in declarations.CONCEPT_TYPES:
        for stored in (False, True):
            cached = reader(type.name, stored).cached
            while cached:
                cached.popitem()
