"""Protocols of the HTTP client used by Upstream, and a client that calls an ASGI app in this process (the sandbox).

The network client is in http_transport.py. Both implement the same protocol, so the code above works with the sandbox and the
real service alike; serving the sandbox imports no HTTP library.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, Self
from urllib.parse import unquote

from graphql_api.settings import Settings
from graphql_api.upstream.headers import KEY_HEADER

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
"""A message of ASGI, or the scope of a request."""
ASGIApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Response(Protocol):
    """The parts of an HTTP response that Upstream reads; headers are found by names in lower case."""

    @property
    def status_code(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def aiter_raw(self) -> AsyncIterator[bytes]:
        """Yields the raw body, not inflated."""


class Client(Protocol):
    """The HTTP client methods that Upstream calls."""

    def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """Send a request for a path below the base URL; yields the response. Raises an UpstreamError or OSError."""

    async def aclose(self) -> None:
        """Close the connections."""


def headers_of(settings: Settings) -> dict[str, str]:
    """Returns the headers sent with every call, including the API key."""
    headers = {"Accept": "application/hal+json", "Accept-Encoding": "gzip", "User-Agent": "competent-graphql"}
    key = settings.key().reveal()
    return headers | {KEY_HEADER: key} if key else headers


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class _AsgiResponse:
    """Response of an in-process ASGI app; provides its `receive` and `send`. A context manager: entering it calls the app."""

    def __init__(self, app: ASGIApp, scope: Message) -> None:
        self._app = app
        self._scope = scope
        self._is_request_sent = False
        self.status_code = 500
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []

    async def __aenter__(self) -> Self:
        try:
            await self._app(self._scope, self.receive, self.send)
        except Exception as error:  # its message may contain the key, as it comes from code outside this project
            log.warning("the Competent API in this process failed: %s", type(error).__name__)
            self.status_code = 500
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing to close."""

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        for chunk in self.body:
            yield chunk

    async def receive(self) -> Message:
        """Returns the request once, then waits until cancelled: no disconnect is ever reported."""
        if self._is_request_sent:
            await asyncio.Event().wait()
        self._is_request_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status_code = message["status"]
            self.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            self.body.append(message.get("body", b""))


class AsgiTransport:
    """Client of a Competent API that is an ASGI app in this process; it cannot reach the network.

    httpx's ASGITransport takes five times the CPU time per request, too much for crawling 6,500 documents at startup.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._default_headers = headers_of(settings)
        self._headers = _raw(self._default_headers)

    def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> _AsgiResponse:
        """The app's response; status 500 if the app raises."""
        return _AsgiResponse(self._app, self._scope(method, url, headers))

    def _scope(self, method: str, url: str, headers: Mapping[str, str]) -> Message:
        path, _, query = url.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": _raw({**self._default_headers, **headers})
            if headers
            else self._headers,  # request headers override the defaults, as in httpx
            "client": ("127.0.0.1", 0),
            "server": ("sandbox.invalid", 80),
        }

    async def aclose(self) -> None:
        """No connections to close."""
