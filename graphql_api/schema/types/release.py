"""The release: a numbered, published state of Competent."""

from datetime import date

import strawberry

from graphql_api.competent.declarations import Length
from graphql_api.competent.releases import CURRENT
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.root_field import release_field
from graphql_api.schema.types.root_fields import ROOT_FIELDS
from graphql_api.schema.types.translation import COVERAGE_WORK, COVERAGES, TranslationCoverage, translation_coverage


@strawberry.type(description="A numbered, published state of Competent. It does not change once published.")
class Release(Node):
    """Created from a number alone; its document is loaded only if a field needs it."""

    loaders: strawberry.Private[Loaders]
    number: str = strawberry.field(description="The number, such as `3.27`.")

    def node_id(self) -> NodeId:
        """Returns the global id: type and number."""
        return NodeId("Release", self.number)

    @strawberry.field(description="Whether this is the newest release, which `current` stands for.")
    async def is_current(self) -> bool | None:
        """Whether `current` resolves to this release now."""
        return self.number == await self.loaders.release_number(CURRENT)

    @strawberry.field(description="The day of publication.")
    async def published_on(self) -> date | None:
        """Returns the date from the release's document."""
        published = (await self.loaders.releases.document(self.number)).get("publishedOn")
        return date.fromisoformat(published) if published else None

    @strawberry.field(
        description="Where the data is from: `sandbox data, not VDAB's` for bundled data. Null if the API does not say."
    )
    async def source(self) -> str | None:
        """Returns the text that the sandbox adds to the release's document."""
        return await self._source()

    async def _source(self) -> str | None:
        source: str | None = (await self.loaders.releases.document(self.number)).get("source")
        return source

    @strawberry.field(
        description="The licence of the data, as text or URL, as the operator of this server states it. Null if it is unknown, "
        "and for bundled data."
    )
    async def license(self) -> str | None:
        """Returns the setting, unless the release's document says that the data is from elsewhere."""
        return self.loaders.supplements.terms(await self._source()).license

    @strawberry.field(
        description="Who is to be named as the source of the data. Null if that is unknown, and for bundled data."
    )
    async def attribution(self) -> str | None:
        """Returns the setting, unless the release's document says that the data is from elsewhere."""
        return self.loaders.supplements.terms(await self._source()).attribution

    @strawberry.field(
        description="How many concepts of each type are translated into each language. For profiles, their title counts; for "
        "other concepts their text, for technical competences that of their skill.",
        metadata={**COVERAGE_WORK.metadata, "length": Length(COVERAGES, COVERAGES)},
    )
    async def translation_coverage(self) -> list[TranslationCoverage] | None:
        """Returns the counts of the index, by type and language."""
        return await translation_coverage(self.loaders, self.number)

    vars().update({field.name: release_field(field) for field in ROOT_FIELDS})


async def releases(loaders: Loaders) -> list[Release]:
    """Returns all releases served, newest first."""
    return [Release(loaders=loaders, number=number) for number in await loaders.releases.served()]
