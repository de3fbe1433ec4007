"""WebSockets on `/graphql` that speak graphql-transport-ws.

Every error is a message with a code or one of the protocol's close codes. Operations end with their connection.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn, assert_never

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.http.content_negotiation import accepted_languages
from graphql_api.http.forwarded import client_name
from graphql_api.http.graphql import HTTPError
from graphql_api.http.streaming.executor import StreamingExecutor
from graphql_api.http.streaming.handshake import ConnectionHooks, OpenAccess, deny, fitting, may_connect
from graphql_api.http.streaming.limits import Connections, ConnectionSlot, TooManyConnections
from graphql_api.http.streaming.messages import (
    ClientMessage,
    CloseConnection,
    Complete,
    ConnectionInit,
    MessageReader,
    Ping,
    Pong,
    Subscribe,
)
from graphql_api.http.streaming.operations import IdInUse, Operations
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import record_of, text_in
from graphql_api.settings.origins import Origins

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
_NO_ORIGINS = Origins(())
_REGULAR = (1000, 1001)
"""Close codes of regular ends, which are not logged."""
BAD_REQUEST = 4400
FORBIDDEN = 4403
"""Close code for missing, wrong or revoked credentials."""
_OTHER_ORIGIN = HTTPError(403, "WebSockets from this origin are not allowed.", "FORBIDDEN")


@dataclass(frozen=True, slots=True)
class WebSockets:
    """The ASGI app for WebSockets: checks credentials, origin and subprotocol, and enforces the limits per connection."""

    executor: StreamingExecutor
    connections: Connections
    operation_log: OperationLog
    origins: Origins = _NO_ORIGINS
    """Origins of web pages that may connect, in addition to our own."""
    hooks: Callable[[Scope], ConnectionHooks] = OpenAccess
    """Makes the hooks of a connection."""
    init_timeout: float = 5.0
    idle_timeout: float = 60.0
    max_operations: int = 20
    messages_per_second: int = 50
    max_message_bytes: int = 1_000_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        record, hooks = record_of(scope), self.hooks(scope)
        try:
            await hooks.on_handshake()
        except HTTPError as refusal:
            await deny(scope, receive, send, refusal, FORBIDDEN)
            return
        websocket = WebSocket(scope, receive, send)
        if not may_connect(websocket.headers, self.origins):
            await deny(scope, receive, send, _OTHER_ORIGIN, 1008)
            return
        if PROTOCOL not in scope.get("subprotocols", ()):
            await websocket.accept()
            await websocket.close(4406, f"Use the subprotocol {PROTOCOL}")
            return
        await websocket.accept(PROTOCOL)
        try:
            with self.connections.open_one("websocket", client_name(scope, record)) as slot:
                await _Connection(websocket, self, hooks, slot).serve()
        except TooManyConnections as refusal:
            await websocket.close(1013, str(refusal))


class _Connection:
    def __init__(self, websocket: WebSocket, config: WebSockets, hooks: ConnectionHooks, slot: ConnectionSlot) -> None:
        self._websocket = websocket
        self._config = config
        self._hooks = hooks
        self._slot = slot
        self._messages = MessageReader(websocket, config.messages_per_second, config.max_message_bytes)
        self._unsent_bytes = 0
        self._cut: asyncio.Future[CloseConnection | None] = asyncio.get_running_loop().create_future()
        """Ends the connection: with this close code, or without one for a client that would not read it."""
        languages = accepted_languages(text_in(record_of(websocket.scope).head, b"accept-language"))
        self._operations = Operations(
            websocket.scope,
            config.executor,
            config.operation_log,
            languages,
            config.max_operations,
            self._send,
            hooks.on_operation,
        )

    async def serve(self) -> None:
        """Serve until the client disconnects, breaks the protocol or reads too slowly, or the server shuts down."""
        stopping = asyncio.create_task(self._config.connections.stopping.wait())
        talking = asyncio.create_task(self._talk())
        try:
            await asyncio.wait((talking, stopping, self._cut), return_when=asyncio.FIRST_COMPLETED)
            if self._cut.done():
                closing = self._cut.result()
            else:
                closing = None if talking.done() else CloseConnection(1001, "The server is shutting down")
            if closing is not None:
                await self._close(closing)
        finally:
            await cancel_and_wait((talking, stopping, self._cut))
            await self._operations.end()

    async def _talk(self) -> None:
        try:
            await self._begin()
            while True:
                await self._handle(await self._next())
        except WebSocketDisconnect:
            return
        except HTTPError as refusal:
            await self._close(_forbidden(refusal))
        except CloseConnection as closing:
            await self._close(closing)
        except Exception:
            log.exception("unexpected error on a WebSocket")
            await self._close(CloseConnection(1011, "Internal server error"))

    async def _close(self, closing: CloseConnection) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the client may be gone
            if self._websocket.application_state is WebSocketState.CONNECTED:
                if closing.code not in _REGULAR:
                    log.info("WebSocket closed with %d: %r", closing.code, closing.reason)
                await self._websocket.close(closing.code, fitting(closing.reason))

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(self._config.init_timeout):
                payload = await self._init_payload()
        except TimeoutError:
            raise CloseConnection(4408, "Connection initialisation timeout") from None
        await self._hooks.on_ws_connect(payload)
        try:
            self._slot.move(client_name(self._websocket.scope, record_of(self._websocket.scope)))
        except TooManyConnections as refusal:
            raise CloseConnection(1013, str(refusal)) from None
        await self._send({"type": "connection_ack"})

    async def _init_payload(self) -> Mapping[str, object]:
        try:
            while True:
                match await self._messages.next():
                    case ConnectionInit(payload):
                        return payload
                    case Subscribe():
                        raise CloseConnection(4401, "Unauthorized")
                    case Complete():
                        raise CloseConnection(4400, "The first message must be connection_init")
                    case Ping() | Pong() as message:
                        await self._handle(message)
        except CloseConnection as closing:
            if closing.is_protocol_error:
                await self._hooks.on_early_message()
            raise

    async def _next(self) -> ClientMessage:
        """The next message; raises CloseConnection if the connection is idle for too long."""
        timeout = self._config.idle_timeout
        while True:
            try:
                async with asyncio.timeout(timeout):
                    return await self._messages.next()
            except TimeoutError:
                idle = asyncio.get_running_loop().time() - self._operations.last_end
                if not self._operations.any and idle >= timeout:
                    raise CloseConnection(
                        1000, f"No operation for {timeout:g} seconds; reconnect when you need one"
                    ) from None

    async def _handle(self, message: ClientMessage) -> None:
        match message:
            case Ping():
                await self._send({"type": "pong"})
            case Pong():
                pass
            case ConnectionInit():
                raise CloseConnection(4429, "Too many initialisation requests")
            case Subscribe(id, payload):
                try:
                    await self._operations.start(id, payload)
                except IdInUse:
                    raise CloseConnection(4409, f"Subscriber for {id} already exists") from None
            case Complete(id):
                self._operations.complete(id)
            case _:
                assert_never(message)

    async def _send(self, message: Mapping[str, object]) -> None:
        """Send a message; raises WebSocketDisconnect if the connection is closed for this client."""
        try:
            self._hooks.check_response()
        except HTTPError as refusal:
            self._cut_off(_forbidden(refusal))
        text = orjson.dumps(message).decode()
        connections = self._config.connections
        if self._unsent_bytes and connections.unsent_bytes + len(text) > connections.max_unsent_bytes:
            log.info("WebSocket closed: its client reads too slowly")
            self._cut_off(None)  # a close frame would not reach the client either
        self._unsent_bytes += len(text)
        connections.unsent_bytes += len(text)
        try:
            with suppress(RuntimeError):  # closed meanwhile: drop the message
                await self._websocket.send_text(text)
        finally:
            self._unsent_bytes -= len(text)
            connections.unsent_bytes -= len(text)

    def _cut_off(self, closing: CloseConnection | None) -> NoReturn:
        if not self._cut.done():
            self._cut.set_result(closing)
        raise WebSocketDisconnect(1006)


def _forbidden(refusal: HTTPError) -> CloseConnection:
    return CloseConnection(BAD_REQUEST if refusal.status == 400 else FORBIDDEN, f"Forbidden: {refusal}")
