"""One connection of a client, bounded: how long a request may take to arrive, how large its head may be, how long it may be idle.

uvicorn has no such bounds with httptools. A client that is slow, silent or too large is cut, and costs nobody else anything;
what it is told, here and where its request is no HTTP, is JSON with a code, as everywhere.
"""

import asyncio
from typing import Any
from uuid import uuid4

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from graphql_api.wrapping import HEADERS

_SENTENCES = {
    400: "This is no HTTP request: its method, a header or the form of its body is not as it should be.",
    408: "The request took too long to arrive.",
    431: "The head of the request is too large.",
}


class Bounds(Config):
    """uvicorn's configuration with two bounds more.

    `arrival`: seconds for a request to arrive, head and body, from its first byte or, for the first one, from the connection.
    `head_bytes`: bytes of a head, with the trailers of a body in chunks.
    """

    def __init__(self, app: Any, *, arrival: float, head_bytes: int, **others: Any) -> None:
        super().__init__(app, http=Connection, **others)
        self.arrival = arrival
        self.head_bytes = head_bytes


class Connection(HttpToolsProtocol):
    """uvicorn's protocol within those bounds."""

    config: Bounds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time, though nothing of it has come yet."""
        super().connection_made(transport)
        self._refused = False
        self._in_head = False
        self._head = 0
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head, also where it never ends."""
        if self._refused:
            return
        if self._timer is None and self._is_idle():
            self._begin()
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            self._check_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        if self._timer is None:
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, within the bound."""
        self._head += len(name) + len(value) + 4
        if self._head <= self.config.head_bytes:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request through, if its head is within the bound."""
        self._in_head = False
        self._head += len(self.url)
        self._check_head()
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here."""
        self._arrived()
        if not self._refused:
            self._check_head()  # with what followed a body in chunks
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP ends the connection."""
        self._refuse(400)

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection."""
        self._arrived()
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        """Close what is idle; what takes its answer ever so slowly may go on, what takes none is cut."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent and not self.transport.is_closing():
            self._unsent = unsent
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        elif unsent:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _begin(self) -> None:
        self._timer = self.loop.call_later(self.config.arrival, self._too_slow)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self.cycle is None and not self._head and not self._in_head:
            self._refused = True
            self.transport.close()  # nothing was asked, so nothing is answered
        else:
            self._refuse(408)

    def _check_head(self) -> None:
        if self._head > self.config.head_bytes:
            self._refuse(431)

    def _refuse(self, status: int) -> None:
        self._refused = True
        self._arrived()
        if self._is_idle() or self._is_unanswered():
            self.transport.write(_answer(status, self.server_state.default_headers))
        if self.cycle is not None:
            self.cycle.disconnected = True  # nothing of an answer follows this one
            self.cycle.message_event.set()
        self.transport.close()

    def _is_unanswered(self) -> bool:
        """Whether the request that is being read is the only one, and nothing of its answer has been sent."""
        return not self.pipeline and self.cycle.more_body and not self.cycle.response_started


def _answer(status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    request_id = uuid4().hex  # what the client sent as its id may be what is wrong
    error = {"message": _SENTENCES[status], "extensions": {"code": "BAD_REQUEST", "requestId": request_id}}
    body = orjson.dumps({"errors": [error]})
    told = [*headers, *_HEADERS, (b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))]
    return b"".join([STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in told), b"\r\n", body])


_HEADERS = [
    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
]
