"""What concepts are called, and whether two of them are called alike: a later release can give a code to another concept.

One rule for pages, linked data and comparisons: a concept is called by the first text that its type declares, or by that of the
concept that has its texts, as a technical competence by its skill. A missing label stays missing: another text, such as the
description of a profile, would read as a title. Then the code stands for it.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from functools import cache

import orjson
from rapidfuzz import fuzz

from graphql_api.competent.declarations import CONCEPT_TYPES, TEXT, ConceptType
from graphql_api.competent.hal import Document
from graphql_api.index.concepts import IndexedConcept
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import CONTAINED_TEXTS, TYPES, DamagedIndex, parts
from graphql_api.index.tokenizer import fold

MIN_SIMILARITY = 90.0
"""Minimum similarity of labels that are alike, in percent of their characters.

Measured on a release of real size: of 35,000 random pairs of one type 11 are alike, and those have equal texts.
"""


def label(concept: IndexedConcept) -> Mapping[str, str]:
    """The title of a concept, or its text, by language; of a technical competence that of its skill."""
    return _label(concept.type, concept.item)


def labels(connection: sqlite3.Connection, row_ids: Iterable[int]) -> dict[int, Mapping[str, str]]:
    """The labels of concepts by their row ids."""
    rows = connection.execute(_ITEMS, (array(row_ids),))
    try:
        return {n: _label(TYPES[number], orjson.loads(item)) for n, number, item in rows}
    except (ValueError, KeyError, AttributeError) as error:
        raise DamagedIndex("the item of a concept") from error


_ITEMS = "SELECT n, concept_type, item FROM concept WHERE n IN (SELECT value FROM json_each(?))"


def _label(type: ConceptType, item: Document) -> Mapping[str, str]:
    return _object_at(item, label_path(type))


def text_of(document: Document) -> Document | None:
    """The text that a concept or a term is called by, in a normalised document or a response; its fields show its type."""
    path = next((path for path in _PATHS if path[0] in document), None)
    return _object_at(document, path) or None if path else None


def _object_at(document: Document, path: Iterable[str]) -> Document:
    """The object at a path of keys; empty if it, or an object on the way to it, is missing or null."""
    for name in path:
        document = document.get(name) or {}
    return document


@cache
def label_path(type: ConceptType) -> tuple[str, ...]:
    """The path, in an item, of the text that concepts of a type are called by."""
    contained = CONTAINED_TEXTS.get(type)
    if contained is not None:
        name = next(name for name, value in parts(type).items() if value.type_name == contained.name)
        return name, *label_path(contained)
    return (next(field.name for field in type.fields if field.value == TEXT),)


_PATHS = tuple(dict.fromkeys(map(label_path, CONCEPT_TYPES)))


def are_alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two labels are equal in a language, or similar in all languages that both have.

    Letter case and accents do not matter.
    """
    pairs = [(fold(one[language]), fold(other[language])) for language in one.keys() & other.keys()]
    if any(old == new for old, new in pairs):
        return True
    return bool(pairs) and all(fuzz.ratio(old, new) >= MIN_SIMILARITY for old, new in pairs)
