"""Releases: a numbered, published state of all of Competent, and the way into it."""

from datetime import date
from typing import Any

import strawberry

from graphql_api import routes
from graphql_api.errors import UpstreamNotFound
from graphql_api.loaders import CURRENT, Loaders, number_of
from graphql_api.types.entry import collection, single
from graphql_api.types.node import Node, NodeId
from graphql_api.types.occupational_profile import OccupationalProfile
from graphql_api.types.page import Connection
from graphql_api.types.soft_skill import SoftSkill
from graphql_api.types.technical_competence import TechnicalCompetence


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
        try:
            document = await self.loaders.load(routes.RELEASE.path(self.number))
        except UpstreamNotFound:
            return None  # that route is only assumed: a release can be served without it
        return _day(next((document[key] for key in _DAYS if key in document), None))

    occupational_profile: OccupationalProfile | None = single(OccupationalProfile)
    technical_competence: TechnicalCompetence | None = single(TechnicalCompetence)
    soft_skill: SoftSkill | None = single(SoftSkill)
    occupational_profiles: Connection[OccupationalProfile] | None = collection(OccupationalProfile)
    technical_competences: Connection[TechnicalCompetence] | None = collection(TechnicalCompetence)
    soft_skills: Connection[SoftSkill] | None = collection(SoftSkill)


_DAYS = ("publicationDate", "publishedOn", "lastPublished")


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        return None


async def releases(loaders: Loaders) -> list[Release]:
    """All releases that are served, the newest first."""
    found = await loaders.listing(routes.RELEASES.path(), paged=False).all()
    numbers = {number for each in found if (number := number_of(each))}
    return [Release(loaders=loaders, number=number) for number in sorted(numbers, key=_age)]


def _age(number: str) -> list[tuple[int, str]]:
    return [(-int(part) if part.isdecimal() else 1, part) for part in number.split(".")]
