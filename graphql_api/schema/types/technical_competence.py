"""Technical competences: one skill with its knowledge items and behavioural indicators."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_api.competent import routes
from graphql_api.schema.types.behavioural_indicator import BehaviouralIndicator
from graphql_api.schema.types.concept import Concept, many, one
from graphql_api.schema.types.document_view import reads
from graphql_api.schema.types.knowledge import Knowledge
from graphql_api.schema.types.relay import After, First, Paging
from graphql_api.schema.types.skill import Skill

if TYPE_CHECKING:
    from graphql_api.schema.types.usage import UsedInOccupationalProfilesConnection
from graphql_api.schema.types.resolver_cost import Work

_Used = Annotated["UsedInOccupationalProfilesConnection", strawberry.lazy("graphql_api.schema.types.usage")]


@strawberry.type(
    description="One skill with the knowledge that it takes and the behaviour that it shows in (Dutch: technische competentie)."
)
class TechnicalCompetence(Concept):
    """Listed by a release with id and code only; embedded in profiles without its indicators."""

    route = routes.TECHNICAL_COMPETENCE
    skill: Skill | None = reads("skill", convert=one(Skill), description="What one can do.")
    knowledge_items: list[Knowledge] | None = reads(
        "knowledgeItems", convert=many(Knowledge), description="What one knows for it."
    )
    behavioural_indicators: list[BehaviouralIndicator] | None = reads(
        "behaviouralIndicators", convert=many(BehaviouralIndicator), description="How it shows."
    )

    @strawberry.field(
        description="The occupational profiles that use this competence.", metadata=Work(base=15, more=25).metadata
    )
    async def used_in_occupational_profiles(self, first: First = None, after: After = None) -> _Used | None:
        """A page of the profiles."""
        from graphql_api.schema.types.usage import behind_link

        return await behind_link(self, Paging(first, after))
