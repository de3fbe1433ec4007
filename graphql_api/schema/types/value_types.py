"""Values of an occupational profile that are not concepts: alternative names, terms, codes in other classifications.

Each object is a row of a normalised document; the types of terms are created from their declarations.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent.declarations import Terms
from graphql_api.competent.hal import Document
from graphql_api.schema.types.document_view import DocumentView, Value
from graphql_api.schema.types.text import LANGUAGES, Language, LocalizedText, localized

T = TypeVar("T")


class _Row(Protocol):
    row: Document


class RowField(NamedTuple):
    """How a GraphQL field reads its row; stored in the field's metadata as `row`, for every executor."""

    key: str
    convert: Callable[[Value], Value] | None


def _reader(key: str) -> Callable[[_Row], Value]:
    def read(self: _Row) -> Value:
        return self.row[key]

    return read


def _converter(key: str, convert: Callable[[Value], Value]) -> Callable[[_Row], Value]:
    def read(self: _Row) -> Value:
        return convert(self.row[key])

    return read


def _of_row(key: str, description: str, convert: Callable[[Value], Value] | None = None) -> Any:
    """Returns the field of one key of a row."""

    resolver = _reader(key) if convert is None else _converter(key, convert)
    resolver.__annotations__.clear()  # strawberry takes the type from the class
    metadata = {"row": RowField(key, convert)}
    return strawberry.field(resolver=resolver, description=description, metadata=metadata)


@strawberry.type(description="A common name of the occupation in one language. Search finds profiles by it.")
class AlternativeName:
    """A row of a profile's alternative names."""

    row: strawberry.Private[Document]
    uuid: UUID | None = _of_row("id", "Competent's own id.")
    code: str | None = _of_row("code", "Competent's code, such as `AN-12`.")
    name: str = _of_row("name", "The name.")
    language: Language | None = _of_row(
        "language", "The language of the name; null if Competent does not say.", LANGUAGES.get
    )


@strawberry.interface(description="A term of one of Competent's lists, with its title.")
class Label:
    """Interface of all types of terms."""

    row: strawberry.Private[Document]
    uuid: UUID | None = _of_row("id", "Competent's own id.")
    code: str | None = _of_row("code", "Competent's code.")
    title: LocalizedText | None = _of_row("title", "The title.", localized)


@strawberry.type(description="A code of the occupation in another classification.")
class Classification:
    """A classification scheme and a code in it."""

    row: strawberry.Private[Document]
    scheme: str = _of_row(
        "scheme", "The classification, such as `ISCO-08`, the international classification of occupations."
    )
    code: str = _of_row("code", "The code in that classification, such as `2221`.")


_TERM_TYPES: dict[str, type[Label]] = {}


def term_type(terms: Terms) -> type[Label]:
    """Returns the GraphQL type of declared terms, created once."""
    if terms.type_name not in _TERM_TYPES:
        term_class: type[Label] = type(terms.type_name, (Label,), {"__doc__": "A term of a profile."})
        _TERM_TYPES[terms.type_name] = strawberry.type(term_class, description=terms.description)
    return _TERM_TYPES[terms.type_name]


def rows_as(row_class: Callable[..., T]) -> Callable[[DocumentView, Sequence[Document] | None], list[T]]:
    """Returns a converter of a list of rows to objects of `row_class`."""
    return lambda view, rows: [row_class(row=row) for row in rows or ()]
