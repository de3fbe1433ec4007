"""Profiles similar to another, with what both share as evidence."""

from enum import Enum
from types import GenericAlias

import strawberry

from graphql_api.asyncio_tools import gather_started, start_eagerly
from graphql_api.competent.declarations import SKILL, TECHNICAL_COMPETENCE, Length
from graphql_api.errors import BadUserInput
from graphql_api.index.similarity import similar
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts, concepts_as, number_in_index
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.technical_competence import TechnicalCompetence

MAX_SIMILAR = 50
_SKILLS = GenericAlias(list, CONCEPTS[SKILL.name])
SHARED = Length(12, 60)
"""The number of concepts that two similar profiles share."""


@strawberry.enum(description="What the similarity of two profiles is computed from.")
class SimilarityBasis(Enum):
    """GraphQL enum of the types of concepts that profiles are compared by."""

    TECHNICAL_COMPETENCES = strawberry.enum_value(
        TECHNICAL_COMPETENCE, description="The technical competences of both profiles."
    )
    SKILLS = strawberry.enum_value(
        SKILL,
        description="The skills of both profiles, because no profile shares a technical competence with this one.",
    )


@strawberry.type(description="An occupational profile similar to another.")
class SimilarProfile:
    """An item of OccupationalProfile.similarProfiles."""

    profile: OccupationalProfile = strawberry.field(description="The profile.")
    score: float = strawberry.field(
        description="The similarity, from 0 to 1: what both profiles have of `basis` as a share of what either has, with "
        "essential ones counted double (weighted Jaccard index)."
    )
    basis: SimilarityBasis = strawberry.field(
        description="What the score is computed from; the same for all in the list."
    )
    shared_competences: list[Concept] = strawberry.field(
        graphql_type=list[TechnicalCompetence],
        description="Technical competences of both profiles: those essential in both first, then by code.",
        metadata={"length": SHARED},
    )
    shared_skills: list[Concept] = strawberry.field(
        graphql_type=_SKILLS,
        description="Skills of both profiles if `basis` is `SKILLS`, in the same order; otherwise empty, because each shared "
        "competence has its skill.",
        metadata={"length": SHARED},
    )


async def similar_profiles(profile: OccupationalProfile, first: int) -> list[SimilarProfile]:
    """Returns the `first` profiles most similar to one; raises BadUserInput if `first` is out of range."""
    if not 0 <= first <= MAX_SIMILAR:
        raise BadUserInput(f"`first` is {first}; it must be between 0 and {MAX_SIMILAR}.")
    loaders, number = profile.view.loaders, profile.view.release
    row_id = await number_in_index(profile)
    if row_id is None:
        return []
    results = await loaders.ask(await loaders.index(number), similar, row_id, first)
    profiles = await concepts_as(OccupationalProfile, loaders, number, (result.profile for result in results))
    shared = await gather_started(start_eagerly(concepts(loaders, number, result.shared)) for result in results)
    return [
        SimilarProfile(
            profile=similar_profile,
            score=result.score,
            basis=SimilarityBasis(result.basis),
            shared_competences=in_both if result.basis is TECHNICAL_COMPETENCE else [],
            shared_skills=in_both if result.basis is SKILL else [],
        )
        for similar_profile, result, in_both in zip(profiles, results, shared, strict=True)
    ]
