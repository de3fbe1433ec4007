"""The technical competence: one skill with its knowledge items and behavioural indicators."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_api.schema.types.concept import Concept, declared
from graphql_api.schema.types.relay import After, ConnectionArguments, First
from graphql_api.schema.types.resolver_cost import Work

if TYPE_CHECKING:
    from graphql_api.schema.types.usage import UsedInOccupationalProfilesConnection

_Used = Annotated["UsedInOccupationalProfilesConnection", strawberry.lazy("graphql_api.schema.types.usage")]


@declared
class TechnicalCompetence(Concept):
    """A release lists it with id and code only; profiles embed it without its indicators."""

    @strawberry.field(
        description="The occupational profiles that use this competence.", metadata=Work(base=15, more=25).metadata
    )
    async def used_in_occupational_profiles(self, first: First = None, after: After = None) -> _Used | None:
        """Returns a page of the profiles."""
        from graphql_api.schema.types.usage import listed_profiles_with

        return await listed_profiles_with(self, ConnectionArguments(first, after))
