"""The subscription type: events sent to clients."""

from collections.abc import AsyncGenerator

import strawberry

from graphql_api.schema.types.release import Release


@strawberry.type(description="Events.")
class Subscription:
    """The root subscription type."""

    @strawberry.subscription(
        description="Fires when a new release becomes current: once it is indexed, or immediately if it cannot be indexed."
    )
    async def release_published(self, info: strawberry.Info) -> AsyncGenerator[Release | None]:
        """Yields each release with new loaders, because those of the request cache what they once loaded."""
        async for number in info.context.published.subscribe():
            yield Release(loaders=await info.context.begin_event(), number=number)
