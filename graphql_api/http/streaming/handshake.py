"""The opening handshake of WebSockets: hooks for credentials, which web pages may connect, and how a connection is denied.

Browsers let pages of any site connect, so the server must refuse. A page may connect if it comes from our own host or a
configured origin. Pages cannot set the fields that name the requested host (`Host`, `X-Forwarded-Host`), so these are
trusted from every sender. A denial is a JSON error response, if the ASGI server supports it; others respond with an empty 403.

Source: https://asgi.readthedocs.io/en/latest/extensions.html#websocket-denial-response
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.http.middleware import HEADERS
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.settings.origins import Origins


class ConnectionHooks(Protocol):
    """Authenticates one connection. Each hook raises HTTPError to refuse the client."""

    async def on_handshake(self) -> None:
        """Called before the connection is accepted."""

    async def on_ws_connect(self, payload: Mapping[str, object]) -> None:
        """Called with the payload of `connection_init`, before it is acknowledged."""

    async def on_early_message(self) -> None:
        """Called for an invalid message before `connection_init`: clients without a key learn only that."""

    async def on_operation(self, record: RequestContext) -> None:
        """Called before each operation."""

    def check_response(self) -> None:
        """Called before each message to the client."""


class OpenAccess:
    """The hooks of a server that needs no key."""

    def __init__(self, scope: Scope) -> None: ...

    async def on_handshake(self) -> None: ...

    async def on_ws_connect(self, payload: Mapping[str, object]) -> None: ...

    async def on_early_message(self) -> None: ...

    async def on_operation(self, record: RequestContext) -> None: ...

    def check_response(self) -> None: ...


DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class _Host(NamedTuple):
    name: str
    port: int | None
    """None if missing: a proxy may pass the host without the port (nginx's `$host`)."""


def may_connect(headers: Headers, allowed: Origins) -> bool:
    """Whether the page in `Origin` may open a WebSocket; clients without `Origin`, which are not browsers, always may."""
    origins = headers.getlist("origin")
    if not origins or allowed.any:
        return True
    if len(origins) > 1:
        return False
    return allowed.allow(origins[0].lower()) or _is_our_own(origins[0], headers)


def _is_our_own(origin: str, headers: Headers) -> bool:
    scheme, _, authority = origin.lower().partition("://")
    page = _host(authority)
    if scheme not in DEFAULT_PORTS or page is None:
        return False
    requested = (
        _host(value.lower()) for value in (headers.get("host"), _first(headers.get("x-forwarded-host"))) if value
    )
    return any(_is_same(page, host, DEFAULT_PORTS[scheme]) for host in requested if host is not None)


def _is_same(page: _Host, requested: _Host, default: int) -> bool:
    return page.name == requested.name and requested.port in (None, page.port or default)


def _host(authority: str) -> _Host | None:
    """Parse `host` or `host:port`; None for anything else, such as an authority with a user or a path."""
    try:
        url = urlsplit(f"//{authority}")
        host = _Host((url.hostname or "").rstrip("."), url.port)
    except ValueError:  # an unclosed bracket or an invalid port
        return None
    return host if host.name and url.netloc == authority and "@" not in authority else None


def _first(value: str | None) -> str:
    return (value or "").partition(",")[0].strip()


EXTENSION = "websocket.http.response"


def _is_not_denial(record: logging.LogRecord) -> bool:
    """False for the error that uvicorn logs for every denied connection; the denial is intended."""
    return record.msg != "ASGI callable returned without completing handshake."


logging.getLogger("uvicorn.error").addFilter(_is_not_denial)


async def deny(scope: Scope, receive: Receive, send: Send, refusal: HTTPError, code: int) -> None:
    """Deny a connection; `code` is the close code for servers without the denial response extension."""
    await receive()  # websocket.connect
    if EXTENSION not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": code, "reason": fitting(str(refusal))})
        return

    async def send_denied(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    response = error_response(refusal, JSON, record_of(scope))
    response.headers.update(HEADERS)
    await response({**scope, "type": "http"}, receive, send_denied)


def fitting(reason: str) -> str:
    """A close reason cut to the 123 bytes that fit a close frame (RFC 6455, 5.5)."""
    return reason.encode()[:123].decode(errors="ignore")
