"""Reads the messages of a WebSocket that speaks graphql-transport-ws: limited in size and rate, and parsed once.

The limits apply before anything else sees a message, and do not depend on the ASGI server.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from dataclasses import dataclass

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from graphql_api.http.streaming.limits import TokenBucket

BURST_SECONDS = 10
"""Seconds over which the rate is averaged."""
MAX_ID_CHARS = 200


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The first message; its payload is empty if the client sends none."""

    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class Ping:
    """Requests a pong."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Needs no response."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Starts an operation. `payload` is not checked yet: if it is invalid, only this operation gets an error."""

    id: str
    payload: object


@dataclass(frozen=True, slots=True)
class Complete:
    """Ends an operation."""

    id: str


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete


class CloseConnection(Exception):
    """Raised to close the connection, with a code of the protocol (4xxx) or of RFC 6455 (1xxx)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    @property
    def is_protocol_error(self) -> bool:
        """Whether the client broke the protocol, rather than a limit."""
        return self.code >= 4000


class MessageReader:
    """Reads the messages of one connection: at most `per_second` on average, each of at most `max_bytes`."""

    def __init__(self, websocket: WebSocket, per_second: int, max_bytes: int) -> None:
        self._websocket = websocket
        self._per_second = per_second
        self._max_bytes = max_bytes
        self._bucket = TokenBucket(per_second, per_second * BURST_SECONDS)

    async def next(self) -> ClientMessage:
        """The next message; raises CloseConnection if it breaks a limit or the protocol, and WebSocketDisconnect at the end."""
        await asyncio.sleep(0)  # yield before taking the message: a cancellation must not lose it
        frame = await self._websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1005))
        if not self._bucket.take():
            raise CloseConnection(1008, f"At most {self._per_second} messages per second")
        text: str | None = frame.get("text")
        data: bytes = frame.get("bytes") or b"" if text is None else text.encode(errors="surrogatepass")
        if len(data) > self._max_bytes:
            raise CloseConnection(1009, f"A message may have at most {self._max_bytes} bytes")
        if text is None:
            raise CloseConnection(4400, "Messages must be text")
        return parse(data)


def parse(data: bytes) -> ClientMessage:
    """Parse one message; raises CloseConnection (4400) if it is invalid."""
    try:
        message = orjson.loads(data)
    except ValueError:
        message = None
    match message:
        case {"type": "ping"}:
            return Ping()
        case {"type": "pong"}:
            return Pong()
        case {"type": "connection_init"}:
            return ConnectionInit(_init_payload(message))
        case {"type": "subscribe"}:
            return Subscribe(_id(message), message.get("payload"))
        case {"type": "complete"}:
            return Complete(_id(message))
        case {"type": str()}:
            raise CloseConnection(4400, "Unknown message type")
    raise CloseConnection(4400, "Messages must be JSON objects with a type")


def _init_payload(message: dict[str, object]) -> dict[str, object]:
    match message.get("payload"):
        case None:
            return {}
        case dict() as payload:
            return payload
    raise CloseConnection(4400, "The payload of connection_init must be an object")


def _id(message: dict[str, object]) -> str:
    match message.get("id"):
        case str() as id if 0 < len(id) <= MAX_ID_CHARS:
            return id
    raise CloseConnection(4400, f"The id must be a string of 1 to {MAX_ID_CHARS} characters")
