"""What is compared between two releases: the declared fields of a concept, in a form in which order does not count."""

from functools import cache
from typing import Any

from graphql_api.competent.declarations import Concepts, ConceptType, Plain, Terms, Value, compared_fields
from graphql_api.competent.hal import Document

Facts = dict[str, Any]
"""What is compared, by GraphQL field, in the order in which changes name them."""


def facts(type: ConceptType, document: Document) -> Facts:
    """The facts of a normalised document."""
    return {field.name: _fact(field.value, document.get(field.name)) for field in _compared(type)}


_compared = cache(compared_fields)


def _fact(value: Value, found: Any) -> Any:
    match value:
        case Plain("code" | "moment"):
            return found
        case Plain("text"):
            return found or {}
        case Plain("strings"):
            return sorted(found or ())
        case Plain("names"):
            return sorted([each["language"] or "", each["name"]] for each in found or ())
        case Plain("classifications"):
            return sorted([each["scheme"], each["code"]] for each in found or ())
        case Terms():
            return sorted(each["code"] or each["id"] or "" for each in found or ())
        case Concepts(single=True):
            return [found["id"]] if found else []
        case Concepts():
            return sorted(each["id"] for each in found or ())
