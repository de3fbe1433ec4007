"""The searched fields of each concept type and the functions that read their texts; the keys of a concept's item."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

from graphql_api.competent.declarations import Concepts, ConceptType, Plain, Terms, Value, concept_type
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.index.tables import LANGUAGES, SEARCHED

ReadTexts = Callable[[Any], Iterable[tuple[str, str]]]
"""Reads (language, text) of all texts in a field's value."""


class SearchedField(NamedTuple):
    """A searched field: its name, its number in the index, and the function that reads its texts."""

    name: str
    number: int
    texts: ReadTexts


@cache
def searched_fields(type: ConceptType) -> tuple[SearchedField, ...]:
    fields = (field for field in type.fields if field.search is not None)
    return tuple(SearchedField(field.name, SEARCHED[type][field.name], _texts_of(field.value)) for field in fields)


@cache
def item_keys(type: ConceptType) -> frozenset[str]:
    """The keys of the item: id, code and label of concepts with a document of their own, all values of others and of blocks."""
    if type.is_block or type.route is None:
        named = [field.name for field in type.fields if not isinstance(field.value, Concepts)]
    else:
        named = ["code", *list(SEARCHED[type])[:1]]
    return frozenset(("id", *named))


def _texts_of(declared: Value) -> ReadTexts:
    """The function that reads (language, text) of all texts of a field; of embedded concepts, their labels."""
    match declared:
        case Plain("text"):
            return lambda value: (value or {}).items()
        case Plain("names"):
            return lambda value: ((name["language"] or LANGUAGES[0], name["name"]) for name in value or ())
        case Plain("strings"):
            return lambda value: ((LANGUAGES[0], text) for text in value or ())
        case Plain():
            return lambda value: [(LANGUAGES[0], value)] if value else ()
        case Terms():
            return lambda value: (text for term in value or () for text in (term["title"] or {}).items())
        case Concepts():
            return partial(_labels, concept_type(declared.type_name))


def _labels(type: ConceptType, value: JsonObject | list[JsonObject] | None) -> Iterator[tuple[str, str]]:
    labels = searched_fields(type)[:1]
    for concept in value if isinstance(value, list) else [value] if value else ():
        for label in labels:
            yield from label.texts(concept.get(label.name))


def is_complete(type: ConceptType, block: Document) -> bool:
    """Whether no other document can add values to a block.

    Concepts of types without a route have only embedded documents, so for them a text that is known to be empty is final.
    """
    names = ("code", *SEARCHED[type])
    return all(name in block for name in names) if type.route is None else all(map(block.get, names))
