"""Documents as the Competent API writes them: normalised documents with the preferred HAL key of each field."""

from functools import cache

from graphql_api.competent.declarations import (
    CLASSIFICATIONS,
    Concepts,
    ConceptType,
    Field,
    concept_type,
)
from graphql_api.competent.hal import Document, JsonObject


def hal_document(type: ConceptType, document: Document) -> JsonObject:
    """A document with HAL keys, embedded concepts included: `{"id", "code", …}`. Keys that are missing stay missing."""
    body: JsonObject = {"id": document["id"]} if "id" in document else {}
    for field, key in _keys(type):
        if field.name in document:
            body[key] = _value(field, document[field.name])
    return body


@cache
def _keys(type: ConceptType) -> tuple[tuple[Field, str], ...]:
    return tuple((field, field.hal_keys[0]) for field in type.fields)


def _value(field: Field, value: object) -> object:
    match field.value, value:
        case Concepts(type_name), dict():
            return hal_document(concept_type(type_name), value)
        case Concepts(type_name), list():
            return [hal_document(concept_type(type_name), part) for part in value]
        case declared, list() if declared == CLASSIFICATIONS:
            return [{"type": item["scheme"], "value": item["code"]} for item in value]
    return value
