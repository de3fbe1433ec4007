"""What the door needs of a client of a Competent API, and the client of one that is an ASGI app in this process.

The other client is in http_transport.py. Both have the same two calls, so that everything above is the same over the
sandbox and over the real service; and who serves the sandbox imports no HTTP library.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import unquote

from graphql_api.settings import Settings

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


class Response(Protocol):
    """As much of a response as the door reads; the names of headers are in lower case."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def aiter_raw(self) -> AsyncIterator[bytes]:
        """The body as it came, not inflated."""


class Client(Protocol):
    """As much of a client as the door calls."""

    def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """The response to a request for a path on the base of this client; raises an UpstreamError, or an OSError."""

    async def aclose(self) -> None:
        """Close the connections."""


def headers_of(settings: Settings) -> dict[str, str]:
    """What is sent with every call: the key above all."""
    headers = {"Accept": "application/hal+json", "Accept-Encoding": "gzip", "User-Agent": "competent-graphql"}
    key = settings.key().reveal()
    return headers | {"X-IBM-Client-Id": key} if key else headers


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class _Answer:
    """The response of an app in this process, and the two calls that the app talks to."""

    def __init__(self) -> None:
        self._asked = False
        self.status_code = 500
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        for chunk in self.body:
            yield chunk

    async def receive(self) -> dict[str, Any]:
        """The request once; who asks again waits for a client that leaves, and this one does so by being cancelled."""
        if self._asked:
            await asyncio.Event().wait()
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status_code = message["status"]
            self.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            self.body.append(message.get("body", b""))


class AsgiTransport:
    """A client of a Competent API that is an ASGI app in this process; nothing of it can reach a network.

    httpx's own ASGITransport does the same for five times the processor time a request, which a walk over 6,500 documents at
    start cannot afford.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._own = headers_of(settings)
        self._headers = _raw(self._own)

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[_Answer]:
        """The response of the app; where the app raises, status 500."""
        answer = _Answer()
        try:
            await self._app(self._scope(method, url, headers), answer.receive, answer.send)
        except Exception:
            answer.status_code = 500
        yield answer

    def _scope(self, method: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
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
            "headers": _raw({**self._own, **headers})
            if headers
            else self._headers,  # as httpx does: a request's own win
            "client": ("127.0.0.1", 0),
            "server": ("sandbox.invalid", 80),
        }

    async def aclose(self) -> None:
        """Nothing to close."""
