"""The entry points of the graph."""

from typing import Annotated

import strawberry

from graphql_api.asyncio_tools import begin, tried
from graphql_api.competent.releases import CURRENT
from graphql_api.errors import BadUserInput, ReleaseNotFound
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.behavioural_indicator import BehaviouralIndicator
from graphql_api.schema.types.comparison import (
    GAP_WORK,
    MATCHES_WORK,
    CompetenceGap,
    ProfileMatchConnection,
    competence_gap,
    profiles_for_competences,
)
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import TYPES
from graphql_api.schema.types.digital_skill import DigitalSkill
from graphql_api.schema.types.filter import FILTER_WORK, occupational_profiles
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.knowledge import Knowledge
from graphql_api.schema.types.lookups import collection, find, single
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import MOST, After, First, Paging
from graphql_api.schema.types.release import Release, releases
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.root_field import InRelease, of_query
from graphql_api.schema.types.search import SEARCH, SEARCH_WORK, SUGGEST, SUGGEST_WORK, search, suggest
from graphql_api.schema.types.skill import Skill
from graphql_api.schema.types.soft_skill import SoftSkill
from graphql_api.schema.types.technical_competence import TechnicalCompetence

CONCEPTS: dict[str, type[Concept]] = {kind.__name__: kind for kind in TYPES.values()}


async def _node(loaders: Loaders, id: str) -> Node | None:
    return await node_of(loaders, NodeId.parse(id))


async def node_of(loaders: Loaders, node_id: NodeId) -> Node | None:
    """The node with this id; None where it does not exist, or no longer."""
    try:
        if node_id.type_name == "Release" and node_id.uuid is None:
            exists = await loaders.release_exists(node_id.release)
            return Release(loaders=loaders, number=node_id.release) if exists else None
        if node_id.uuid is None or node_id.type_name not in CONCEPTS:
            raise BadUserInput("This is not an id of this server; take ids from the `id` field of a node.")
        return await find(CONCEPTS[node_id.type_name], loaders, node_id.release, node_id.uuid, None)
    except ReleaseNotFound:
        return None


@strawberry.type(description="The entry points of Competent's graph.")
class Query:
    """One field for each way in."""

    @strawberry.field(
        description="Anything by its global id; null where it does not exist.", metadata=Work(base=1).metadata
    )
    async def node(
        self, info: strawberry.Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        """One node."""
        return await node_of(info.context.loaders, NodeId.parse(id))

    @strawberry.field(
        description="Several things by their global ids, in the same order, with null for what does not exist.",
        metadata=Work(arguments=(Per("ids", 1, "item"),)).metadata,
    )
    async def nodes(
        self,
        info: strawberry.Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Global ids, at most {MOST}.")],
    ) -> list[Node | None]:
        """Several nodes; the loads of all of them are one batch."""
        if len(ids) > MOST:
            raise BadUserInput(f"`ids` has {len(ids)} ids; the limit is {MOST}.")
        # An exception in the list is an error at its place, and leaves the others.
        return await tried(begin(_node(info.context.loaders, each)) for each in ids)  # type: ignore[return-value]

    @strawberry.field(description="All releases that Competent serves, the newest first.")
    async def releases(self, info: strawberry.Info) -> list[Release] | None:
        """The releases."""
        return await releases(info.context.loaders)

    @strawberry.field(description="One release.")
    async def release(
        self,
        info: strawberry.Info,
        number: InRelease = CURRENT,
    ) -> Release | None:
        """A release that exists."""
        loaders: Loaders = info.context.loaders
        pinned = await loaders.release_number(number)
        if not await loaders.release_exists(pinned):
            raise ReleaseNotFound
        return Release(loaders=loaders, number=pinned)

    occupational_profile = of_query(
        single(OccupationalProfile), "One occupational profile; null where it does not exist."
    )
    technical_competence = of_query(
        single(TechnicalCompetence), "One technical competence; null where it does not exist."
    )
    skill = of_query(single(Skill), "One skill; null where it does not exist.")
    knowledge = of_query(single(Knowledge), "One knowledge item; null where it does not exist.")
    behavioural_indicator = of_query(
        single(BehaviouralIndicator), "One behavioural indicator; null where it does not exist."
    )
    soft_skill = of_query(single(SoftSkill), "One soft skill; null where it does not exist.")
    digital_skill = of_query(single(DigitalSkill), "One digital skill; null where it does not exist.")
    occupational_profiles = of_query(occupational_profiles, "The occupational profiles of a release.", FILTER_WORK)
    technical_competences = of_query(collection(TechnicalCompetence), "The technical competences of a release.")
    skills = of_query(collection(Skill), "The skills of a release.")
    knowledge_items = of_query(collection(Knowledge), "The knowledge items of a release.")
    behavioural_indicators = of_query(collection(BehaviouralIndicator), "The behavioural indicators of a release.")
    soft_skills = of_query(collection(SoftSkill), "The soft skills of a release.")
    digital_skills = of_query(collection(DigitalSkill), "The digital skills of a release.")
    search = of_query(search, SEARCH, SEARCH_WORK)
    suggest = of_query(suggest, SUGGEST, SUGGEST_WORK)

    @strawberry.field(
        description="What lies between two occupational profiles of one release: what both hold, what is missing, what is over.",
        metadata=GAP_WORK.metadata,
    )
    async def competence_gap(
        self,
        info: strawberry.Info,
        from_: Annotated[
            strawberry.ID, strawberry.argument(name="from", description="Global id of the profile that one comes from.")
        ],
        to: Annotated[strawberry.ID, strawberry.argument(description="Global id of the profile that one goes to.")],
    ) -> CompetenceGap | None:
        """Null where one of them does not exist."""
        return await competence_gap(info.context.loaders, NodeId.parse(from_), NodeId.parse(to))

    @strawberry.field(
        description="The occupational profiles that fit what somebody has, the best first.",
        metadata=MATCHES_WORK.metadata,
    )
    async def profiles_for_competences(
        self,
        info: strawberry.Info,
        have: Annotated[
            list[strawberry.ID],
            strawberry.argument(
                description="Global ids of technical competences, skills, knowledge items and soft skills, all of one release."
            ),
        ],
        first: First = None,
        after: After = None,
    ) -> ProfileMatchConnection | None:
        """Matches with their evidence."""
        ids = [NodeId.parse(each) for each in have]
        return await profiles_for_competences(info.context.loaders, ids, Paging(first, after))
