"""Sends responses of known length in one write, headers and body together.

uvicorn writes the headers separately, which costs two system calls and two packets per response. ASGI asks servers to wait
with the headers until the first body message.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle

from graphql_api.http.middleware import ENCODED_HEADERS

if TYPE_CHECKING:
    from graphql_api.library_internals import ASGI3Application, ASGISendEvent, HTTPResponseStartEvent

_CONTROLS = bytes({*range(32), 127} - set(b"\t\r\n"))
_CONNECTION_HEADERS = (b"transfer-encoding", b"connection")
"""Headers about the connection itself, which uvicorn handles."""

Headers = Iterable[tuple[bytes, bytes]]


class BufferedResponseCycle(RequestResponseCycle):
    """uvicorn's request/response cycle, with buffered headers for responses of known length."""

    _head = b""

    async def run_asgi(self, app: "ASGI3Application") -> None:
        """Run the app. A response that it ends early, having logged why, is cut: uvicorn would log an error of its own."""

        async def run(*arguments: Any) -> None:
            await app(*arguments)
            if self.response_started and not (self.response_complete or self.disconnected):
                self.disconnected = True
                self.transport.abort()  # `close` would wait for a reader that is too slow

        await super().run_asgi(run)

    async def send(self, message: "ASGISendEvent") -> None:
        """Send an ASGI message; buffers the headers until the first body message if the length is known."""
        if message["type"] == "http.response.start" and not self.response_started:
            if (length := _length(message)) is None or self.access_log:
                await super().send(message)
                return
            self._head = head_of(message["status"], [*self.default_headers, *message["headers"]])
            self.response_started, self.waiting_for_100_continue = True, False
            self.chunked_encoding, self.expected_content_length = False, length
        elif self._head and message["type"] == "http.response.body":
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
            if not self.disconnected:
                self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            await super().send(message)

    def _write(self, body: bytes, *, more: bool) -> None:
        head = self._head + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self._head = b""
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        if len(body) > self.expected_content_length:
            raise RuntimeError("Response content longer than Content-Length")
        self.expected_content_length -= len(body)
        self.transport.write(head + body)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("Response content shorter than Content-Length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def head_of(status: int, headers: Headers) -> bytes:
    """Encode status line and headers, without the final empty line.

    Raises RuntimeError for invalid header names, and for values with control characters such as line breaks.
    """
    encoded = [b"%b: %b\r\n" % (_valid_name(name), value) for name, value in headers]
    head = STATUS_LINE[status] + b"".join(encoded)
    # Every line break is ours, and no value has control characters: no header can be injected.
    lines = 1 + len(encoded)
    if head.count(b"\n") != lines or head.count(b"\r") != lines or len(head.translate(None, _CONTROLS)) != len(head):
        raise RuntimeError("Invalid HTTP header value.")
    return head


def _length(start: "HTTPResponseStartEvent") -> int | None:
    """`Content-Length` of a response; None if it is missing, or a header concerns the connection."""
    length = None
    for name, value in start.get("headers", ()):
        if name == b"content-length":
            length = int(value)
        elif name in _CONNECTION_HEADERS:
            return None
    return length


@lru_cache(512)
def _valid_name(name: bytes) -> bytes:
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower()


def error_response_bytes(status: int, message: str, request_id: str, default_headers: Headers) -> bytes:
    """The encoded response to an unreadable request, with `Connection: close` and the server's default headers."""
    error = {"message": message, "extensions": {"code": "BAD_REQUEST", "requestId": request_id}}
    body = orjson.dumps({"errors": [error]})
    encoded = [
        *default_headers,
        *_ERROR_HEADERS,
        (b"x-request-id", request_id.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    return head_of(status, encoded) + b"\r\n" + body


_ERROR_HEADERS = [
    *ENCODED_HEADERS,
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
]
