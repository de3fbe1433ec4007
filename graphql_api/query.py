"""The entry points of the graph."""

import asyncio
from typing import Annotated

import strawberry

from graphql_api.errors import BadUserInput, NotIndexedYet, ReleaseNotFound
from graphql_api.loaders import CURRENT, Loaders
from graphql_api.types.behavioural_indicator import BehaviouralIndicator
from graphql_api.types.concept import Concept
from graphql_api.types.digital_skill import DigitalSkill
from graphql_api.types.entry import InRelease, find, root_collection, root_single
from graphql_api.types.knowledge import Knowledge
from graphql_api.types.node import Node, NodeId
from graphql_api.types.occupational_profile import OccupationalProfile
from graphql_api.types.page import MOST, Connection
from graphql_api.types.release import Release, releases
from graphql_api.types.skill import Skill
from graphql_api.types.soft_skill import SoftSkill
from graphql_api.types.technical_competence import TechnicalCompetence

LOADABLE: dict[str, type[Concept]] = {
    kind.__name__: kind for kind in (OccupationalProfile, TechnicalCompetence, SoftSkill)
}
BLOCKS: dict[str, type[Concept]] = {
    kind.__name__: kind for kind in (Skill, Knowledge, BehaviouralIndicator, DigitalSkill)
}


async def node_of(loaders: Loaders, node_id: NodeId) -> Node | None:
    """The node with this id; None where it does not exist, or no longer."""
    try:
        if node_id.type_name == "Release" and node_id.uuid is None:
            exists = await loaders.release_exists(node_id.release)
            return Release(loaders=loaders, number=node_id.release) if exists else None
        if node_id.type_name in BLOCKS:
            raise NotIndexedYet(
                f"A {node_id.type_name} can be had from what embeds it; it has no address of its own upstream."
            )
        if node_id.uuid is None or node_id.type_name not in LOADABLE:
            raise BadUserInput("This is not an id of this server; take ids from the `id` field of a node.")
        return await find(LOADABLE[node_id.type_name], loaders, node_id.release, node_id.uuid, None)
    except ReleaseNotFound:
        return None


@strawberry.type(description="The entry points of Competent's graph.")
class Query:
    """One field for each way in."""

    @strawberry.field(description="Anything by its global id; null where it does not exist.")
    async def node(
        self, info: strawberry.Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        """One node."""
        return await node_of(info.context.loaders, NodeId.parse(id))

    @strawberry.field(
        description="Several things by their global ids, in the same order, with null for what does not exist."
    )
    async def nodes(
        self,
        info: strawberry.Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Global ids, at most {MOST}.")],
    ) -> list[Node | None]:
        """Several nodes; the loads of all of them are one batch."""
        if len(ids) > MOST:
            raise BadUserInput(f"`ids` has {len(ids)} ids; at most {MOST} can be asked for at once.")
        parsed = [NodeId.parse(each) for each in ids]
        return list(await asyncio.gather(*(node_of(info.context.loaders, each) for each in parsed)))

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

    occupational_profile: OccupationalProfile | None = root_single(OccupationalProfile)
    technical_competence: TechnicalCompetence | None = root_single(TechnicalCompetence)
    soft_skill: SoftSkill | None = root_single(SoftSkill)
    occupational_profiles: Connection[OccupationalProfile] | None = root_collection(OccupationalProfile)
    technical_competences: Connection[TechnicalCompetence] | None = root_collection(TechnicalCompetence)
    soft_skills: Connection[SoftSkill] | None = root_collection(SoftSkill)
