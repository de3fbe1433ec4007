"""Career paths between two profiles, with the gap of each step."""

from typing import Annotated

import strawberry

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, Length
from graphql_api.errors import BadUserInput
from graphql_api.index import career_paths as index
from graphql_api.index.concepts import IndexedConcept
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.competence_gap import CompetenceGap, FromRef, ToRef, gap_of, profile_of
from graphql_api.schema.types.concept_factory import indexed_concepts
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.references import REF_UNITS, Resolved, resolve
from graphql_api.schema.types.resolver_cost import Per, Work

DEFAULT_PATHS, MAX_PATHS = 5, 50
PATHS_WORK = Work(base=200, item=30, arguments=(Per("from", REF_UNITS, "given"), Per("to", REF_UNITS, "given")))
"""Measured on the profiles with the most competences."""

FirstPaths = Annotated[
    int | None, strawberry.argument(description=f"The number of paths to return; at most {MAX_PATHS}.")
]


@strawberry.type(description="A step of a career path.")
class CareerStep:
    """A change from one occupation to another."""

    from_: OccupationalProfile = strawberry.field(name="from", description="The profile to start from.")
    to: OccupationalProfile = strawberry.field(description="The profile to go to.")
    gap: CompetenceGap = strawberry.field(description="The difference between the two.")


@strawberry.type(
    description="A way from one occupational profile to another, directly or through a profile similar to both."
)
class CareerPath:
    """An item of `careerPaths`."""

    effort: float = strawberry.field(
        description="What is left to learn, summed over the steps: 1 - `coverage` of each gap, so from 0 to 2."
    )
    steps: list[CareerStep] = strawberry.field(
        description="The steps in order, at most two; none from a profile to itself.", metadata={"length": Length(2, 2)}
    )


async def career_paths(
    loaders: Loaders, release: str | None, from_: FromRef, to: ToRef, first: FirstPaths = DEFAULT_PATHS
) -> list[CareerPath] | None:
    """Returns the paths with the least effort.

    Raises InvalidReference if one of the profiles does not exist, BadUserInput if `first` is out of range.
    """
    most = DEFAULT_PATHS if first is None else first
    if not 0 <= most <= MAX_PATHS:
        raise BadUserInput(f"`first` is {most}; it must be between 0 and {MAX_PATHS}.")
    resolved = await resolve(loaders, release, {"from": from_, "to": to})
    start, goal = resolved.require((OCCUPATIONAL_PROFILE,))
    paths = await loaders.ask(
        await loaders.index(resolved.release), index.career_paths, start.row_id, goal.row_id, most
    )
    row_ids = dict.fromkeys(row_id for path in paths for step in path.steps for row_id in (step.start, step.goal))
    profiles = dict(zip(row_ids, await indexed_concepts(loaders, resolved.release, list(row_ids)), strict=True))
    return [
        CareerPath(effort=path.effort, steps=[_step(loaders, resolved, profiles, step) for step in path.steps])
        for path in paths
    ]


def _step(loaders: Loaders, resolved: Resolved, profiles: dict[int, IndexedConcept], step: index.Step) -> CareerStep:
    start, goal = profiles[step.start], profiles[step.goal]
    return CareerStep(
        from_=profile_of(loaders, resolved.release, start),
        to=profile_of(loaders, resolved.release, goal),
        gap=gap_of(loaders, resolved, start, goal, step.gap),
    )
