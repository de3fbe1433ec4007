"""The GraphQL enum of concept types."""

import re
from collections.abc import Iterable
from enum import Enum

import strawberry

from graphql_api.competent import declarations
from graphql_api.competent.declarations import CONCEPT_TYPES


@strawberry.enum(description="A type of concept.")
class ConceptType(Enum):
    """GraphQL enum; the value of each member is the name of the declared type."""

    _ignore_ = "_type"
    for _type in CONCEPT_TYPES:
        vars()[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _type.name).upper()] = strawberry.enum_value(
            _type.name, description=_type.summary
        )


def declared(types: Iterable[ConceptType] | None) -> frozenset[declarations.ConceptType] | None:
    """Returns the declarations of these types; None (meaning all types) if `types` is None."""
    return None if types is None else frozenset(declarations.concept_type(str(member.value)) for member in types)
