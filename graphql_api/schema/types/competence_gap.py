"""The gap between two profiles, with the shared, missing and surplus concepts as evidence."""

from typing import Annotated

import strawberry

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, ConceptType, Length
from graphql_api.index.concepts import IndexedConcept
from graphql_api.index.similarity import GROUPED, Gap, Groups, gap
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_factory import concept_as, concepts_as
from graphql_api.schema.types.concept_ref import ConceptRef, TranslatedId
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.references import REF_UNITS, Resolved, resolve
from graphql_api.schema.types.resolver_cost import Per, Work

GAP_WORK = Work(base=110, arguments=(Per("from", REF_UNITS, "given"), Per("to", REF_UNITS, "given")))
"""Measured on the profiles with the most competences."""

FromRef = Annotated[ConceptRef, strawberry.argument(name="from", description="The profile to start from.")]
ToRef = Annotated[ConceptRef, strawberry.argument(description="The profile to go to.")]


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
    """The result of `competenceGap`."""

    from_: OccupationalProfile = strawberry.field(name="from", description="The profile to start from.")
    to: OccupationalProfile = strawberry.field(description="The profile to go to.")
    coverage: float = strawberry.field(
        description="The share of the technical competences of `to` that `from` has, from 0 to 1. Essential ones count double."
    )
    shared: CompetenceGroup = strawberry.field(description="What both profiles have.")
    missing: CompetenceGroup = strawberry.field(description="What only `to` has.")
    surplus: CompetenceGroup = strawberry.field(description="What only `from` has.")
    translated: list[TranslatedId] = strawberry.field(
        description="Ids of other releases in the arguments, and the ids of these profiles that were used instead.",
        metadata={"length": Length(0, 2)},
    )


async def competence_gap(loaders: Loaders, release: str | None, from_: FromRef, to: ToRef) -> CompetenceGap | None:
    """Returns the difference between two profiles; raises InvalidReference if one of them does not exist."""
    resolved = await resolve(loaders, release, {"from": from_, "to": to})
    start, goal = resolved.require((OCCUPATIONAL_PROFILE,))
    difference = await loaders.ask(await loaders.index(resolved.release), gap, start.row_id, goal.row_id)
    return gap_of(loaders, resolved, start, goal, difference)


def gap_of(
    loaders: Loaders, resolved: Resolved, start: IndexedConcept, goal: IndexedConcept, difference: Gap
) -> CompetenceGap:
    """Returns the GraphQL object of a gap between two profiles."""
    number = resolved.release
    return CompetenceGap(
        from_=profile_of(loaders, number, start),
        to=profile_of(loaders, number, goal),
        coverage=difference.coverage,
        shared=CompetenceGroup(loaders=loaders, release=number, groups=difference.shared),
        missing=CompetenceGroup(loaders=loaders, release=number, groups=difference.missing),
        surplus=CompetenceGroup(loaders=loaders, release=number, groups=difference.surplus),
        translated=resolved.translations_to(start, goal),
    )


def profile_of(loaders: Loaders, number: str, indexed: IndexedConcept) -> OccupationalProfile:
    """Returns the GraphQL object of a profile in the index."""
    return concept_as(OccupationalProfile, loaders, number, indexed)
