"""Creates the GraphQL fields of concept types from their declarations."""

import inspect
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from graphql_api.competent.declarations import Concepts, Field, Plain, Terms, Value
from graphql_api.schema.types.document_view import Convert, DocumentField, DocumentView
from graphql_api.schema.types.text import LocalizedText, localized
from graphql_api.schema.types.value_types import AlternativeName, Classification, rows_as, term_type

T = TypeVar("T", bound=type)

CONCEPT_CLASSES: dict[str, type[Any]] = {}
"""Classes of concept types by name, filled as they are created; types refer to each other by name, so their order does not
matter."""


class _Read(NamedTuple):
    """The GraphQL type of a value, and the conversion from a document's value."""

    annotation: Any
    convert: Convert


class _ConceptReference(LazyType[Any, Any]):
    """Lazy reference to a concept type by name, resolved once all types exist."""

    def resolve_type(self) -> type[Any]:
        return CONCEPT_CLASSES[self.type_name]


def fields_of(fields: Iterable[Field]) -> Callable[[T], T]:
    """Class decorator, below that of Strawberry: adds a GraphQL field per declaration, before the fields of the class body."""
    declared = {field.name: _graphql_field(field) for field in fields}

    def add(cls: T) -> T:
        for name, field in declared.items():
            setattr(cls, name, field)
        annotations = {name: field.type_annotation.annotation for name, field in declared.items()}  # type: ignore[union-attr]
        cls.__annotations__ = annotations | inspect.get_annotations(cls)
        return cls

    return add


def _graphql_field(declaration: Field) -> StrawberryField:
    annotation, convert = _reading(declaration.value)
    reading = DocumentField(declaration.name, convert, declaration.empty_on_error)

    def resolver(self):  # type: ignore[no-untyped-def]  # strawberry takes the type from `graphql_type`
        return reading(self)

    field: StrawberryField = strawberry.field(
        resolver=resolver,
        name=declaration.name,
        graphql_type=annotation if declaration.empty_on_error else annotation | None,
        description=declaration.description,
        metadata={"declaration": declaration, "reads": reading, "length": declaration.length},
    )
    return field


def _reading(value: Value) -> _Read:
    match value:
        case Plain(kind):
            return _PLAIN[kind]
        case Terms():
            return _Read(list[term_type(value)], rows_as(term_type(value)))  # type: ignore[misc]
        case Concepts(type_name, _, single):
            reference = _ConceptReference(type_name, __name__)
            return _Read(reference, _one(type_name)) if single else _Read(list[reference], _many(type_name))  # type: ignore[valid-type]


def _one(type_name: str) -> Convert:
    def convert(view: DocumentView, value: Any) -> Any:
        if value is None:
            return None
        kind = CONCEPT_CLASSES[type_name]
        return kind(view=view.embedded(value, kind.route))

    return convert


def _many(type_name: str) -> Convert:
    def convert(view: DocumentView, value: Any) -> list[Any]:
        kind = CONCEPT_CLASSES[type_name]
        return [kind(view=view.embedded(each, kind.route)) for each in value or ()]

    return convert


def text(view: DocumentView, value: Any) -> LocalizedText | None:
    """Convert a text in up to four languages."""
    return localized(value)


def _as_it_is(view: DocumentView, value: Any) -> Any:
    return value


def _strings(view: DocumentView, value: Any) -> list[str]:
    return value or []


def _moment(view: DocumentView, value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


_PLAIN = {
    "code": _Read(str, _as_it_is),
    "text": _Read(LocalizedText, text),
    "strings": _Read(list[str], _strings),
    "moment": _Read(datetime, _moment),
    "names": _Read(list[AlternativeName], rows_as(AlternativeName)),
    "classifications": _Read(list[Classification], rows_as(Classification)),
}
"""Conversions by the kind of a plain value."""
