"""The history of a concept over the indexed releases: where it is, what replaced it, and what it replaced."""

from collections.abc import Sequence
from enum import Enum

import strawberry

from graphql_api.asyncio_tools import gather_started
from graphql_api.competent.declarations import Length
from graphql_api.index import succession as index
from graphql_api.index.concepts import Key, by_key
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concept
from graphql_api.schema.types.release import Release


@strawberry.type(description="Whether a concept is in a release, and what differs there.")
class ReleasePresence:
    """An item of `Concept.history`."""

    release: Release = strawberry.field(description="An indexed release.")
    exists: bool = strawberry.field(description="Whether the concept is in it, with the same uuid.")
    changed_fields: list[str] = strawberry.field(
        description="Names of the fields that differ from the indexed release before, as in `changes`. Empty if the concept is "
        "in only one of the two.",
        metadata={"length": Length(1, 20)},
    )


@strawberry.enum(
    description="Why a concept is taken for the successor of another: the strongest evidence, and for a chain of successors the "
    "weakest of theirs."
)
class SuccessionEvidence(Enum):
    """GraphQL enum of `index.succession.Evidence`."""

    UUID = strawberry.enum_value(1, description="It has the same uuid: it is the same concept.")
    CODE = strawberry.enum_value(
        2, description="It has the code of a concept that ended, and a similar label or much of what that one had."
    )
    LABEL = strawberry.enum_value(3, description="It is called the same or nearly the same.")
    SHARED_COMPETENCES = strawberry.enum_value(
        4,
        description="It has gained what the other one had: its competences, or its place in competences and profiles.",
    )


@strawberry.type(description="A concept that took the place of another. Always inferred: Competent does not say it.")
class Succession:
    """An item of `Concept.replacedBy` and `Concept.replaces`."""

    concept: Concept = strawberry.field(description="The concept in the other release.")
    evidence: SuccessionEvidence = strawberry.field(description="Why.")
    score: float = strawberry.field(
        description="How certain it is, from 0.55 for a single step to 1. The scores of a chain of successors are multiplied."
    )


async def history_of(of: Concept) -> list[ReleasePresence]:
    """Returns where a concept is, the oldest release first."""
    view = of.view
    timeline = await view.loaders.timeline(view.release)
    return [
        ReleasePresence(
            release=Release(loaders=view.loaders, number=presence.release),
            exists=presence.exists,
            changed_fields=list(presence.changed_fields),
        )
        for presence in timeline.presence(view.release, _key(of))
    ]


async def replaced_by(of: Concept) -> list[Succession] | None:
    """Returns what a concept is in the newest release; None if it is in that one."""
    view = of.view
    timeline = await view.loaders.timeline(view.release)
    successors = timeline.successors(view.release, _key(of))
    if successors is None:
        return None
    return await _successions(view.loaders, [(timeline.newest, successor) for successor in successors])


async def replaces(of: Concept) -> list[Succession] | None:
    """Returns the ended concepts that a concept replaces; None if there is no earlier release."""
    view = of.view
    timeline = await view.loaders.timeline(view.release)
    predecessors = timeline.predecessors(view.release, _key(of))
    if predecessors is None:
        return None
    return await _successions(view.loaders, [(one.release, one.successor) for one in predecessors])


def _key(of: Concept) -> Key:
    return of.declaration.number, of.view.id


async def _successions(loaders: Loaders, successors: Sequence[tuple[str, index.Successor]]) -> list[Succession]:
    concepts = await gather_started(loaders.look_up(release, by_key, one.key) for release, one in successors)
    return [
        Succession(
            concept=concept(loaders, release, indexed), evidence=SuccessionEvidence(one.evidence.value), score=one.score
        )
        for (release, one), indexed in zip(successors, concepts, strict=True)
        if indexed is not None  # all are: they come from the same indexes
    ]
