"""Creates the GraphQL fields of concept types from their declarations."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from graphql_api.competent.declarations import Concepts, Field, Plain, Terms, Value
from graphql_api.competent.hal import Document
from graphql_api.schema.types.document_view import Convert, DocumentField, DocumentView
from graphql_api.schema.types.text import LocalizedText, localized
from graphql_api.schema.types.value_types import AlternativeName, Classification, names_of, term_type, values_as

T = TypeVar("T", bound=type)
V = TypeVar("V")

CONCEPT_CLASSES: dict[str, type[Any]] = {}
"""Classes of concept types by name, filled as they are created; types refer to each other by name, so their order does not
matter."""


class _FieldType(NamedTuple):
    """The type of a value as Strawberry takes it, and the conversion from a document's value."""

    annotation: Any
    convert: Convert


class ConceptReference(LazyType[Any, Any]):
    """Lazy reference to a concept type by name, resolved once all types exist."""

    def resolve_type(self) -> type:
        return CONCEPT_CLASSES[self.type_name]


def fields_of(fields: Iterable[Field]) -> Callable[[T], T]:
    """Class decorator, below that of Strawberry: adds a GraphQL field per declaration, before the fields of the class body.

    A field of the class body with the name of a declared one replaces it.
    """
    made = {field.name: _graphql_field(field) for field in fields}

    def add(cls: T) -> T:
        declared = {name: field for name, field in made.items() if name not in vars(cls)}
        for name, field in declared.items():
            setattr(cls, name, field)
        annotations = {
            name: field.type_annotation.annotation for name, field in declared.items() if field.type_annotation
        }
        cls.__annotations__ = annotations | inspect.get_annotations(cls)
        return cls

    return add


def _graphql_field(declaration: Field) -> StrawberryField:
    annotation, convert = _field_type(declaration.value)
    reader = DocumentField(declaration.name, convert, declaration.empty_on_error)

    def resolver(self):  # type: ignore[no-untyped-def]  # strawberry takes the type from `graphql_type`
        return reader(self)

    field: StrawberryField = strawberry.field(
        resolver=resolver,
        name=declaration.name,
        graphql_type=annotation if declaration.empty_on_error else annotation | None,
        description=declaration.description,
        metadata={"declaration": declaration, "reads": reader, "length": declaration.length},
    )
    return field


def _field_type(value: Value) -> _FieldType:
    match value:
        case Plain(name):
            return _PLAIN[name]
        case Terms():
            return _FieldType(list[term_type(value)], values_as(term_type(value)))  # type: ignore[misc]  # strawberry reads it
        case Concepts(type_name, _, single):
            reference = ConceptReference(type_name, __name__)
            if single:
                return _FieldType(reference, _one(type_name))
            return _FieldType(list[reference], _many(type_name))  # type: ignore[valid-type]  # strawberry reads it


def _one(type_name: str) -> Convert:
    def convert(view: DocumentView, document: Document | None) -> object:
        if document is None:
            return None
        concept_class = CONCEPT_CLASSES[type_name]
        return concept_class(view=view.embedded(document, concept_class.route))

    return convert


def _many(type_name: str) -> Convert:
    def convert(view: DocumentView, documents: Sequence[Document] | None) -> list[object]:
        concept_class = CONCEPT_CLASSES[type_name]
        return [concept_class(view=view.embedded(document, concept_class.route)) for document in documents or ()]

    return convert


def text(view: DocumentView, value: dict[str, str] | None) -> LocalizedText | None:
    """Convert a text in up to four languages."""
    return localized(value)


def _unchanged(view: DocumentView, value: V) -> V:
    return value


def _strings(view: DocumentView, value: list[str] | None) -> list[str]:
    return value or []


def _moment(view: DocumentView, value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


_PLAIN = {
    "code": _FieldType(str, _unchanged),
    "text": _FieldType(LocalizedText, text),
    "strings": _FieldType(list[str], _strings),
    "moment": _FieldType(datetime, _moment),
    "names": _FieldType(list[AlternativeName], names_of),
    "classifications": _FieldType(list[Classification], values_as(Classification)),
}
"""Types and conversions of plain values, by the names that declarations use."""
