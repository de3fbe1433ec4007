"""Limits on WebSocket messages: bytes per message and messages per second.

Applied before authentication and the protocol see a message, and independent of the ASGI server.
"""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.streaming.limits import TokenBucket

log = logging.getLogger(__name__)

BURST_SECONDS = 10
"""Seconds over which the rate is averaged."""


class BoundedMessages:
    """ASGI middleware that closes WebSockets over a limit, and yields to the event loop between messages."""

    def __init__(self, app: ASGIApp, per_second: int, most_bytes: int) -> None:
        self._app = app
        self._per_second = per_second
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass WebSockets on with a limited `receive`, and everything else unchanged."""
        if scope["type"] == "websocket":
            bounded = _Bounded(receive, send, self._per_second, self._most_bytes)
            receive, send = bounded.receive, bounded.send
        await self._app(scope, receive, send)


class _Bounded:
    def __init__(self, receive: Receive, send: Send, per_second: int, most_bytes: int) -> None:
        self._receive, self._send = receive, send
        self._per_second, self._most_bytes = per_second, most_bytes
        self._bucket = TokenBucket(per_second, per_second * BURST_SECONDS)
        self._closed = False

    async def receive(self) -> Message:
        """The next message; if it exceeds a limit, close the connection and return a disconnect."""
        await asyncio.sleep(0)  # yield before taking the message: a cancellation must not lose it
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        if not self._bucket.take():
            return await self._close(1008, f"At most {self._per_second} messages per second")
        if _size(message) > self._most_bytes:
            return await self._close(1009, f"A message may have at most {self._most_bytes} bytes")
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the app, unless the connection was closed."""
        if not self._closed:
            self._closed = message["type"] == "websocket.close"
            await self._send(message)

    async def _close(self, code: int, reason: str) -> Message:
        if not self._closed:
            log.info("WebSocket closed with %d: %s", code, reason)
            await self.send({"type": "websocket.close", "code": code, "reason": reason})
        return {"type": "websocket.disconnect", "code": code, "reason": reason}


def _size(message: Message) -> int:
    text = message.get("text")
    return len(message.get("bytes") or b"") if text is None else len(text.encode(errors="surrogatepass"))
