"""Concepts of HAL documents, or of documents that were normalised before, in the shape that the declarations say."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any

import orjson

from graphql_api.competent import declarations, hal, values
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain, Terms
from graphql_api.competent.hal import Document

MAX_DEPTH = 8
"""Levels of concepts embedded in concepts that are read; the declared types have three."""
EMBEDDED = "_embedded"
MAX_RECENT = 8192
"""Embedded concepts of a type that are read once; a release at real size has 8,000 of the commonest type."""
KNOWN_ALWAYS = frozenset({"id", EMBEDDED, *declarations.IGNORED_KEYS})
"""Keys of any HAL document that are known."""


@dataclass(slots=True)
class Notes:
    """What normalising left out: keys that no declaration names, as `Type.key`, and own links that lead elsewhere."""

    unknown: Counter[str] = field(default_factory=Counter)
    links_refused: int = 0
    count: int = 0
    """How often something was noted."""
    depth: int = 0
    """How many concepts hold the one that is being read."""

    def check_keys(self, name: str, keys: Iterable[str], known: frozenset[str]) -> None:
        """Count the unknown keys of an object of this name."""
        if not known.issuperset(keys):
            self.count += 1
            self.unknown.update(f"{name}.{key}" for key in keys if key not in known)


Plainly = Callable[[Any], Any]
"""Converts a value that holds no concept."""
Convert = Callable[[Any, Notes], Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the concepts of one type: from HAL documents or, if `stored`, from documents that were normalised before."""

    name: str
    link: str | None
    """What stands in an own link between the release and the id; None if these concepts have no documents of their own."""
    fields: tuple[tuple[str, tuple[str, ...], Plainly | None, Convert], ...]
    """Name, keys of a HAL document, and its conversion: the first one if there is one, which is faster."""
    known: frozenset[str]
    stored: bool
    recent: dict[bytes, dict[str, Any]] | None
    """Documents of embedded concepts, by a digest of what they were read from."""

    def embedded(self, raw: Document, notes: Notes) -> dict[str, Any]:
        """An embedded concept, without `id` if it has none; what is embedded again, to the last letter, is the same object."""
        if self.recent is None:
            return self.read(raw, notes)
        try:
            key = blake2b(orjson.dumps(raw), digest_size=16).digest()
        except TypeError:  # numbers that orjson does not write
            return self.read(raw, notes)
        document = self.recent.get(key)
        if document is None:
            before = notes.count
            document = self.read(raw, notes)
            if notes.count == before:  # else it is read each time, so that what is noted of it is counted each time
                if len(self.recent) >= MAX_RECENT:
                    self.recent.clear()
                self.recent[key] = document
        return document

    def read(self, raw: Document, notes: Notes) -> dict[str, Any]:
        """The concept of a document or of a part of one; without `id` if it has none that is a uuid."""
        uuid = values.uuid(raw.get("id"))
        document: dict[str, Any] = {} if uuid is None else {"id": uuid}
        if self.stored:
            for name, _, plainly, convert in self.fields:
                if name in raw:
                    document[name] = plainly(raw[name]) if plainly else convert(raw[name], notes)
            return document
        has_other = EMBEDDED in raw
        for name, keys, plainly, convert in self.fields:
            value = raw.get(keys[0])
            if value is None and (has_other or len(keys) > 1):
                value = first(raw, keys)
            if value is not None:
                document[name] = plainly(value) if plainly else convert(value, notes)
        self._check(raw, uuid, notes)
        return document

    def _check(self, raw: Document, uuid: str | None, notes: Notes) -> None:
        has_link = self.link is not None and uuid is not None and "_links" in raw
        if has_link and not _is_own_link(hal.href(raw, "self"), f"{self.link}{uuid}"):
            notes.count += 1
            notes.links_refused += 1
        if not self.known.issuperset(raw):
            notes.check_keys(self.name, raw, self.known)


def _is_own_link(href: object, rest: str) -> bool:
    # The path of a whole document is known by its route, so a link can only confirm it: none leads anywhere else.
    link = hal.parse_link(href)
    return href is None or (link is not None and link.rest.lower() == rest)


def first(raw: Document, keys: tuple[str, ...]) -> Any:
    """The value under the first of these keys that has one, in the document itself or in what it embeds the HAL way."""
    for key in keys:
        if (value := raw.get(key)) is not None:
            return value
    embedded = raw.get(EMBEDDED)
    return None if not isinstance(embedded, dict) else next((embedded[key] for key in keys if embedded.get(key)), None)


def _is_flat(type: ConceptType) -> bool:
    """Whether a type embeds nothing that embeds more: then none of it is cut off by MAX_DEPTH, and met again higher up."""
    flat = {each.name for each in declarations.CONCEPT_TYPES if not _embedded_types(each)}
    return flat.issuperset(_embedded_types(type))


def _embedded_types(type: ConceptType) -> list[str]:
    return [field.value.type_name for field in type.fields if isinstance(field.value, Concepts)]


@cache
def reader(type_name: str, stored: bool = False) -> Reader:
    """The reader of a type."""
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
            raw = {"id": each} if isinstance(each, str) else each  # some are only named by their id
            if isinstance(raw, dict) and (uuid := (document := read(raw, notes)).get("id")):
                found.setdefault(uuid, document)
        notes.depth -= 1
        return list(found.values())

    return convert
