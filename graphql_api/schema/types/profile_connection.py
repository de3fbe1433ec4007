"""A page of occupational profiles, with facets: how many of them have each value that profiles can be filtered by."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Generic, TypeVar

import strawberry

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, Field, Terms
from graphql_api.competent.isco import MAX_DIGITS, is_group
from graphql_api.competent.values import ISCO
from graphql_api.errors import BadUserInput
from graphql_api.index.facets import Facets
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_factory import concepts_as
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import Connection, ConnectionArguments
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.value_types import CODES, Classification, Scheme, facets_of, scheme_name, term, term_type

T = TypeVar("T")

Level = Annotated[
    int | None,
    strawberry.argument(
        description=f"Count groups of ISCO-08 with this number of digits, from 1 to {MAX_DIGITS}; if omitted, the codes that "
        "profiles have."
    ),
]
_FACET_WORK = Work(base=10)


@strawberry.type(description="A value, and how many of the profiles have it.")
class Facet(Generic[T]):
    """An item of ProfileFacets."""

    value: T = strawberry.field(description="The value.")
    count: int = strawberry.field(description="The number of profiles of the whole list that have it.")


def _facet_field(field: Field, terms: Terms) -> object:
    """Returns the field of ProfileFacets for the terms of a declared field."""
    term_class = term_type(terms)

    about = field.description.replace("the occupation.", "these occupations")

    def resolver(self):  # type: ignore[no-untyped-def]  # strawberry takes the type from `graphql_type`
        values = self.facets.values(terms.scheme)
        return _counted(
            (term(terms, value, self.loaders, self.release), value.members & self.members) for value in values
        )

    return strawberry.field(
        resolver=resolver,
        name=field.name,
        graphql_type=list[Facet[term_class]],  # type: ignore[valid-type]  # strawberry reads it
        description=f"{about}: the most frequent first, then by code.",
        metadata={"length": terms.listed, **_FACET_WORK.metadata},
    )


@strawberry.type(
    description="Values of all profiles of a list, under its filter and not only on its page; each with the number of profiles."
)
class ProfileFacets:
    """The facets of a set of profiles; each is counted when it is selected."""

    loaders: strawberry.Private[Loaders]
    release: strawberry.Private[str]
    facets: strawberry.Private[Facets]
    members: strawberry.Private[int]

    vars().update(
        {
            field.name: _facet_field(field, field.value)
            for field in OCCUPATIONAL_PROFILE.fields
            if isinstance(field.value, Terms)
        }
    )

    @strawberry.field(
        description="Codes in a classification: the most frequent first, then by code.",
        metadata={"length": CODES, **_FACET_WORK.metadata},
    )
    def classifications(self, scheme: Scheme = ISCO, level: Level = None) -> list[Facet[Classification]] | None:
        """Returns the codes that profiles have, or the groups of ISCO-08 at a level."""
        if level is not None and not 1 <= level <= MAX_DIGITS:
            raise BadUserInput(f"`level` is {level}; it must be between 1 and {MAX_DIGITS}.")
        name = scheme_name(scheme)
        codes = self.facets.codes(name) if level is None else self.facets.groups(name)
        return _counted(
            (Classification.of(name, code, self.loaders, self.release), members & self.members)
            for code, members in codes.items()
            if level is None or (is_group(name, code) and len(code) == level)
        )


def _counted(values: Iterable[tuple[T, int]]) -> list[Facet[T]]:
    """Returns the facets of values that some profile has; `values` have their profiles and are in order of code."""
    facets = [Facet(value=value, count=members.bit_count()) for value, members in values if members]
    return sorted(facets, key=lambda facet: -facet.count)


@strawberry.type(description="A page of occupational profiles.")
class OccupationalProfileConnection(Connection[OccupationalProfile]):
    """A connection whose whole list is `row_ids` in the index; None for all profiles of the release."""

    loaders: strawberry.Private[Loaders]
    release: strawberry.Private[str]
    row_ids: strawberry.Private[Sequence[int] | None]

    @strawberry.field(
        description="How many of the profiles in the whole list have each value.", metadata=Work(base=20).metadata
    )
    async def facets(self) -> ProfileFacets | None:
        """Returns the facets, from the index."""
        facets = await facets_of(self.loaders, self.release)
        members = facets.everything if self.row_ids is None else facets.members(self.row_ids)
        return ProfileFacets(loaders=self.loaders, release=self.release, facets=facets, members=members)


async def profiles_page(
    loaders: Loaders, number: str, scope: str, row_ids: Sequence[int], paging: ConnectionArguments
) -> OccupationalProfileConnection:
    """Returns a page of the profiles with these row ids; `scope` names the list."""
    window = paging.window(scope, len(row_ids))
    nodes = await concepts_as(OccupationalProfile, loaders, number, row_ids[window.start : window.stop])
    return OccupationalProfileConnection(window=window, items=nodes, loaders=loaders, release=number, row_ids=row_ids)
