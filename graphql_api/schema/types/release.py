"""Releases: a numbered, published state of all of Competent, and the way into it."""

from datetime import date

import strawberry

from graphql_api.competent.releases import CURRENT
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.resolver_cost import CACHEABLE
from graphql_api.schema.types.root_field import release_field
from graphql_api.schema.types.root_fields import ROOT_FIELDS


@strawberry.type(description="A numbered, published state of Competent. It does not change once published.")
class Release(Node):
    """Made from a number alone; its document is loaded only when something of it is needed."""

    loaders: strawberry.Private[Loaders]
    number: str = strawberry.field(description="The number, such as `3.27`.")

    def node_id(self) -> NodeId:
        """The type and the number."""
        return NodeId("Release", self.number)

    @strawberry.field(description="Whether this is the newest release, which `current` stands for.", metadata=CACHEABLE)
    async def is_current(self) -> bool | None:
        """Compares with what `current` is now."""
        return self.number == await self.loaders.release_number(CURRENT)

    @strawberry.field(description="The day of publication.", metadata=CACHEABLE)
    async def published_on(self) -> date | None:
        """Read from the release's own document."""
        published = (await self.loaders.releases.document(self.number)).get("publishedOn")
        return date.fromisoformat(published) if published else None

    vars().update({field.name: release_field(field) for field in ROOT_FIELDS})


async def releases(loaders: Loaders) -> list[Release]:
    """All releases that are served, the newest first."""
    return [Release(loaders=loaders, number=number) for number in await loaders.releases.served()]
