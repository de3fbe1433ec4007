"""Outermost middleware: records each finished request in the log, the metrics and its trace.

It turns every unexpected exception into an error response and one logged traceback; clients never see a traceback.
"""

import asyncio
import logging
import time
from collections.abc import Iterable

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.graphql import JSON, ClientLeft, HTTPError, InternalError, ServiceUnavailable, error_response
from graphql_api.http.middleware import wrap
from graphql_api.observability.log_lines import bind_request_log
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.observability.tracing import OperationSpan

log = logging.getLogger("graphql_api.requests")

GRAPHQL = "/graphql"
QUIET_PATHS = ("/health/", "/metrics", "/graphiql")
"""Path prefixes logged at level debug, because they are frequent or of little interest."""


class RequestLoggingMiddleware:
    """ASGI middleware that logs HTTP requests and denied WebSockets; WebSocket operations log themselves.

    `stopping` is set when the server starts to shut down: requests cancelled after that get 503. Error responses made here
    pass through `layers`, like all others; without CORS headers, pages of other origins could not read them.
    """

    def __init__(
        self, app: ASGIApp, stopping: asyncio.Event, operation_log: OperationLog, layers: Iterable[Middleware] = ()
    ) -> None:
        self._app = app
        self._refuse = wrap(_refuse, layers)
        self._stopping = stopping
        self._operation_log = operation_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app and record the request when it is finished."""
        if scope["type"] != "http":
            await self._app(scope, receive, self._logging_denial(scope, send) if scope["type"] == "websocket" else send)
            return
        started_at = time.perf_counter()
        record = record_of(scope)
        sent = _StatusSend(send, self._stopping)
        span = OperationSpan(record.fetch_context.headers, scope["method"]) if scope["path"] == GRAPHQL else None
        try:
            with bind_request_log(record.request_id):
                await self._run_app(scope, receive, sent, record)
        finally:
            outcome = _outcome(record, sent.status)
            self._log(scope, record, sent.status, outcome, time.perf_counter() - started_at)
            if span:
                span.end(record.name, record.operation_type, sent.status, outcome)

    def _logging_denial(self, scope: Scope, send: Send) -> Send:
        """A `send` that logs a WebSocket that was denied; opened ones log each operation."""
        started_at, is_open = time.perf_counter(), False

        async def send_noted(message: Message) -> None:
            nonlocal is_open
            message_type = message["type"]
            if not is_open and message_type in ("websocket.http.response.start", "websocket.close"):
                status = message.get("status", 403)  # servers respond 403 to a close before accept
                outcome = "shed" if status == 503 else "refused"
                seconds = time.perf_counter() - started_at
                self._operation_log.log_request(
                    logging.INFO, "GET", scope["path"], record_of(scope), outcome, seconds, status
                )
            is_open = is_open or message_type in (
                "websocket.accept",
                "websocket.http.response.start",
                "websocket.close",
            )
            await send(message)

        return send_noted

    async def _run_app(self, scope: Scope, receive: Receive, sent: "_StatusSend", record: RequestContext) -> None:
        try:
            await self._app(scope, receive, sent)
            return
        except ClientLeft:
            return  # the client is gone
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
            # The server's graceful shutdown timed out. The cancellation need not propagate further.
            refusal: HTTPError = ServiceUnavailable("The server is shutting down. Try again.", retry_after=1)
        except Exception:
            log.exception("unexpected error")
            refusal = InternalError()
        if sent.status is None:  # if the response has started, the server cuts the connection
            scope["state"]["refusal"] = refusal
            await self._refuse(scope, receive, sent)

    def _log(self, scope: Scope, record: RequestContext, status: int | None, outcome: str, seconds: float) -> None:
        path = scope["path"]
        if path == GRAPHQL:
            self._operation_log.log_operation(record, outcome, seconds, status)
        else:
            level = logging.DEBUG if path.startswith(QUIET_PATHS) else logging.INFO
            self._operation_log.log_request(level, scope["method"], path, record, outcome, seconds, status)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await error_response(scope["state"]["refusal"], JSON, record_of(scope))(scope, receive, send)


def _outcome(record: RequestContext, status: int | None) -> str:
    """The recorded outcome, or `cancelled` (client disconnected), `shed` (overloaded) or `failed` (internal error)."""
    if status is None:
        return "cancelled"
    if status >= 500:
        return "shed" if status == 503 else "failed"
    return record.outcome if record.forced_outcome or record.executed or status >= 400 or record.error_codes else "ok"


class _StatusSend:
    """A `send` that remembers the response status, and adds `Connection: close` during shutdown."""

    __slots__ = ("_send", "_stopping", "status")

    def __init__(self, send: Send, stopping: asyncio.Event) -> None:
        self._send = send
        self._stopping = stopping
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._stopping.is_set():  # so that the client sends its next request elsewhere
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await self._send(message)
