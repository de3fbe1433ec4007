"""WebSockets on `/graphql` that speak graphql-transport-ws.

Every error is a message with a code or one of the protocol's close codes. Operations end with their connection.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from graphql_api.asyncio_tools import ended
from graphql_api.http.content_negotiation import accepted
from graphql_api.http.graphql import HTTPError
from graphql_api.http.streaming.handshake import deny, fitting, may_connect
from graphql_api.http.streaming.limits import Connections, Place, TooMany, client_of
from graphql_api.http.streaming.operations import IdInUse, Operations, StreamingExecutor
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import record_of, text_in
from graphql_api.settings.origins import Origins

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
_NO_ORIGINS = Origins(())
_ID_LENGTH = 200
_AS_USUAL = (1000, 1001)
"""Close codes of regular ends, which are not logged."""
_ELSEWHERE = HTTPError(403, "WebSockets from this origin are not allowed.", "FORBIDDEN")


class CloseConnection(Exception):
    """Raised to close the connection, with a code of the protocol (4xxx) or of RFC 6455 (1xxx)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WebSockets:
    """The ASGI app for WebSockets: checks origin and subprotocol, and enforces the limits per connection."""

    running: StreamingExecutor
    connections: Connections
    outcomes: OperationLog
    origins: Origins = _NO_ORIGINS
    """Origins of web pages that may connect, in addition to our own."""
    init_timeout: float = 5.0
    idle_timeout: float = 60.0
    most_operations: int = 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        websocket = WebSocket(scope, receive, send)
        if not may_connect(websocket.headers, self.origins):
            await deny(scope, receive, send, _ELSEWHERE, 1008)
            return
        if PROTOCOL not in scope.get("subprotocols", ()):
            await websocket.accept()
            await websocket.close(4406, f"Use the subprotocol {PROTOCOL}")
            return
        await websocket.accept(PROTOCOL)
        try:
            with self.connections.one("websocket", client_of(scope, record_of(scope))) as place:
                await _Connection(websocket, self, place).serve()
        except TooMany as refusal:
            await websocket.close(1013, str(refusal))


class _Connection:
    def __init__(self, websocket: WebSocket, bounds: WebSockets, place: Place) -> None:
        self._websocket = websocket
        self._bounds = bounds
        self._place = place
        self._unsent = 0
        self._slow = asyncio.Event()
        languages = accepted(text_in(record_of(websocket.scope).head, b"accept-language"))
        self._operations = Operations(
            websocket.scope, bounds.running, bounds.outcomes, languages, bounds.most_operations, self._send
        )

    async def serve(self) -> None:
        """Serve until the client disconnects, breaks the protocol or reads too slowly, or the server shuts down."""
        stopping = asyncio.create_task(self._bounds.connections.stopping.wait())
        slow = asyncio.create_task(self._slow.wait())
        talking = asyncio.create_task(self._talk())
        try:
            await asyncio.wait((talking, stopping, slow), return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and not talking.done():
                await self._close(CloseConnection(1001, "The server is shutting down"))
        finally:
            await ended((talking, stopping, slow))
            await self._operations.end()

    async def _talk(self) -> None:
        try:
            await self._begin()
            while True:
                await self._take(await self._next())
        except WebSocketDisconnect:
            return
        except CloseConnection as closing:
            await self._close(closing)
        except Exception:
            log.exception("unexpected error on a WebSocket")
            await self._close(CloseConnection(1011, "Internal server error"))

    async def _close(self, closing: CloseConnection) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the client may be gone
            if self._websocket.application_state is WebSocketState.CONNECTED:
                if closing.code not in _AS_USUAL:
                    log.info("WebSocket closed with %d: %r", closing.code, closing.reason)
                await self._websocket.close(closing.code, fitting(closing.reason))

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(self._bounds.init_timeout):
                while (message := await self._message())["type"] in ("ping", "pong"):
                    await self._take(message)
        except TimeoutError:
            raise CloseConnection(4408, "Connection initialisation timeout") from None
        if message["type"] == "subscribe":
            raise CloseConnection(4401, "Unauthorized")
        if message["type"] != "connection_init" or not isinstance(message.get("payload"), dict | None):
            raise CloseConnection(4400, "The first message must be connection_init, its payload an object")
        try:
            self._place.move(client_of(self._websocket.scope, record_of(self._websocket.scope)))
        except TooMany as refusal:
            raise CloseConnection(1013, str(refusal)) from None
        await self._send({"type": "connection_ack"})

    async def _next(self) -> dict[str, Any]:
        """The next message; raises CloseConnection if the connection is idle for too long."""
        most = self._bounds.idle_timeout
        while True:
            try:
                async with asyncio.timeout(most):
                    return await self._message()
            except TimeoutError:
                quiet = asyncio.get_running_loop().time() - self._operations.last_end
                if not self._operations.any and quiet >= most:
                    raise CloseConnection(
                        1000, f"No operation for {most:g} seconds; reconnect when you need one"
                    ) from None

    async def _message(self) -> dict[str, Any]:
        text = (await self._frame()).get("text")
        if text is None:
            raise CloseConnection(4400, "Messages must be text")
        try:
            message = orjson.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise CloseConnection(4400, "Messages must be JSON objects with a type")
        return message

    async def _frame(self) -> Any:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return message

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "connection_init":
                raise CloseConnection(4429, "Too many initialisation requests")
            case "subscribe":
                await self._subscribe(_id(message), message.get("payload"))
            case "complete":
                self._operations.complete(_id(message))
            case _:
                raise CloseConnection(4400, "Unknown message type")

    async def _subscribe(self, id: str, payload: Any) -> None:
        try:
            await self._operations.start(id, payload)
        except IdInUse:
            raise CloseConnection(4409, f"Subscriber for {id} already exists") from None

    async def _send(self, message: dict[str, Any]) -> None:
        text = orjson.dumps(message).decode()
        connections = self._bounds.connections
        if self._unsent and connections.unsent + len(text) > connections.most_unsent:
            log.info("WebSocket closed: its client reads too slowly")
            self._slow.set()  # a close frame would not reach the client either
            raise WebSocketDisconnect(1006)
        self._unsent += len(text)
        connections.unsent += len(text)
        try:
            with suppress(RuntimeError):  # closed meanwhile: drop the message
                await self._websocket.send_text(text)
        finally:
            self._unsent -= len(text)
            connections.unsent -= len(text)


def _id(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= _ID_LENGTH:
        raise CloseConnection(4400, "The id must be a string")
    return id
