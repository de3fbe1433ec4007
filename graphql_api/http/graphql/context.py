"""What resolvers see of the request that they answer."""

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
    """One a GraphQL operation; all that it fetches is fetched for one asker."""

    loaders: Loaders
    languages: tuple[Language, ...]
    record: RequestContext = field(default_factory=RequestContext)
    published: Broadcast = _NO_NEWS
    """Where a subscription hears of new releases."""
    make_loaders: Callable[[FetchContext], Loaders] | None = None
    seconds: float = math.inf
    """The longest that an operation may take, and each event of a subscription."""
    scheduler: RoundRobin = field(default_factory=RoundRobin)
    """What the events of a subscription share the event loop by."""
    event_slice: TimeSlice | None = None
    """Of the event that is executed now."""

    def renewed(self) -> Loaders:
        """Loaders for the next event of a subscription, which begins anew."""
        if self.make_loaders is None:
            return self.loaders
        deadline = asyncio.get_running_loop().time() + self.seconds
        self.event_slice = TimeSlice(self.scheduler, deadline)
        return self.make_loaders(replace(self.asker, deadline=deadline, tally=FetchStats()))

    @property
    def request_id(self) -> str:
        """What finds this request in the log."""
        return self.record.request_id

    @property
    def asker(self) -> FetchContext:
        """For whom documents are fetched."""
        return self.record.asker
