"""Facts: the values of a concept that are compared between releases, in a form that does not depend on their order."""

from collections.abc import Callable
from functools import cache
from typing import Any

from graphql_api.competent.declarations import Concepts, ConceptType, Plain, Terms, Value, compared_fields
from graphql_api.competent.hal import Document, JsonObject

Facts = JsonObject
"""The compared values by GraphQL field, in the order in which changes list them."""
FactOf = Callable[[Any], object]
"""Turns a field's value into a fact."""


def facts(type: ConceptType, document: Document) -> Facts:
    """The facts of a normalised document."""
    return {
        name: empty if (value := document.get(name)) is None else fact_of(value)
        for name, fact_of, empty in _compared(type)
    }


@cache
def _compared(type: ConceptType) -> tuple[tuple[str, FactOf, object], ...]:
    """Name, conversion and the fact of a missing value, for each compared field."""
    fields = ((field.name, _fact_of(field.value)) for field in compared_fields(type))
    return tuple((name, fact_of, fact_of(None)) for name, fact_of in fields)


def _fact_of(value: Value) -> FactOf:
    """The function that turns a field's value into a fact; chosen once per field."""
    match value:
        case Plain("code" | "moment"):
            return lambda value: value
        case Plain("text"):
            return lambda value: value or {}
        case Plain("strings"):
            return lambda value: sorted(value or ())
        case Plain("names"):
            return lambda value: sorted([name["language"] or "", name["name"]] for name in value or ())
        case Plain("classifications"):
            return lambda value: sorted([code["scheme"], code["code"]] for code in value or ())
        case Terms():
            return lambda value: sorted(term["code"] or term["id"] or "" for term in value or ())
        case Concepts(single=True):
            return lambda value: [value["id"]] if value else []
        case Concepts():
            return lambda value: sorted([concept["id"] for concept in value or ()])
    raise AssertionError(f"no fact is declared for {value}")
