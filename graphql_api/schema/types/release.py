"""The release: a numbered, published state of Competent."""

from datetime import date

import strawberry

from graphql_api.competent.releases import CURRENT
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.root_field import release_field
from graphql_api.schema.types.root_fields import ROOT_FIELDS


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
        source: str | None = (await self.loaders.releases.document(self.number)).get("source")
        return source

    vars().update({field.name: release_field(field) for field in ROOT_FIELDS})


async def releases(loaders: Loaders) -> list[Release]:
    """Returns all releases served, newest first."""
    return [Release(loaders=loaders, number=number) for number in await loaders.releases.served()]
