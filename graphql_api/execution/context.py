"""The context of one GraphQL operation: what its resolvers and its execution share."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from graphql_api.asyncio_tools import Broadcast
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.request_context import RequestContext
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.time_slices import RoundRobin, TimeSlice
from graphql_api.schema.types.text import Language

_SILENT = Broadcast()


async def admit() -> None:
    """Admits every event."""


@dataclass(slots=True)
class Context:
    """The context of one GraphQL operation; all its fetches share one FetchContext."""

    loaders: Loaders
    languages: tuple[Language, ...]
    record: RequestContext = field(default_factory=RequestContext)
    published: Broadcast = _SILENT
    """Broadcasts new releases to subscriptions."""
    make_loaders: Callable[[FetchContext], Loaders] | None = None
    seconds: float = math.inf
    """Timeout in seconds of the operation, or of each event of a subscription."""
    scheduler: RoundRobin = field(default_factory=RoundRobin)
    """Shares the event loop among the events of subscriptions."""
    event_slice: TimeSlice | None = None
    """The time slice of the event being executed."""
    admit_event: Callable[[], Awaitable[None]] = admit
    """Waits until the next event may be executed."""

    async def begin_event(self) -> Loaders:
        """New loaders for the next event of a subscription, once it is admitted, with a new deadline and new counts."""
        await self.admit_event()
        if self.make_loaders is None:
            return self.loaders
        deadline = asyncio.get_running_loop().time() + self.seconds
        self.event_slice = TimeSlice(self.scheduler, deadline)
        fetch_context = self.fetch_context.renewed()
        fetch_context.deadline, fetch_context.wait_guard = deadline, nullcontext
        return self.make_loaders(fetch_context)

    @property
    def request_id(self) -> str:
        """The id of this request in the log."""
        return self.record.request_id

    @property
    def fetch_context(self) -> FetchContext:
        """The FetchContext of this operation: deadline, upstream key and counts."""
        return self.record.fetch_context
