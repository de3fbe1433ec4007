"""Facts: the values of a concept that are compared between releases, in a form that does not depend on their order."""

from collections.abc import Callable
from functools import cache
from typing import Any

from graphql_api.competent.declarations import Concepts, ConceptType, Plain, Terms, Value, compared_fields
from graphql_api.competent.hal import Document

Facts = dict[str, Any]
"""The compared values by GraphQL field, in the order in which changes list them."""


def facts(type: ConceptType, document: Document) -> Facts:
    """The facts of a normalised document."""
    return {name: fact_of(document.get(name)) for name, fact_of in _compared(type)}


@cache
def _compared(type: ConceptType) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((field.name, _fact_of(field.value)) for field in compared_fields(type))


def _fact_of(value: Value) -> Callable[[Any], Any]:
    """The function that turns a field's value into a fact; chosen once per field."""
    match value:
        case Plain("code" | "moment"):
            return lambda found: found
        case Plain("text"):
            return lambda found: found or {}
        case Plain("strings"):
            return lambda found: sorted(found or ())
        case Plain("names"):
            return lambda found: sorted([each["language"] or "", each["name"]] for each in found or ())
        case Plain("classifications"):
            return lambda found: sorted([each["scheme"], each["code"]] for each in found or ())
        case Terms():
            return lambda found: sorted(each["code"] or each["id"] or "" for each in found or ())
        case Concepts(single=True):
            return lambda found: [found["id"]] if found else []
        case Concepts():
            return lambda found: sorted([each["id"] for each in found or ()])
    raise AssertionError(f"no fact is declared for {value}")
