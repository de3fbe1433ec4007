"""Comparison of profiles: the gap between two, similar ones, and matches for a person's competences.

Every result comes with its evidence: the shared, missing or surplus competences.
"""

import strawberry

from graphql_api.asyncio_tools import gather_started, start_eagerly
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, ConceptType, Length
from graphql_api.errors import BadUserInput, ReleaseNotFound
from graphql_api.index.concepts import IndexedConcept, by_uuid
from graphql_api.index.similarity import GROUPED, HAVE, Groups, Match, gap, matches, similar
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_factory import concepts_as
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.global_id import NodeId
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import MAX_ITEMS, ConnectionArguments, PageInfo, Slice
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.technical_competence import TechnicalCompetence

MAX_SIMILAR = 50
GAP_WORK = Work(base=110)
MATCHES_WORK = Work(base=600, item=16, more_items=60, arguments=(Per("have", 6, "item"),))
"""Measured on the profiles with the most competences, and on the competences used by the most profiles."""
HAVE_PLURALS = " and ".join((", ".join(type.plural for type in HAVE[:-1]), HAVE[-1].plural))
"""The types allowed in `have`, as text."""


def _group(position: int, declared: ConceptType) -> object:
    """Returns the field of CompetenceGroup for one concept type."""
    concept_class = CONCEPTS[declared.name]

    async def resolver(self):  # type: ignore[no-untyped-def]  # strawberry takes the type from `graphql_type`
        return await concepts_as(concept_class, self.loaders, self.release, self.groups[position])

    return strawberry.field(
        resolver=resolver,
        name=declared.listing,
        graphql_type=list[concept_class] | None,  # type: ignore[valid-type]  # strawberry reads it
        description=f"{declared.plural.capitalize()}.",
        metadata={"length": declared.group_length},
    )


@strawberry.type(description="Concepts grouped by type, each list ordered by code.")
class CompetenceGroup:
    """Groups from the index; each list is looked up only if it is selected."""

    loaders: strawberry.Private[Loaders]
    release: strawberry.Private[str]
    groups: strawberry.Private[Groups]

    vars().update({declared.listing: _group(position, declared) for position, declared in enumerate(GROUPED)})


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
    indexed = await _indexed_concepts(loaders, [start, goal])
    if len(indexed) < len({start, goal}):
        return None
    number, row_ids = start.release, (indexed[start].row_id, indexed[goal].row_id)
    difference = await loaders.ask(await loaders.index(number), gap, *row_ids)
    from_, to = await concepts_as(OccupationalProfile, loaders, number, row_ids)
    return CompetenceGap(
        from_=from_,
        to=to,
        coverage=difference.coverage,
        shared=CompetenceGroup(loaders=loaders, release=number, groups=difference.shared),
        missing=CompetenceGroup(loaders=loaders, release=number, groups=difference.missing),
        surplus=CompetenceGroup(loaders=loaders, release=number, groups=difference.surplus),
    )


async def similar_profiles(view: DocumentView, first: int) -> list[SimilarProfile]:
    """Returns the `first` profiles most similar to one; raises BadUserInput if `first` is out of range."""
    if not 0 <= first <= MAX_SIMILAR:
        raise BadUserInput(f"`first` is {first}; it must be between 0 and {MAX_SIMILAR}.")
    loaders, number = view.loaders, view.release
    indexed = await _indexed_concepts(loaders, [NodeId(OCCUPATIONAL_PROFILE.name, number, view.uuid)])
    results = [
        result
        for concept in indexed.values()
        for result in await loaders.ask(await loaders.index(number), similar, concept.row_id, first)
    ]
    profiles = await concepts_as(OccupationalProfile, loaders, number, (result.profile for result in results))
    shared = await gather_started(
        start_eagerly(concepts_as(TechnicalCompetence, loaders, number, result.shared)) for result in results
    )
    return [
        SimilarProfile(profile=profile, score=result.score, shared_competences=competences)
        for profile, result, competences in zip(profiles, results, shared, strict=True)
    ]


async def profiles_for_competences(
    loaders: Loaders, have: list[NodeId], paging: ConnectionArguments
) -> ProfileMatchConnection | None:
    """Returns a page of the profiles that match what a person has; raises BadUserInput if `have` is invalid."""
    if not 0 < len(have) <= MAX_ITEMS:
        raise BadUserInput(f"`have` has {len(have)} ids; it must have between 1 and {MAX_ITEMS}.")
    number = have[0].release
    if other := next((node_id for node_id in have if node_id.release != number), None):
        raise BadUserInput(
            f"The ids in `have` are of several releases: '{have[0]}' of {number}, '{other}' of {other.release}; "
            "all must be of the same release."
        )
    names = {type.name for type in HAVE}
    if wrong := next((node_id for node_id in have if node_id.type_name not in names), None):
        raise BadUserInput(f"'{wrong}' is an id of type {wrong.type_name}; `have` must have ids of {HAVE_PLURALS}.")
    row_ids = sorted(indexed.row_id for indexed in (await _indexed_concepts(loaders, have)).values())
    scope = f"matches {number} {row_ids}"
    index = await loaders.index(number)
    results, total = await loaders.ask(index, matches, row_ids, lambda total: paging.window(scope, total).bounds)
    return await _matches(loaders, number, paging.window(scope, total), results)


async def _matches(loaders: Loaders, number: str, window: Slice, results: list[Match]) -> ProfileMatchConnection:
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
    return ProfileMatchConnection(edges=edges, nodes=nodes, page_info=window.info(cursors), total_count=window.total)


async def _indexed_concepts(loaders: Loaders, ids: list[NodeId]) -> dict[NodeId, IndexedConcept]:
    """Returns the concepts of these ids, all of one release, that exist."""
    keys = [node_id.concept_key for node_id in ids]
    try:
        concepts = await loaders.look_up_all(ids[0].release, by_uuid, keys)
    except ReleaseNotFound:
        return {}
    return {node_id: concept for node_id, concept in zip(ids, concepts, strict=True) if concept}
