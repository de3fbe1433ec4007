"""Occupational profiles: an occupation and all that belongs to it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graphql_api.competent import fields, routes
from graphql_api.competent.fields import CODES, ESSENTIAL, OPTIONAL
from graphql_api.schema.types.concept import Concept, many, text
from graphql_api.schema.types.digital_skill import DigitalSkill
from graphql_api.schema.types.document_view import Part, reads
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.soft_skill import SoftSkill
from graphql_api.schema.types.technical_competence import TechnicalCompetence
from graphql_api.schema.types.text import LocalizedText
from graphql_api.schema.types.value_types import (
    AlternativeName,
    AreaOfInterest,
    Classification,
    EconomicSector,
    ProofOfLearning,
    alternative_names,
    classifications,
    labels,
)

if TYPE_CHECKING:
    from graphql_api.schema.types.comparison import SimilarProfile

_Similar = Annotated["SimilarProfile", strawberry.lazy("graphql_api.schema.types.comparison")]


def moment(part: Part, value: Any) -> datetime | None:
    """A moment, in UTC where it names no zone."""
    return fields.moment(value)


@strawberry.type(description="An occupation and what it takes (Dutch: beroepscompetentieprofiel).")
class OccupationalProfile(Concept):
    """Listed by a release with id, code and title only."""

    route = routes.OCCUPATIONAL_PROFILE
    title: LocalizedText | None = reads("title", convert=text, description="What the occupation is called.")
    description: LocalizedText | None = reads("description", convert=text, description="What one does in it.")
    working_context: LocalizedText | None = reads(
        "workingContext", convert=text, description="Where, with whom and under which conditions one works."
    )
    alternative_names: list[AlternativeName] | None = reads(
        "alternativeNames", convert=alternative_names, description="Common names of the occupation."
    )
    essential_competences: list[TechnicalCompetence] | None = reads(
        *ESSENTIAL,
        convert=many(TechnicalCompetence),
        description="Competences that belong to every context of the occupation.",
    )
    optional_competences: list[TechnicalCompetence] | None = reads(
        *OPTIONAL, convert=many(TechnicalCompetence), description="Competences that depend on the context."
    )
    soft_skills: list[SoftSkill] | None = reads("softSkills", convert=many(SoftSkill), description="Personal traits.")
    digital_skills: list[DigitalSkill] | None = reads(
        "digitalSkills", convert=many(DigitalSkill), description="What one can do with computers."
    )
    proofs_of_learning: list[ProofOfLearning] | None = reads(
        "proofsOfLearning", convert=labels(ProofOfLearning), description="Certificates that are required or usual."
    )
    economic_sectors: list[EconomicSector] | None = reads(
        "economicSectors", convert=labels(EconomicSector), description="Branches in which the occupation stands."
    )
    areas_of_interest: list[AreaOfInterest] | None = reads(
        "areasOfInterest", convert=labels(AreaOfInterest), description="Fields of interest that it belongs to."
    )
    classifications: list[Classification] | None = reads(
        *CODES,
        convert=classifications,
        description="Its codes in other classifications, such as ISCO-08.",
    )
    last_modified: datetime | None = reads("lastModified", convert=moment, description="When it was last changed.")

    @strawberry.field(
        description="The profiles that share most of their technical competences with this one, the most alike first.",
        metadata=Work(base=25, more=80, item=24, more_items=50).metadata,
    )
    async def similar_profiles(
        self, first: Annotated[int, strawberry.argument(description="How many to give; at most 50.")] = 10
    ) -> list[_Similar] | None:
        """From the index, with the evidence."""
        from graphql_api.schema.types.comparison import similar_profiles

        return await similar_profiles(self.part, first)

    last_published: datetime | None = reads("lastPublished", convert=moment, description="When it was last published.")
