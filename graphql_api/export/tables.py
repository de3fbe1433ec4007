"""The tables of a CSV export: one for each concept type, and one for each relation of a type, derived from the declarations."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from graphql_api.competent.declarations import (
    CLASSIFICATIONS,
    LANGUAGES,
    NAMES,
    TEXT,
    Concepts,
    ConceptType,
    Field,
    Terms,
    concept_type,
)
from graphql_api.competent.hal import Document, as_list

Cell = str | None
Row = list[Cell]
SEPARATOR = "|"
"""Between the strings of a cell that lists several, such as regions."""


class Table(NamedTuple):
    """A file of the archive: its name, its column names, and the rows of a document of `type`."""

    name: str
    type: ConceptType
    columns: tuple[str, ...]
    rows: Callable[[Document], Iterable[Row]]


def tables_of(type: ConceptType) -> Iterator[Table]:
    """The tables of a type: its concepts, then its relations in the order of the declarations."""
    yield _concepts(type)
    for field in type.fields:
        if not _is_column(field):
            yield _relation(type, field)


def _is_column(field: Field) -> bool:
    """Whether a field is part of the table of its type, as it has one value for each concept."""
    return not isinstance(field.value, Concepts | Terms) and field.value not in (NAMES, CLASSIFICATIONS)


def _concepts(type: ConceptType) -> Table:
    fields = [field for field in type.fields if _is_column(field)]

    def rows(document: Document) -> Iterable[Row]:
        yield [document["id"], *(cell for field in fields for cell in _cells(field, document.get(field.name)))]

    return Table(
        f"{_name(type.listing)}.csv", type, ("id", *(name for field in fields for name in _columns(field))), rows
    )


def _columns(field: Field) -> list[str]:
    return _text_columns(_column(field.name)) if field.value == TEXT else [_column(field.name)]


def _cells(field: Field, value: object) -> list[Cell]:
    if field.value == TEXT:
        return _text_cells(value)
    return [SEPARATOR.join(map(str, as_list(value)))]


def _relation(type: ConceptType, field: Field) -> Table:
    owner = _column(type.single)
    columns, cells = _related(field)

    def rows(document: Document) -> Iterable[Row]:
        return ([document["id"], document.get("code"), *cells(item)] for item in as_list(document.get(field.name)))

    name = f"{_name(type.listing)}.{_name(field.name)}.csv"
    return Table(name, type, (f"{owner}_id", f"{owner}_code", *columns), rows)


def _related(field: Field) -> tuple[list[str], Callable[[Document], Row]]:
    """The columns of an item of a relation, and the function that reads their cells."""
    match field.value:
        case Concepts(type_name):
            related = _column(concept_type(type_name).single)
            return [f"{related}_id", f"{related}_code"], lambda item: [item["id"], item.get("code")]
        case Terms():
            columns = ["id", "code", *_text_columns("title")]
            return columns, lambda item: [item["id"], item["code"], *_text_cells(item["title"])]
    columns = ["id", "code", "language", "name"] if field.value == NAMES else ["scheme", "code"]
    return columns, lambda item: [item[column] for column in columns]


def _text_columns(name: str) -> list[str]:
    return [f"{name}_{language}" for language in LANGUAGES]


def _text_cells(texts: object) -> list[Cell]:
    return [texts.get(language) if isinstance(texts, dict) else None for language in LANGUAGES]


def _name(name: str) -> str:
    """A name in a file name: `soft-skills`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _column(name: str) -> str:
    """A name in a heading: `last_modified`."""
    return _name(name).replace("-", "_")
