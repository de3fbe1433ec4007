"""A WebSocket that may not be opened: refused in JSON with a code, as every request, where the server can tell more than 403.

Source: https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
"""

import logging

from starlette.types import Message, Receive, Scope, Send

from graphql_api.http.graphql import JSON, HTTPError, refused
from graphql_api.http.middleware import HEADERS
from graphql_api.observability.request_context import record_of

EXTENSION = "websocket.http.response"


def _is_news(record: logging.LogRecord) -> bool:
    """False for what uvicorn takes for an error of ours: that a denied connection was not opened."""
    return record.msg != "ASGI callable returned without completing handshake."


logging.getLogger("uvicorn.error").addFilter(_is_news)


async def deny(scope: Scope, receive: Receive, send: Send, refusal: HTTPError, code: int) -> None:
    """Refuse a connection; `code` is for servers that close instead."""
    await receive()  # websocket.connect
    if EXTENSION not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": code, "reason": fitting(str(refusal))})
        return

    async def send_denied(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    response = refused(refusal, JSON, record_of(scope))
    response.headers.update(HEADERS)
    await response({**scope, "type": "http"}, receive, send_denied)


def fitting(reason: str) -> str:
    """The reason of a close, cut to what a close frame holds: 123 bytes (RFC 6455, 5.5)."""
    return reason.encode()[:123].decode(errors="ignore")
