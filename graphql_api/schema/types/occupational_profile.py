"""The occupational profile: an occupation and its competences."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_api.schema.types.concept import Concept, declared
from graphql_api.schema.types.resolver_cost import Work

if TYPE_CHECKING:
    from graphql_api.schema.types.similar_profiles import SimilarProfile

_Similar = Annotated["SimilarProfile", strawberry.lazy("graphql_api.schema.types.similar_profiles")]


@declared
class OccupationalProfile(Concept):
    """A release lists it with id, code and title only."""

    @strawberry.field(
        description="Profiles that share technical competences with this one, most similar first. If there are none: profiles "
        "that share skills with it. `basis` says which.",
        metadata=Work(base=25, more=80, item=24, more_items=50).metadata,
    )
    async def similar_profiles(
        self,
        first: Annotated[int, strawberry.argument(description="The number of profiles to return; at most 50.")] = 10,
    ) -> list[_Similar] | None:
        """Returns similar profiles with the shared competences, from the index."""
        from graphql_api.schema.types.similar_profiles import similar_profiles

        return await similar_profiles(self, first)
