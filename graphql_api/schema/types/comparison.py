"""Comparison of profiles: the gap between two, similar ones, and matches for a person's competences.

Every result comes with its evidence: the shared, missing or surplus competences.
"""

from typing import Any

import strawberry

from graphql_api.asyncio_tools import all_of, begin
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, ConceptType, Length
from graphql_api.errors import BadUserInput, ReleaseNotFound
from graphql_api.index.concepts import IndexedConcept, by_uuid
from graphql_api.index.similarity import GROUPED, HAVE, Groups, Match, gap, matches, similar
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_factory import concepts
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.global_id import NodeId
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import MOST, ConnectionArguments, PageInfo, Slice
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.technical_competence import TechnicalCompetence

MOST_SIMILAR = 50
GAP_WORK = Work(base=110)
MATCHES_WORK = Work(base=600, item=16, more_items=60, arguments=(Per("have", 6, "item"),))
"""Measured on the profiles with the most competences, and on the competences used by the most profiles."""
HAVE_PLURALS = " and ".join((", ".join(each.plural for each in HAVE[:-1]), HAVE[-1].plural))
"""The types allowed in `have`, as text."""


def _group(place: int, declared: ConceptType) -> Any:
    """Returns the field of CompetenceGroup for one concept type."""

    kind: Any = CONCEPTS[declared.name]

    async def resolver(self):  # type: ignore[no-untyped-def]  # strawberry takes the type from `graphql_type`
        return await concepts(self.loaders, self.release, self.groups[place])

    return strawberry.field(
        resolver=resolver,
        name=declared.listing,
        graphql_type=list[kind] | None,
        description=f"{declared.plural.capitalize()}.",
        metadata={"length": declared.group_length},
    )


@strawberry.type(description="Concepts grouped by type, each list ordered by code.")
class CompetenceGroup:
    """Groups from the index; each list is looked up only if it is selected."""

    loaders: strawberry.Private[Loaders]
    release: strawberry.Private[str]
    groups: strawberry.Private[Groups]

    vars().update({declared.listing: _group(place, declared) for place, declared in enumerate(GROUPED)})


@strawberry.type(description="The difference between two occupational profiles.")
class CompetenceGap:
    """The result of Query.competenceGap."""

    from_: OccupationalProfile = strawberry.field(name="from", description="The profile to start from.")
    to: OccupationalProfile = strawberry.field(description="The profile to go to.")
    coverage: float = strawberry.field(
        description="The share of the technical competences of `to` that `from` has, from 0 to 1. Essential ones count double."
    )
    shared: CompetenceGroup = strawberry.field(description="What both profiles have.")
    missing: CompetenceGroup = strawberry.field(description="What only `to` has.")
    surplus: CompetenceGroup = strawberry.field(description="What only `from` has.")


@strawberry.type(description="An occupational profile similar to another.")
class SimilarProfile:
    """An item of OccupationalProfile.similarProfiles."""

    profile: OccupationalProfile = strawberry.field(description="The profile.")
    score: float = strawberry.field(
        description="The similarity, from 0 to 1: technical competences of both profiles as a share of those of either, with "
        "essential ones counted double (weighted Jaccard index)."
    )
    shared_competences: list[TechnicalCompetence] = strawberry.field(
        description="Technical competences of both profiles: those essential in both first, then by code.",
        metadata={"length": Length(12, 60)},
    )


@strawberry.type(description="An occupational profile compared with what a person has.")
class ProfileMatch:
    """A node of Query.profilesForCompetences."""

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


async def competence_gap(loaders: Loaders, start: NodeId, goal: NodeId) -> CompetenceGap | None:
    """Returns the difference between two profiles of one release; None if one of them does not exist.

    Raises BadUserInput if the ids are of different releases or not of profiles.
    """
    if start.release != goal.release:
        raise BadUserInput(
            f"`from` is of release {start.release}, `to` of release {goal.release}; both must be of the same release."
        )
    for name, end in (("from", start), ("to", goal)):
        if end.type_name != OCCUPATIONAL_PROFILE.name:
            raise BadUserInput(
                f"`{name}` is an id of type {end.type_name}; it must be the id of an occupational profile."
            )
    found = await _things(loaders, [start, goal])
    if len(found) < len({start, goal}):
        return None
    number, ends = start.release, (found[start].row_id, found[goal].row_id)
    answer = await loaders.ask(await loaders.index(number), gap, *ends)
    profiles: list[Any] = await concepts(loaders, number, ends)
    groups = [CompetenceGroup(loaders=loaders, release=number, groups=each) for each in answer[1:]]
    return CompetenceGap(
        from_=profiles[0],
        to=profiles[1],
        coverage=answer.coverage,
        shared=groups[0],
        missing=groups[1],
        surplus=groups[2],
    )


