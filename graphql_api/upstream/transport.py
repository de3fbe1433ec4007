"""The client that speaks to a Competent API: httpx over the network, or straight to an ASGI app in this process.

Both have the two calls that the door needs, so that everything above is the same over the sandbox and over the real service.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import unquote

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from graphql_api.settings import Settings

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


class Response(Protocol):
    """As much of httpx's response as the door reads; the names of headers are in lower case."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def aiter_raw(self) -> AsyncIterator[bytes]:
        """The body as it came, not inflated."""


class Client(Protocol):
    """As much of httpx's client as the door calls."""

    def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """The response to a request for a path on the base of this client."""

    async def aclose(self) -> None:
        """Close the connections."""


def over_network(settings: Settings) -> httpx.AsyncClient:
    """A client of `settings.upstream_url`, with the key, TLS 1.2 or newer, verified, and no redirects followed."""
    context = tls()
    return httpx.AsyncClient(
        base_url=settings.upstream_url,
        headers=_headers(settings),
        transport=AiohttpTransport(client=lambda: _session(settings, context)),
        timeout=httpx.Timeout(settings.total_timeout, connect=settings.connect_timeout),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # keeps none, so none is sent back
    )


def tls() -> ssl.SSLContext:
    """TLS 1.2 or newer, with the certificate and the name of the other side verified, as VDAB demands."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _headers(settings: Settings) -> dict[str, str]:
    headers = {"Accept": "application/hal+json", "Accept-Encoding": "gzip", "User-Agent": "competent-graphql"}
    key = settings.key().reveal()
    return headers | {"X-IBM-Client-Id": key} if key else headers


def _session(settings: Settings, context: ssl.SSLContext) -> aiohttp.ClientSession:
    # Built here and not by the transport: no cookies, and the proxy of the environment where there is one.
    connector = aiohttp.TCPConnector(ssl=context, limit=settings.upstream_concurrency)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)


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


class InProcess:
    """A client of a Competent API that is an ASGI app in this process; nothing of it can reach a network.

    httpx's own ASGITransport does the same for five times the processor time a request, which a walk over 6,500 documents at
    start cannot afford.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._own = _headers(settings)
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
