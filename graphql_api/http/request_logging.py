"""The outermost layer: what is told of each request when it is over, in the log, in the metrics and in its trace.

Whatever happens further in, a request ends in an answer, and an exception in one trace in the log and none at the client.
"""

import asyncio
import logging
import time
from collections.abc import Iterable

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.graphql import JSON, ClientLeft, HTTPError, InternalError, ServiceUnavailable, refused
from graphql_api.http.middleware import layered
from graphql_api.observability.logs import logging_for
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.observability.tracing import OperationSpan

log = logging.getLogger("graphql_api.requests")

GRAPHQL = "/graphql"
QUIET = ("/health/", "/metrics", "/graphiql")
"""Paths that are asked so often, or tell so little, that they are logged at level debug."""


class RequestLoggingMiddleware:
    """Pure ASGI, for HTTP: operations of a WebSocket are told of by whoever runs them, so that here only one that is refused is.

    `stopping` is set once the server has been told to stop: what is cancelled from then on is answered with 503.
    What is answered here passes `layers`, as every other response does: a page of another origin could not read it otherwise.
    """

    def __init__(
        self, app: ASGIApp, stopping: asyncio.Event, outcomes: OperationLog, layers: Iterable[Middleware] = ()
    ) -> None:
        self._app = app
        self._refuse = layered(_refuse, layers)
        self._stopping = stopping
        self._outcomes = outcomes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, self._noting_denial(scope, send) if scope["type"] == "websocket" else send)
            return
        begun = time.perf_counter()
        record = record_of(scope)
        sent = _Sent(send, self._stopping)
        span = OperationSpan(record.asker.headers, scope["method"]) if scope["path"] == GRAPHQL else None
        try:
            with logging_for(record.request_id):
                await self._answer(scope, receive, sent, record)
        finally:
            outcome = _outcome(record, sent.status)
            self._tell(scope, record, sent.status, outcome, time.perf_counter() - begun)
            if span:
                span.end(record.name, record.kind, sent.status, outcome)

    def _noting_denial(self, scope: Scope, send: Send) -> Send:
        """Passes messages on, and logs a WebSocket that was not opened: the others tell of their operations."""
        begun, opened = time.perf_counter(), False

        async def sending(message: Message) -> None:
            nonlocal opened
            kind = message["type"]
            if not opened and kind in ("websocket.http.response.start", "websocket.close"):
                status = message.get("status", 403)  # what servers make of a close before the connection is open
                outcome = "shed" if status == 503 else "refused"
                seconds = time.perf_counter() - begun
                self._outcomes.request(logging.INFO, "GET", scope["path"], record_of(scope), outcome, seconds, status)
            opened = opened or kind in ("websocket.accept", "websocket.http.response.start", "websocket.close")
            await send(message)

        return sending

    async def _answer(self, scope: Scope, receive: Receive, sent: "_Sent", record: RequestContext) -> None:
        try:
            await self._app(scope, receive, sent)
            return
        except ClientLeft:
            return  # nobody is there to read an answer
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
            # The server has given this request its time. Nobody above has a use for the cancellation.
            refusal: HTTPError = ServiceUnavailable("The server is shutting down. Try again.", retry_after=1)
        except Exception:
            log.exception("unexpected error")
            refusal = InternalError()
        if sent.status is None:  # what has begun to be sent is cut by the server
            scope["state"]["refusal"] = refusal
            await self._refuse(scope, receive, sent)

    def _tell(self, scope: Scope, record: RequestContext, status: int | None, outcome: str, seconds: float) -> None:
        path = scope["path"]
        if path == GRAPHQL:
            self._outcomes.tell(record, outcome, seconds, status)
        else:
            level = logging.DEBUG if path.startswith(QUIET) else logging.INFO
            self._outcomes.request(level, scope["method"], path, record, outcome, seconds, status)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await refused(scope["state"]["refusal"], JSON, record_of(scope))(scope, receive, send)


def _outcome(record: RequestContext, status: int | None) -> str:
    """That of the record, or `cancelled` (the client disconnected), `shed` (no room), `failed` (a bug of ours)."""
    if status is None:
        return "cancelled"
    if status >= 500:
        return "shed" if status == 503 else "failed"
    return record.outcome if record.ended or record.executed or status >= 400 or record.codes else "ok"


class _Sent:
    """Passes messages on to the server, and knows what has been sent."""

    __slots__ = ("_send", "_stopping", "status")

    def __init__(self, send: Send, stopping: asyncio.Event) -> None:
        self._send = send
        self._stopping = stopping
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._stopping.is_set():  # the next request of this client goes elsewhere
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await self._send(message)