async def similar_profiles(view: DocumentView, first: int) -> list[SimilarProfile]:
    """Returns the `first` profiles most similar to one; raises BadUserInput if `first` is out of range."""
    if not 0 <= first <= MOST_SIMILAR:
        raise BadUserInput(f"`first` is {first}; it must be between 0 and {MOST_SIMILAR}.")
    found = await _things(view.loaders, [NodeId(OCCUPATIONAL_PROFILE.name, view.release, view.uuid)])
    alike = [
        each
        for thing in found.values()
        for each in await view.loaders.ask(await view.loaders.index(view.release), similar, thing.row_id, first)
    ]
    profiles: list[Any] = await concepts(view.loaders, view.release, (each.profile for each in alike))
    shared: list[Any] = await all_of(begin(concepts(view.loaders, view.release, each.shared)) for each in alike)
    return [
        SimilarProfile(profile=profile, score=each.score, shared_competences=competences)
        for profile, each, competences in zip(profiles, alike, shared, strict=True)
    ]


async def profiles_for_competences(
    loaders: Loaders, have: list[NodeId], paging: ConnectionArguments
) -> ProfileMatchConnection | None:
    """Returns a page of the profiles that match what a person has; raises BadUserInput if `have` is invalid."""
    if not 0 < len(have) <= MOST:
        raise BadUserInput(f"`have` has {len(have)} ids; it must have between 1 and {MOST}.")
    numbers = {each.release for each in have}
    if len(numbers) > 1:
        other = next(each for each in have if each.release != have[0].release)
        raise BadUserInput(
            f"The ids in `have` are of several releases: '{have[0]}' of {have[0].release}, '{other}' of {other.release}; "
            "all must be of the same release."
        )
    names = {each.name for each in HAVE}
    if wrong := next((each for each in have if each.type_name not in names), None):
        raise BadUserInput(f"'{wrong}' is an id of type {wrong.type_name}; `have` must have ids of {HAVE_PLURALS}.")
    (number,) = numbers
    things = sorted(each.row_id for each in (await _things(loaders, have)).values())
    scope = f"matches {number} {things}"
    index = await loaders.index(number)
    found, total = await loaders.ask(index, matches, things, lambda total: paging.window(scope, total).places)
    return await _matches(loaders, number, paging.window(scope, total), found)


async def _matches(loaders: Loaders, number: str, window: Slice, found: list[Match]) -> ProfileMatchConnection:
    profiles: list[Any] = await concepts(loaders, number, (each.profile for each in found))
    nodes = [
        ProfileMatch(
            profile=profile,
            coverage=each.coverage,
            matched=CompetenceGroup(loaders=loaders, release=number, groups=each.matched),
            missing=CompetenceGroup(loaders=loaders, release=number, groups=each.missing),
        )
        for profile, each in zip(profiles, found, strict=True)
    ]
    cursors = window.cursors(len(nodes))
    edges = [ProfileMatchEdge(node=node, cursor=cursor) for node, cursor in zip(nodes, cursors, strict=True)]
    return ProfileMatchConnection(edges=edges, nodes=nodes, page_info=window.info(cursors), total_count=window.total)


async def _things(loaders: Loaders, ids: list[NodeId]) -> dict[NodeId, IndexedConcept]:
    """Returns the concepts of these ids, all of one release, that exist."""
    keys = [node_id.concept_key for node_id in ids]
    try:
        found = await loaders.look_up_all(ids[0].release, by_uuid, keys)
    except ReleaseNotFound:
        return {}
    return {each: thing for each, thing in zip(ids, found, strict=True) if thing}
