"""The query type: the entry points of the graph."""

from typing import Annotated

import strawberry

from graphql_api.asyncio_tools import gather_settled, start_eagerly
from graphql_api.competent.declarations import Length
from graphql_api.competent.releases import CURRENT
from graphql_api.errors import BadUserInput, ReleaseNotFound
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.lookups import find
from graphql_api.schema.types.relay import MAX_ITEMS
from graphql_api.schema.types.release import Release, releases
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.root_field import InRelease, query_field
from graphql_api.schema.types.root_fields import ROOT_FIELDS


async def _node(loaders: Loaders, id: str) -> Node | None:
    return await node_of(loaders, NodeId.parse(id))


async def node_of(loaders: Loaders, node_id: NodeId) -> Node | None:
    """Returns the node with this id; None if it does not exist (any more). Raises BadUserInput for an unknown type."""
    try:
        if node_id.uuid is None:
            exists = await loaders.release_exists(node_id.release)
            return Release(loaders=loaders, number=node_id.release) if exists else None
        if node_id.type_name not in CONCEPTS:
            raise BadUserInput("This is not an id of this server; take ids from the `id` field of a node.")
        return await find(CONCEPTS[node_id.type_name], loaders, node_id.release, node_id.uuid, None)
    except ReleaseNotFound:
        return None


@strawberry.type(description="The entry points of Competent's graph.")
class Query:
    """The root query type."""

    @strawberry.field(
        description="The object with a global id; null if it does not exist.",
        metadata=Work(base=1).metadata,
    )
    async def node(
        self, info: strawberry.Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        """Returns the node with a global id."""
        return await node_of(info.context.loaders, NodeId.parse(id))

    @strawberry.field(
        description="The objects with these global ids, in the same order; null for each that does not exist.",
        metadata=Work(arguments=(Per("ids", 1, "item"),), items_of="ids").metadata,
    )
    async def nodes(
        self,
        info: strawberry.Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Global ids, at most {MAX_ITEMS}.")],
    ) -> list[Node | None]:
        """Returns several nodes, loaded in one batch; a node that fails to load is an error at its own position only."""
        if len(ids) > MAX_ITEMS:
            raise BadUserInput(f"`ids` has {len(ids)} ids; the limit is {MAX_ITEMS}.")
        # An exception in the list becomes an error at its position; the other nodes are unaffected.
        return await gather_settled(start_eagerly(_node(info.context.loaders, id)) for id in ids)  # type: ignore[return-value]  # graphql-core takes an exception for an error

    @strawberry.field(
        description="All releases that Competent serves, newest first.",
        metadata={"length": Length(10, 40)},
    )
    async def releases(self, info: strawberry.Info) -> list[Release] | None:
        """Returns all releases."""
        return await releases(info.context.loaders)

    @strawberry.field(description="One release.")
    async def release(
        self,
        info: strawberry.Info,
        number: InRelease = CURRENT,
    ) -> Release | None:
        """Returns a release; raises ReleaseNotFound if it does not exist."""
        loaders: Loaders = info.context.loaders
        pinned = await loaders.release_number(number)
        if not await loaders.release_exists(pinned):
            raise ReleaseNotFound
        return Release(loaders=loaders, number=pinned)

    vars().update({field.name: query_field(field) for field in ROOT_FIELDS if field.in_query})
