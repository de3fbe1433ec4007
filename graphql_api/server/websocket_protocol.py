"""uvicorn's WebSocket protocol with limits: frames per event-loop turn, frames per second, and unsent pongs.

uvicorn parses all data that has arrived in one call, and answers each ping immediately. Here each connection parses a small
piece per turn, so that a megabyte of pings delays no other client; clients that send frames faster than the limit are
disconnected.
"""

import asyncio
import logging
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from graphql_api.http.middleware import HEADERS
from graphql_api.http.streaming.limits import TokenBucket
from graphql_api.server.protocol import BoundedConfig

if TYPE_CHECKING:
    from graphql_api.library_internals import ASGIReceiveEvent, ASGISendEvent

log = logging.getLogger(__name__)

MAX_FRAMES_PER_TURN = 64
"""Frames per event-loop turn and connection; the piece being parsed may exceed it by its own frames."""
MAX_BYTES_PER_TURN = 65_536
PIECE_BYTES = 512
"""Bytes parsed in one call: at most 85 frames, as the smallest has 6 bytes."""
BURST_SECONDS = 10
"""Seconds over which rates are averaged."""
LINGER_SECONDS = 1.0
"""Seconds for which a closing connection still reads; otherwise a TCP reset for unread data would overtake the close code."""
MAX_LINGER_BYTES = 4_000_000
_CODES = defaultdict(lambda: "BAD_REQUEST", {403: "FORBIDDEN", 500: "INTERNAL_SERVER_ERROR"})


class _Parser(ServerProtocol):
    """Counts received frames, and rejects a handshake with a JSON error response."""

    frames = 0

    def reject(self, status: StatusLike, text: str) -> Response:
        response = super().reject(status, "")
        message = text.strip() or "No WebSocket at this path; connect to /graphql."
        extensions = {"code": _CODES[response.status_code], "requestId": uuid4().hex}
        response.body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
        for name in ("Content-Length", "Content-Type"):
            del response.headers[name]
        length = {"Content-Length": str(len(response.body)), "Content-Type": "application/json; charset=utf-8"}
        response.headers.update({**HEADERS, **length, "X-Request-ID": extensions["requestId"]})
        return response

    def recv_frame(self, frame: Frame) -> None:
        self.frames += 1
        super().recv_frame(frame)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection; `config.frames_per_second` is the maximum number of frames per second."""

    config: BoundedConfig

    def __init__(
        self,
        config: BoundedConfig,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn: _Parser = _Parser(max_size=config.ws_max_size, logger=self.logger)
        rate = config.frames_per_second
        self._bucket = TokenBucket(rate, rate * BURST_SECONDS, self.loop.time)
        self._unread = bytearray()
        self._turn: asyncio.Handle | None = None
        self._abort_timer: asyncio.TimerHandle | None = None
        self._pongs = b""
        self._discarded_bytes: int | None = None

    def data_received(self, data: bytes) -> None:
        """Buffer data and parse it in pieces; the opening handshake is parsed immediately."""
        if not self.handshake_initiated:
            super().data_received(data)
        elif self._discarded_bytes is not None:
            self._discard(data)
        else:
            self._unread += data
            if self._turn is None:
                self._read()

    async def receive(self) -> "ASGIReceiveEvent":
        """The next message; receiving it makes room for another."""
        message = await super().receive()
        self._schedule_read()
        return message

    async def send(self, message: "ASGISendEvent") -> None:
        """Send a message; the handshake response starts the parsing of data that arrived before it."""
        await super().send(message)
        self._schedule_read()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """After the app has ended, abort the connection if the client does not read the rest in time; uvicorn never would."""
        super().on_task_complete(task)
        if not self.disconnected and self._discarded_bytes is None:
            self._abort_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop unread data and cancel the timers."""
        self._unread.clear()
        for handle in (self._turn, self._abort_timer):
            if handle is not None:
                handle.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Send the pongs that waited for the client to read."""
        super().resume_writing()
        if self._pongs:
            self.transport.write(self._pongs)
            self._pongs = b""

    def handle_ping(self) -> None:
        """Send the pongs; if the client does not read, only the newest are buffered (RFC 6455, 5.5.3)."""
        if self.writable.is_set():
            super().handle_ping()
        elif pongs := b"".join(self.conn.data_to_send()):
            self._pongs = pongs

    def keepalive_timeout(self) -> None:
        """Abort the connection of a client that no longer answers pings, with its unsent data."""
        super().keepalive_timeout()
        self.transport.abort()

    def send_receive_event_to_app(self) -> None:
        """Pass a message to the app; closes the connection with 1007 if a text message is not UTF-8."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self._fail(1007, "Text must be UTF-8")
            return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Close the connection after a protocol error of the client."""
        close = self.conn.close_sent
        assert close is not None
        log.info("WebSocket closed with %d: %s", close.code, close.reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self._linger()

    def _linger(self) -> None:
        """Discard what still arrives for up to `LINGER_SECONDS` seconds, so that the client can read the close frame."""
        self._discarded_bytes = len(self._unread)
        self._unread.clear()
        self.frames.clear()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        self.transport.resume_reading()

    def _read(self) -> None:
        """Parse a few pieces, unless a message waits for the app; the rest follows in the next turn."""
        self._turn = None
        before, left = self.conn.frames, MAX_BYTES_PER_TURN
        while self._may_read() and left > 0 and self.conn.frames - before < MAX_FRAMES_PER_TURN:
            piece = bytes(self._unread[:PIECE_BYTES])
            del self._unread[:PIECE_BYTES]
            left -= len(piece)
            super().data_received(piece)
        if self._discarded_bytes is None and not self._bucket.take(self.conn.frames - before):
            self._fail(1008, f"At most {self.config.frames_per_second} frames per second")
        self._schedule_read()

    def _may_read(self) -> bool:
        """Whether there is data to parse, no message waits for the app, and the handshake is complete."""
        waits = self.read_paused or not self.handshake_complete
        return bool(self._unread) and not waits and not self.transport.is_closing()

    def _schedule_read(self) -> None:
        """Schedule the next turn; the transport pauses reading while there is data to parse."""
        if self._may_read() and self._turn is None:
            self._turn = self.loop.call_soon(self._read)
        if self._unread:
            self.transport.pause_reading()
        elif not self.read_paused:
            self.transport.resume_reading()

    def _fail(self, code: int, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()
        elif self._discarded_bytes is None:  # the app's close frame has already been sent
            self._linger()

    def _discard(self, data: bytes) -> None:
        assert self._discarded_bytes is not None
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_LINGER_BYTES:
            self.transport.abort()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
