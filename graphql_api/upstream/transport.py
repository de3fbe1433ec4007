"""The client that speaks to a Competent API: over the network, or straight to an ASGI app in this process.

Both have the two calls that the door needs, so that everything above is the same over the sandbox and over the real service.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from graphql_api.settings import Settings

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

KEPT_OPEN = 60.0
"""Seconds that a connection is kept without a call, so that a question after a pause begins without handshakes."""
ADDRESS_KNOWN = 60
"""Seconds that the address of the Competent API is known before it is looked up again."""


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


class _Received:
    """A response of the network, as much of it as the door reads."""

    __slots__ = ("_response", "headers", "status_code")

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status_code = response.status_code
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in response.headers.raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value

    def aiter_raw(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return aiter(stream)


class OverNetwork:
    """A client of `settings.upstream_url`: requests and exceptions of httpx, connections of aiohttp, kept open.

    Sends the key, verifies TLS 1.2 or newer, follows no redirect, keeps no cookie. httpx's own client does what is left for as
    much processor time again as the rest of a request.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport or _connections(settings)
        self._base = httpx.URL(settings.upstream_url)
        self._prefix = self._base.raw_path.rstrip(b"/")
        self._own = _headers(settings)
        self._headers = httpx.Headers(self._own)
        timeout = httpx.Timeout(settings.total_timeout, connect=settings.connect_timeout)
        self._extensions = {"timeout": timeout.as_dict()}

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[_Received]:
        """The response to a request for a path on the base; raises what httpx raises."""
        request = httpx.Request(
            method,
            self._base.copy_with(raw_path=self._prefix + url.encode()),
            headers={**self._own, **headers} if headers else self._headers,
            extensions=self._extensions,
        )
        response = await self._transport.handle_async_request(request)
        try:
            yield _Received(response)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _connections(settings: Settings) -> AiohttpTransport:
    context = tls()
    proxy = _proxy(httpx.URL(settings.upstream_url))
    return AiohttpTransport(verify=context, client=lambda: _session(settings, context), proxy=proxy)


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for this address; asked once, as aiohttp would ask in a thread at every request."""
    told = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
    return httpx.Proxy(told) if told else None


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
    # Built here and not by the transport, which would keep cookies, and connections for a few seconds only.
    connector = aiohttp.TCPConnector(
        ssl=context, limit=settings.upstream_concurrency, keepalive_timeout=KEPT_OPEN, ttl_dns_cache=ADDRESS_KNOWN
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


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
