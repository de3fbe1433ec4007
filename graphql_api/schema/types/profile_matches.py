"""The profiles that match what a person has, with the matched and missing concepts as evidence."""

from typing import Annotated

import strawberry

from graphql_api.competent.declarations import Length
from graphql_api.errors import BadUserInput
from graphql_api.index.similarity import HAVE, Match, matches
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.competence_gap import CompetenceGroup
from graphql_api.schema.types.concept_factory import concepts_as
from graphql_api.schema.types.concept_ref import ConceptRef, TranslatedId
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.references import REF_UNITS, Resolved, plurals, resolve
from graphql_api.schema.types.relay import MAX_ITEMS, After, ConnectionArguments, First, PageInfo, Slice
from graphql_api.schema.types.resolver_cost import Per, Work

MATCHES_WORK = Work(base=600, item=16, more_items=60, arguments=(Per("have", 6 + REF_UNITS, "item"),))
"""Measured on the competences used by the most profiles."""

Have = Annotated[
    list[ConceptRef], strawberry.argument(description=f"What the person has: {plurals(HAVE)}; at most {MAX_ITEMS}.")
]


@strawberry.type(description="An occupational profile compared with what a person has.")
class ProfileMatch:
    """A node of `profilesForCompetences`."""

    profile: OccupationalProfile = strawberry.field(description="The profile.")
    coverage: float = strawberry.field(
        description="The share of what the profile needs that the person has, from 0 to 1, over the types in `have`. What is "
        "needed in an essential competence counts double."
    )
    matched: CompetenceGroup = strawberry.field(description="What the profile needs and the person has.")
    missing: CompetenceGroup = strawberry.field(description="What the profile needs and the person lacks.")


@strawberry.type(description="A match, with its cursor.")
class ProfileMatchEdge:
    """An edge as in Relay's Cursor Connections."""

    node: ProfileMatch = strawberry.field(description="The match.")
    cursor: str = strawberry.field(description="Opaque position of the item, for `after`.")


@strawberry.type(description="A page of matches, the best first.")
class ProfileMatchConnection:
    """A connection as in Relay's Cursor Connections, with `nodes` and `totalCount`."""

    edges: list[ProfileMatchEdge] = strawberry.field(description="The matches of this page with their cursors.")
    nodes: list[ProfileMatch] = strawberry.field(description="The matches of this page.")
    page_info: PageInfo = strawberry.field(description="Information about this page.")
    total_count: int = strawberry.field(description="The number of profiles that match.")
    translated: list[TranslatedId] = strawberry.field(
        description="Ids of other releases in `have`, and the ids that were used instead.",
        metadata={"length": Length(0, MAX_ITEMS)},
    )


async def profiles_for_competences(
    loaders: Loaders, release: str | None, have: Have, first: First = None, after: After = None
) -> ProfileMatchConnection | None:
    """Returns a page of the profiles that match what a person has; raises BadUserInput if `have` is invalid."""
    paging = ConnectionArguments(first, after)
    if not 0 < len(have) <= MAX_ITEMS:
        raise BadUserInput(f"`have` has {len(have)} entries; it must have between 1 and {MAX_ITEMS}.")
    resolved = await resolve(loaders, release, {f"have[{position}]": ref for position, ref in enumerate(have)})
    concepts = resolved.require(HAVE)
    row_ids = sorted({concept.row_id for concept in concepts})
    # By uuid, because replicas that index a release for themselves number its concepts in orders of their own.
    scope = f"matches {resolved.release} {sorted({str(concept.uuid) for concept in concepts})}"
    index = await loaders.index(resolved.release)
    results, total = await loaders.ask(index, matches, row_ids, lambda total: paging.window(scope, total).bounds)
    return await _connection(loaders, resolved, paging.window(scope, total), results)


async def _connection(
    loaders: Loaders, resolved: Resolved, window: Slice, results: list[Match]
) -> ProfileMatchConnection:
    number = resolved.release
    profiles = await concepts_as(OccupationalProfile, loaders, number, (result.profile for result in results))
    nodes = [
        ProfileMatch(
            profile=profile,
            coverage=result.coverage,
            matched=CompetenceGroup(loaders=loaders, release=number, groups=result.matched),
            missing=CompetenceGroup(loaders=loaders, release=number, groups=result.missing),
        )
        for profile, result in zip(profiles, results, strict=True)
    ]
    cursors = window.cursors(len(nodes))
    edges = [ProfileMatchEdge(node=node, cursor=cursor) for node, cursor in zip(nodes, cursors, strict=True)]
    return ProfileMatchConnection(
        edges=edges,
        nodes=nodes,
        page_info=window.info(cursors),
        total_count=window.total,
        translated=list(resolved.translated),
    )
