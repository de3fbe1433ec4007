"""Denies WebSockets with a JSON error response, if the ASGI server supports it; others respond with an empty 403.

Source: https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
"""

import logging

from starlette.types import Message, Receive, Scope, Send

from graphql_api.http.graphql import JSON, HTTPError, refused
from graphql_api.http.middleware import HEADERS
from graphql_api.observability.request_context import record_of

EXTENSION = "websocket.http.response"


def _is_news(record: logging.LogRecord) -> bool:
    """False for the error that uvicorn logs for every denied connection; the denial is intended."""
    return record.msg != "ASGI callable returned without completing handshake."


logging.getLogger("uvicorn.error").addFilter(_is_news)


async def deny(scope: Scope, receive: Receive, send: Send, refusal: HTTPError, code: int) -> None:
    """Deny a connection; `code` is the close code for servers without the denial response extension."""
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
    """A close reason cut to the 123 bytes that fit a close frame (RFC 6455, 5.5)."""
    return reason.encode()[:123].decode(errors="ignore")
