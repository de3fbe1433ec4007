"""What resources share that are made of a release without GraphQL, such as linked data, the feed and exports.

They have no place for partial data: each is complete, or an error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from graphql_api.errors import CompetentError
from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.request_context import record_of
from graphql_api.schema.loaders import Loaders

LoadersOf = Callable[[FetchContext], Loaders]
"""Makes the loaders of one request."""
Respond = Callable[[Request], Awaitable[Response]]

STATUSES = {"RELEASE_NOT_FOUND": 404, "UPSTREAM_TIMEOUT": 504, "UPSTREAM_INVALID_RESPONSE": 502}
"""Statuses by error code; of other codes 503."""
TIMEOUT = 3.0
"""Seconds until the release and what is needed of it are loaded."""


def resource(respond: Respond) -> Respond:
    """The endpoint of a resource: an HTTPError or CompetentError that `respond` raises becomes an error response."""

    async def show(request: Request) -> Response:
        try:
            return await respond(request)
        except CompetentError as error:
            refusal = HTTPError(STATUSES.get(error.code, 503), str(error), error.code, error.retry_after)
        except HTTPError as error:
            refusal = error
        return error_response(refusal, JSON, record_of(request.scope))

    return show


@contextmanager
def loaders_for(request: Request, loaders: LoadersOf) -> Iterator[Loaders]:
    """The loaders of a request, with TIMEOUT; closed at the end of the block."""
    context = record_of(request.scope).fetch_context
    context.deadline = asyncio.get_running_loop().time() + TIMEOUT
    opened = loaders(context)
    try:
        yield opened
    finally:
        opened.close()
