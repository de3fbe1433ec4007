"""Releases: a numbered, published state of all of Competent, and the way into it."""

from datetime import date

import strawberry

from graphql_api.competent.fields import day, first
from graphql_api.competent.releases import CURRENT
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.behavioural_indicator import BehaviouralIndicator
from graphql_api.schema.types.change import CHANGES_WORK, changes_since
from graphql_api.schema.types.digital_skill import DigitalSkill
from graphql_api.schema.types.filter import FILTER_WORK, occupational_profiles
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.knowledge import Knowledge
from graphql_api.schema.types.lookups import collection, single
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.root_field import of_release
from graphql_api.schema.types.search import SEARCH, SEARCH_WORK, SUGGEST, SUGGEST_WORK, search, suggest
from graphql_api.schema.types.skill import Skill
from graphql_api.schema.types.soft_skill import SoftSkill
from graphql_api.schema.types.technical_competence import TechnicalCompetence


@strawberry.type(description="A numbered, published state of Competent. It does not change once published.")
class Release(Node):
    """Made from a number alone; its document is loaded only when something of it is asked for."""

    loaders: strawberry.Private[Loaders]
    number: str = strawberry.field(description="The number, such as `3.27`.")

    def node_id(self) -> NodeId:
        """The type and the number."""
        return NodeId("Release", self.number)

    @strawberry.field(description="Whether this is the newest release, the one that `current` stands for.")
    async def is_current(self) -> bool | None:
        """Compares with what `current` is now."""
        return self.number == await self.loaders.release_number(CURRENT)

    @strawberry.field(description="The day on which it was published.")
    async def published_on(self) -> date | None:
        """Read from the release's own document."""
        return day(first(await self.loaders.releases.document(self.number), _DAYS))

    occupational_profile = of_release(single(OccupationalProfile), "One occupational profile of this release.")
    technical_competence = of_release(single(TechnicalCompetence), "One technical competence of this release.")
    skill = of_release(single(Skill), "One skill of this release.")
    knowledge = of_release(single(Knowledge), "One knowledge item of this release.")
    behavioural_indicator = of_release(single(BehaviouralIndicator), "One behavioural indicator of this release.")
    soft_skill = of_release(single(SoftSkill), "One soft skill of this release.")
    digital_skill = of_release(single(DigitalSkill), "One digital skill of this release.")
    occupational_profiles = of_release(occupational_profiles, "The occupational profiles of this release.", FILTER_WORK)
    technical_competences = of_release(collection(TechnicalCompetence), "The technical competences of this release.")
    skills = of_release(collection(Skill), "The skills of this release.")
    knowledge_items = of_release(collection(Knowledge), "The knowledge items of this release.")
    behavioural_indicators = of_release(collection(BehaviouralIndicator), "The behavioural indicators of this release.")
    soft_skills = of_release(collection(SoftSkill), "The soft skills of this release.")
    digital_skills = of_release(collection(DigitalSkill), "The digital skills of this release.")
    search = of_release(search, SEARCH, SEARCH_WORK)
    suggest = of_release(suggest, SUGGEST, SUGGEST_WORK)
    changes = of_release(changes_since, "What changed from another release to this one.", CHANGES_WORK)


_DAYS = ("publicationDate", "publishedOn", "lastPublished")


async def releases(loaders: Loaders) -> list[Release]:
    """All releases that are served, the newest first."""
    return [Release(loaders=loaders, number=number) for number in await loaders.releases.served()]
