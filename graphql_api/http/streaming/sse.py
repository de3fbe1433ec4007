"""Server-sent events on `/graphql`: one operation per request, for clients that prefer `text/event-stream` to JSON.

Source: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, "distinct connections mode".
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import orjson
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.execution.operations import Result
from graphql_api.http.content_negotiation import accepted_languages, preferred
from graphql_api.http.forwarded import client_name
from graphql_api.http.graphql import (
    JSON,
    RESPONSE_JSON,
    HTTPError,
    InternalError,
    OperationRequest,
    ServiceUnavailable,
    error_response,
)
from graphql_api.http.graphql.request import operation_of, seconds_for
from graphql_api.http.graphql.response import headers_of
from graphql_api.http.streaming.executor import StreamingExecutor, error_of, payload_of
from graphql_api.http.streaming.limits import Connections, TooManyConnections, TooManyPerClient
from graphql_api.observability.request_context import Head, RequestContext, record_of, text_in

log = logging.getLogger(__name__)

EVENTS = "text/event-stream"
HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent as heartbeat; proxies cut silent connections after 30 to 60."""

_TRY_AGAIN = 5.0
"""Seconds after which a client over a connection limit may retry."""
_OFFERED = (JSON, RESPONSE_JSON, EVENTS)
_HEARTBEAT_COMMENT = b":\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"


@dataclass(frozen=True, slots=True)
class EventStreams:
    """ASGI app in front of the endpoint: handles requests that prefer an event stream, and passes all others on."""

    endpoint: ASGIApp
    executor: StreamingExecutor
    connections: Connections
    heartbeat: float = HEARTBEAT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with an event stream if the client prefers one; otherwise call the endpoint."""
        record = record_of(scope)
        if scope["method"] not in ("GET", "POST") or not prefers_events(record.head):
            await self.endpoint(scope, receive, send)
            return
        record.protocol = "events"
        try:
            with self.connections.open_one(record.protocol, client_name(scope, record)):
                operation = await operation_of(scope, receive, self.executor.endpoint.max_body_bytes)
                headers = headers_of(record) | {"X-Accel-Buffering": "no"}
                seconds = seconds_for(record.head, self.executor.endpoint.operation_timeout)
                stream = self._stream(operation, record, seconds, is_post=scope["method"] == "POST")
                await StreamingResponse(stream, headers=headers, media_type=EVENTS)(scope, receive, send)
        except TooManyPerClient as refusal:
            rate_limited = HTTPError(429, f"{refusal}.", "RATE_LIMITED", _TRY_AGAIN)
            await error_response(rate_limited, JSON, record)(scope, receive, send)
        except TooManyConnections as refusal:
            await error_response(ServiceUnavailable(f"{refusal}.", _TRY_AGAIN), JSON, record)(scope, receive, send)
        except HTTPError as refusal:
            await error_response(refusal, JSON, record)(scope, receive, send)

    async def _stream(
        self, operation: OperationRequest, record: RequestContext, seconds: float, *, is_post: bool
    ) -> AsyncGenerator[bytes]:
        languages = accepted_languages(text_in(record.head, b"accept-language"))
        try:
            responses = self.executor.responses(operation, languages, record, seconds, is_post=is_post)
            async with aclosing(responses), aclosing(self._with_heartbeat(responses)) as events:
                async for response in events:
                    yield _HEARTBEAT_COMMENT if response is None else _next(payload_of(response, record))
        except (asyncio.CancelledError, GeneratorExit):
            record.forced_outcome = "cancelled"
            raise
        except HTTPError as refusal:
            yield _next({"errors": [error_of(refusal, record)]})
        except Exception:
            log.exception("unexpected error in request %s", record.request_id)
            yield _next({"errors": [error_of(InternalError(), record)]})
        if not self.connections.stopping.is_set():  # during shutdown, without `complete`, the client reconnects
            yield _COMPLETE

    async def _with_heartbeat(self, responses: AsyncGenerator[Result]) -> AsyncGenerator[Result | None]:
        """Yields the responses, and None after each `heartbeat` seconds of silence; ends when the server shuts down."""
        stopping = asyncio.ensure_future(self.connections.stopping.wait())
        next_response: asyncio.Future[Result | None] | None = None
        try:
            while True:
                next_response = next_response or asyncio.ensure_future(anext(responses, None))
                await asyncio.wait(
                    (next_response, stopping), timeout=self.heartbeat, return_when=asyncio.FIRST_COMPLETED
                )
                if next_response.done():
                    response, next_response = next_response.result(), None
                    if response is None:
                        return
                    yield response
                elif stopping.done():
                    return
                else:
                    yield None
        finally:
            await cancel_and_wait(task for task in (next_response, stopping) if task is not None)


def prefers_events(head: Head) -> bool:
    """Whether the `Accept` header prefers an event stream to JSON."""
    return preferred(text_in(head, b"accept"), _OFFERED) == EVENTS


def _next(payload: dict[str, object]) -> bytes:
    return b"event: next\ndata: " + orjson.dumps(payload) + b"\n\n"
