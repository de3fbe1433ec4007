"""The execution context that resolvers get."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from graphql_api.asyncio_tools import Broadcast
from graphql_api.observability.fetch_context import FetchContext, FetchStats
from graphql_api.observability.request_context import RequestContext
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.time_slices import RoundRobin, TimeSlice
from graphql_api.schema.types.text import Language

_NO_NEWS = Broadcast()


@dataclass(slots=True)
class Context:
    """The context of one GraphQL operation; all its fetches share one FetchContext."""

    loaders: Loaders
    languages: tuple[Language, ...]
    record: RequestContext = field(default_factory=RequestContext)
    published: Broadcast = _NO_NEWS
    """Broadcasts new releases to subscriptions."""
    make_loaders: Callable[[FetchContext], Loaders] | None = None
    seconds: float = math.inf
    """Timeout in seconds of the operation, or of each event of a subscription."""
    scheduler: RoundRobin = field(default_factory=RoundRobin)
    """Shares the event loop among the events of subscriptions."""
    event_slice: TimeSlice | None = None
    """The time slice of the event being executed."""

    def renewed(self) -> Loaders:
        """New loaders for the next event of a subscription, with a new deadline and new counts."""
        if self.make_loaders is None:
            return self.loaders
        deadline = asyncio.get_running_loop().time() + self.seconds
        self.event_slice = TimeSlice(self.scheduler, deadline)
        return self.make_loaders(replace(self.asker, deadline=deadline, tally=FetchStats()))

    @property
    def request_id(self) -> str:
        """The id of this request in the log."""
        return self.record.request_id

    @property
    def asker(self) -> FetchContext:
        """The FetchContext of this operation: deadline, upstream key and counts."""
        return self.record.asker
