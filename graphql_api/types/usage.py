"""Where a technical competence is used: the profiles behind its link, and how much it matters in each."""

from enum import Enum
from typing import Any

import strawberry

from graphql_api.hal import parts
from graphql_api.routes import USED_IN_PROFILES
from graphql_api.types.occupational_profile import ESSENTIAL, OPTIONAL, OccupationalProfile
from graphql_api.types.page import PageInfo, Paging
from graphql_api.types.part import Part


@strawberry.enum(description="How much a technical competence matters in an occupational profile.")
class Importance(Enum):
    """Which of the two lists of the profile names the competence."""

    ESSENTIAL = strawberry.enum_value("essential", description="It belongs to every context of the occupation.")
    OPTIONAL = strawberry.enum_value("optional", description="It depends on the context of the occupation.")


@strawberry.type(description="An occupational profile that uses the competence, and its place in the list.")
class UsedInOccupationalProfilesEdge:
    """As in Relay's Cursor Connections, with the importance."""

    competence: strawberry.Private[Part]
    node: OccupationalProfile = strawberry.field(description="The occupational profile.")
    cursor: str = strawberry.field(description="Its place, for `after`. Opaque.")

    @strawberry.field(
        description="How much the competence matters there; null where it is not known. "
        "Read in the profile itself, so it costs a document a profile."
    )
    async def importance(self) -> Importance | None:
        """The importance, from the whole profile."""
        whole = await self.node.part.load()
        wanted = str(self.competence.uuid)
        for keys, importance in ((ESSENTIAL, Importance.ESSENTIAL), (OPTIONAL, Importance.OPTIONAL)):
            if wanted in whole.read(keys, _uuids):
                return importance
        return None


@strawberry.type(description="A page of the occupational profiles that use a technical competence.")
class UsedInOccupationalProfilesConnection:
    """As in Relay's Cursor Connections, with `nodes` and `totalCount`."""

    edges: list[UsedInOccupationalProfilesEdge] = strawberry.field(
        description="The profiles of this page with their cursors."
    )
    nodes: list[OccupationalProfile] = strawberry.field(description="The profiles of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description="How many profiles use the competence.")


def _uuids(part: Part, value: Any) -> set[str]:
    return {str(each.get("id")).lower() for each in parts(value)}


async def used_in_occupational_profiles(part: Part, paging: Paging) -> UsedInOccupationalProfilesConnection:
    """A page of the profiles behind a competence's link; where the part has no link, its known path does as well."""
    path = part.follow("usedInOccupationalProfiles", USED_IN_PROFILES)
    listing = part.loaders.listing(path or USED_IN_PROFILES.path(part.release, part.uuid), paged=False)
    total = (await listing.page()).total
    window = paging.window(f"used {part.release} {part.uuid}", total)
    items = await listing.part(window.start, window.stop)
    cursors = window.cursors(len(items))
    edges = [
        UsedInOccupationalProfilesEdge(competence=part, node=profile, cursor=cursor)
        for item, cursor in zip(items, cursors, strict=True)
        if (profile := OccupationalProfile.embedded(part, item))
    ]
    return UsedInOccupationalProfilesConnection(
        edges=edges, nodes=[edge.node for edge in edges], page_info=window.info(cursors), total_count=total
    )
