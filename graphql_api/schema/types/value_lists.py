"""The lists of Release by which profiles are browsed: terms and classifications, each with its number of profiles."""

from typing import Annotated

import strawberry

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, Field, Length, Terms
from graphql_api.competent.values import ISCO
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.root_field import RootField, RootResolver
from graphql_api.schema.types.value_types import Classification, Scheme, classifications, facets_of, term, term_type

LIST_WORK = Work(base=60)
_CLASSIFICATION_WORK = Work(base=60, arguments=(Per("scheme", 4_000, "given"),))
"""Another classification than ISCO-08 has no tree, so all its codes are listed."""
_TOP_GROUPS = Length(10, 10)
"""Number of broadest groups of ISCO-08."""

Broader = Annotated[
    str | None,
    strawberry.argument(
        description="List the groups directly below this code of ISCO-08; if omitted, the broadest groups, or all codes of "
        "another classification."
    ),
]


def _terms_of(terms: Terms) -> RootResolver:
    """Returns a resolver of all terms that profiles of a release have."""
    term_class = term_type(terms)

    async def resolver(loaders: Loaders, number: str) -> list[term_class] | None:  # type: ignore[valid-type]  # strawberry reads it
        facets = await facets_of(loaders, number)
        return [term(terms, value, loaders, number) for value in facets.values(terms.scheme)]

    return resolver


def _list(field: Field, terms: Terms) -> RootField:
    what = (
        field.description.removesuffix(".").replace(" of the occupation", "").replace("the occupation", "occupations")
    )
    description = f"{what} of this release, by code."
    return RootField(field.name, _terms_of(terms), description, "", LIST_WORK, terms.listed)


async def _classifications(
    loaders: Loaders, number: str, scheme: Scheme = ISCO, broader: Broader = None
) -> list[Classification] | None:
    """Returns the codes directly below another one."""
    return await classifications(loaders, number, scheme, broader)


VALUE_LISTS = (
    *(_list(field, field.value) for field in OCCUPATIONAL_PROFILE.fields if isinstance(field.value, Terms)),
    RootField(
        "classifications",
        _classifications,
        "Codes in another classification that have profiles, by code. ISCO-08 is a tree of groups.",
        "",
        _CLASSIFICATION_WORK,
        _TOP_GROUPS,
    ),
)
"""Root fields of Release only."""
