"""An operation as callers of the engine send it, and the responses that they get."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from graphql_api.execution.context import admit
from graphql_api.execution.error_formatting import ErrorDict
from graphql_api.execution.response_cache import CachedResponse
from graphql_api.observability.request_context import RequestContext
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.text import Language

Variables = Mapping[str, object]
"""The variables of a request, as parsed from its JSON."""
JsonObject = dict[str, Any]
"""A JSON object of a response."""


@dataclass(frozen=True, slots=True)
class Request:
    """An operation to execute."""

    query: str
    variables: Variables | None = None
    operation_name: str | None = None
    languages: tuple[Language, ...] = ()
    """Languages of texts without an explicit one, in order of preference."""
    record: RequestContext = field(default_factory=RequestContext)
    """Records the operation for logs and metrics, and how its documents are fetched."""
    seconds: float = math.inf
    """Timeout of the operation, or of each event of a subscription."""
    is_post: bool = False
    """Whether it came in the body of a POST, as operations that take texts of people must."""
    admit_event: Callable[[], Awaitable[None]] = admit
    """Waits until the next event of a subscription may be executed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is invalid; no field was resolved."""

    errors: list[ErrorDict]
    operation_type: str | None = None
    """`query`, `mutation` or `subscription`; None if it is not clear which operation was meant."""


@dataclass(frozen=True, slots=True)
class Executed:
    """Data and errors of an operation, or of an event of a subscription."""

    data: JsonObject | None
    errors: list[ErrorDict]


Result = Refused | Executed | CachedResponse
"""A complete response. A CachedResponse is encoded, and has no errors."""


@dataclass(frozen=True, slots=True)
class Incremental:
    """The initial result of an operation with `@defer` or `@stream`. `aclose` has to be called in the end."""

    initial: Executed
    pending: list[JsonObject]
    """The `pending` entries (incremental delivery specification)."""
    payloads: AsyncGenerator[JsonObject]
    """The subsequent payloads."""
    loaders: Loaders

    async def aclose(self) -> None:
        """Stop loading what has not been sent."""
        await self.payloads.aclose()
        self.loaders.close()


@dataclass(frozen=True, slots=True)
class EventStream:
    """A subscription, which starts with the first `anext`: one result per event, or a single one that is refused."""

    events: AsyncGenerator[Refused | Executed]


Response = Result | Incremental | EventStream


def decoded(response: Response) -> Executed:
    """The data and errors of a complete response, for callers in this process."""
    match response:
        case Executed():
            return response
        case CachedResponse():
            return Executed(orjson.loads(response.data), [])
        case Refused(errors=errors):
            return Executed(None, errors)
    raise TypeError("not a complete response")
