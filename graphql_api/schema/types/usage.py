"""Where concepts are used: in technical competences and in profiles, with their importance there."""

from collections.abc import Sequence
from enum import Enum
from functools import cached_property

import strawberry

from graphql_api.competent.routes import USED_IN_PROFILES
from graphql_api.errors import UpstreamNotFound
from graphql_api.index.usage import Use, competences_using, importances, profiles_using
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts_as, number_in_index
from graphql_api.schema.types.concept_list import ConceptList
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import Connection, ConnectionArguments, PageInfo, Slice
from graphql_api.schema.types.technical_competence import TechnicalCompetence


@strawberry.enum(description="The importance of a technical competence in an occupational profile.")
class Importance(Enum):
    """GraphQL enum: which of the profile's two lists of competences contains the competence."""

    ESSENTIAL = strawberry.enum_value("essential", description="It belongs to every context of the occupation.")
    OPTIONAL = strawberry.enum_value("optional", description="It depends on the context of the occupation.")


@strawberry.type(description="An occupational profile that uses a concept, with its cursor.")
class UsedInOccupationalProfilesEdge:
    """An edge as in Relay's Cursor Connections, with the importance."""

    used: strawberry.Private[DocumentView]
    use: strawberry.Private[Use | None]
    node: OccupationalProfile = strawberry.field(description="The occupational profile.")
    cursor: str = strawberry.field(description="Opaque position of the item, for `after`.")

    @strawberry.field(
        description="The importance in that profile: of the competence itself, or of the competences through which the "
        "profile has the concept. Null for concepts that a profile has directly, such as soft skills."
    )
    async def importance(self) -> Importance | None:
        """Returns the importance from the index, in which all profiles of a technical competence take one lookup."""
        if self.use is not None:
            return None if self.use.essential is None else _importance(self.use.essential)
        profiles = await self.used.loaders.look_up(self.used.release, importances, self.used.id)
        essential = (profiles or {}).get(self.node.view.id)
        return None if essential is None else _importance(essential)


@strawberry.type(description="A page of the occupational profiles that use a concept.")
class UsedInOccupationalProfilesConnection:
    """A connection as in Relay's Cursor Connections, with `nodes` and `totalCount`."""

    used: strawberry.Private[DocumentView]
    window: strawberry.Private[Slice]
    profiles: strawberry.Private[Sequence[OccupationalProfile]]
    uses: strawberry.Private[Sequence[Use | None]]

    @strawberry.field(description="The profiles of this page with their cursors.")
    def edges(self) -> list[UsedInOccupationalProfilesEdge]:
        """Returns each profile with its cursor and its use."""
        return [
            UsedInOccupationalProfilesEdge(used=self.used, use=use, node=node, cursor=cursor)
            for node, use, cursor in zip(self.profiles, self.uses, self._cursors, strict=True)
        ]

    @strawberry.field(description="The profiles of this page.")
    def nodes(self) -> Sequence[OccupationalProfile]:
        """Returns the profiles."""
        return self.profiles

    @strawberry.field(description="Information about this page.")
    def page_info(self) -> PageInfo:
        """Returns the page info of the slice."""
        return self.window.info(self._cursors)

    @strawberry.field(description="The number of profiles that use it.")
    def total_count(self) -> int:
        """Returns the length of the whole list."""
        return self.window.total

    @cached_property
    def _cursors(self) -> list[str]:
        return self.window.cursors(len(self.profiles))


def _importance(essential: bool) -> Importance:
    return Importance.ESSENTIAL if essential else Importance.OPTIONAL


async def listed_profiles_with(used: Concept, paging: ConnectionArguments) -> UsedInOccupationalProfilesConnection:
    """Returns a page of the profiles that use a competence: from a whole index, or from upstream's own list.

    Both may be in different orders, so a cursor continues the one that it comes from.
    """
    view = used.view
    scope = f"used {view.release} {view.id}"
    index = view.loaders.cached_index(view.release)
    has_index = index is not None and not index.missing
    if paging.continues(_index_scope(view)) or (has_index and not paging.continues(scope)):
        return await profiles_with(used, paging)
    listing = view.loaders.listing(USED_IN_PROFILES.path(view.release, view.id), paged=False)
    try:
        total = (await listing.page()).total
    except UpstreamNotFound:  # upstream has no such list: fall back to the index
        return await profiles_with(used, paging)
    window = paging.window(scope, total)
    items = [item for item in await listing.part(window.start, window.stop) if "id" in item]
    profiles = ConceptList(OccupationalProfile, view.loaders, view.release, items)
    return UsedInOccupationalProfilesConnection(
        used=view, window=window, profiles=profiles, uses=[None] * len(profiles)
    )


async def profiles_with(used: Concept, paging: ConnectionArguments) -> UsedInOccupationalProfilesConnection:
    """Returns a page of the profiles that use a concept, from the index."""
    view = used.view
    row_id = await number_in_index(used)
    uses = (await view.loaders.look_up(view.release, profiles_using, row_id) or []) if row_id else []
    window = paging.window(_index_scope(view), len(uses))
    page = uses[window.start : window.stop]
    profiles = await concepts_as(OccupationalProfile, view.loaders, view.release, (use.row_id for use in page))
    return UsedInOccupationalProfilesConnection(used=view, window=window, profiles=profiles, uses=page)


async def competences_with(part: Concept, paging: ConnectionArguments) -> Connection[TechnicalCompetence]:
    """Returns a page of the technical competences that contain a concept, from the index."""
    view = part.view
    row_id = await number_in_index(part)
    uses = (await view.loaders.look_up(view.release, competences_using, row_id) or []) if row_id else []
    window = paging.window(f"competences {view.release} {view.id}", len(uses))
    page = uses[window.start : window.stop]
    competences = await concepts_as(TechnicalCompetence, view.loaders, view.release, page)
    return Connection(window=window, items=competences)


def _index_scope(used: DocumentView) -> str:
    return f"profiles {used.release} {used.id}"
