"""The enum of concept types, as clients name them in arguments."""

import re
from collections.abc import Iterable
from enum import Enum

import strawberry

from graphql_api.competent import declarations
from graphql_api.competent.declarations import CONCEPT_TYPES


@strawberry.enum(description="A type of concept.")
class ConceptType(Enum):
    """Its value is the name of the declared type."""

    _ignore_ = "each"
    for each in CONCEPT_TYPES:
        vars()[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", each.name).upper()] = strawberry.enum_value(
            each.name, description=each.summary
        )


def declared(types: Iterable[ConceptType] | None) -> frozenset[declarations.ConceptType] | None:
    """The declarations of some types; None, which is all of them, without types."""
    return None if types is None else frozenset(declarations.concept_type(str(each.value)) for each in types)
