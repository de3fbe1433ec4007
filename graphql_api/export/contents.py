"""What an export reads: a release, and the documents of its index in batches, parts before wholes."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE, ConceptType, Terms, concept_type
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.competent.mappings import NO_MAPPINGS, Mappings
from graphql_api.index.concepts import count, listed
from graphql_api.index.documents import CHUNK, listed_documents
from graphql_api.index.facets import FACETS, Facets, facets
from graphql_api.index.tables import parts

Step = Callable[[sqlite3.Connection], bytes]
"""Reads the next documents of an index, and returns the next bytes of the file."""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What an export says about its release. `published_on` is a date in ISO 8601; None stands for what is unknown."""

    number: str
    published_on: str | None = None
    source: str | None = None
    license: str | None = None
    attribution: str | None = None


class Batch(NamedTuple):
    """Up to CHUNK documents of a type: those at the positions from `start` up to, not including, `stop`."""

    type: ConceptType
    start: int
    stop: int

    def read(self, connection: sqlite3.Connection) -> list[Document]:
        """The normalised documents. Raises DamagedIndex."""
        return listed_documents(connection, self.type, self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Options:
    """How an export is written.

    `has_bom`: CSV files begin with a byte order mark, by which Excel recognises UTF-8. Linked data has ids below `base`, the
    address of `/id/`, and the `mappings` of concepts.
    """

    has_bom: bool = False
    base: str = ""
    mappings: Mappings = NO_MAPPINGS

    @property
    def version(self) -> str:
        """A text that differs if a file of the same documents does."""
        return f"{self.has_bom} {self.base} {self.mappings.digest}"


DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Contents:
    """A release, and the batches of each type; a type comes after the types that its documents embed."""

    release: ReleaseFacts
    batches: Mapping[ConceptType, tuple[Batch, ...]]
    options: Options = DEFAULTS

    def all_batches(self) -> Iterator[Batch]:
        """The batches of all types."""
        for batches in self.batches.values():
            yield from batches


def members(connection: sqlite3.Connection, start: int, stop: int) -> tuple[int, list[tuple[str, JsonObject]]]:
    """The number of all concepts and terms of an index, and the name of the type and `item` of those from `start` up to `stop`.

    Types are in the order of CONCEPT_TYPES, the concepts of a type in the order of codes (IndexedConcept); then come terms.
    """
    items, first = list[tuple[str, JsonObject]](), 0
    for type in CONCEPT_TYPES:
        listed_here = listed(connection, type, max(start - first, 0), stop - first)
        items += [(type.name, concept.item) for concept in listed_here]
        first += count(connection, type)
    terms = [(name, term) for name, of_type in terms_in(connection).items() for term in of_type.values()]
    return first + len(terms), items + terms[max(start - first, 0) : max(stop - first, 0)]


def terms_in(connection: sqlite3.Connection) -> dict[str, dict[str, JsonObject]]:
    """The terms of profiles in an index, as of `terms_of`. Raises DamagedIndex."""
    return terms_of(facets(connection, (FACETS,))[FACETS])


def terms_of(values: Facets) -> dict[str, dict[str, JsonObject]]:
    """The terms of profiles that have a uuid, as `{id, code, title}` by uuid, by the name of their type."""
    types = [field.value for field in OCCUPATIONAL_PROFILE.fields if isinstance(field.value, Terms)]
    return {
        type.type_name: {
            value.uuid: {"id": value.uuid, "code": value.code, "title": value.title}
            for value in values.values(type.scheme)
            if value.uuid
        }
        for type in types
    }


def batches_in(connection: sqlite3.Connection) -> dict[ConceptType, tuple[Batch, ...]]:
    """The batches of each type of an index, parts before wholes."""
    return {type: tuple(_batches(connection, type)) for type in PARTS_FIRST}


def _batches(connection: sqlite3.Connection, type: ConceptType) -> Iterator[Batch]:
    total = count(connection, type)
    return (Batch(type, start, min(start + CHUNK, total)) for start in range(0, total, CHUNK))


def _levels(type: ConceptType) -> int:
    """How many levels of concepts a type embeds."""
    return max((1 + _levels(concept_type(value.type_name)) for value in parts(type).values()), default=0)


PARTS_FIRST = tuple(sorted(CONCEPT_TYPES, key=_levels))
"""All types, each after the types that it embeds: a reader of an export can resolve embedded concepts while it reads."""
