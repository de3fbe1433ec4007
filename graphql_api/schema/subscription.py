"""What clients can be told of as it happens."""

from collections.abc import AsyncGenerator

import strawberry

from graphql_api.schema.types.release import Release


@strawberry.type(description="Events.")
class Subscription:
    """One field for each kind of news."""

    @strawberry.subscription(description="Fires when a new release becomes current, after its index is ready.")
    async def release_published(self, info: strawberry.Info) -> AsyncGenerator[Release | None]:
        """A release with loaders of its own: those of the request would answer for ever what they once loaded."""
        async for number in info.context.published.listen():
            yield Release(loaders=info.context.renewed(), number=number)
