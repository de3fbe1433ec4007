"""The client that speaks to a Competent API over the network: one response a call, over connections that are kept.

No exception of httpx or aiohttp gets past here.
"""

import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from graphql_api.errors import ProxyRefused, UpstreamTimeout, UpstreamUnavailable
from graphql_api.settings import Settings
from graphql_api.upstream.error_mapping import described
from graphql_api.upstream.proxies import EnvironmentProxy, proxy_for
from graphql_api.upstream.transport import headers_of

KEPT_OPEN = 60.0
"""Seconds that a connection is kept without a call, so that a question after a pause begins without handshakes."""
ADDRESS_KNOWN = 60
"""Seconds that the address of the Competent API is known before it is looked up again."""


@contextmanager
def library_errors(proxy: str = "") -> Iterator[None]:
    """Turn every exception of the HTTP libraries into one of ours; `proxy` is the variable that names one."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError) as error:
        if isinstance(error.__cause__, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
            # Not chained: the cause shows the headers of the request to the proxy, and with them its password.
            raise _proxy_error(proxy, getattr(error.__cause__, "status", None), str(error)) from None
        kind = UpstreamTimeout if _is_timeout(error) else UpstreamUnavailable
        raise kind(detail=described(error)) from error


def _proxy_error(variable: str, status: int | None, reason: str) -> ProxyRefused:
    if status == 407:
        return ProxyRefused(
            detail=f"the proxy of {variable} responds 407: it requires a user and password, as in http://USER:PASSWORD@HOST:PORT"
        )
    if status is not None:
        return ProxyRefused(detail=f"the proxy of {variable} refuses to connect: status {status}")
    return ProxyRefused(detail=f"the proxy of {variable} cannot be reached: {reason}")


def _is_timeout(error: Exception) -> bool:
    # The aiohttp transport tells a refused or reset connection as ConnectTimeout: what caused it knows better.
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, TimeoutError)
    return isinstance(error, TimeoutError | httpx.TimeoutException)


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


class HttpTransport:
    """A client of `settings.upstream_url`: requests and exceptions of httpx, connections of aiohttp, kept open.

    Sends the key, verifies TLS 1.2 or newer, follows no redirect, keeps no cookie. httpx's own client does what is left for as
    much processor time again as the rest of a request.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = httpx.URL(settings.upstream_url)
        named = proxy_for(self._base, os.environ) if transport is None else None
        self._proxy = named.variable if named else ""
        self._transport = transport or _connections(settings, named)
        self._prefix = self._base.raw_path.rstrip(b"/")
        self._own = headers_of(settings)
        self._headers = httpx.Headers(self._own)
        timeout = httpx.Timeout(settings.upstream_total_timeout, connect=settings.upstream_connect_timeout)
        self._extensions = {"timeout": timeout.as_dict()}

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[_Received]:
        """The response to a request for a path on the base; raises an UpstreamError, or an OSError."""
        request = httpx.Request(
            method,
            self._base.copy_with(raw_path=self._prefix + url.encode()),
            headers={**self._own, **headers} if headers else self._headers,
            extensions=self._extensions,
        )
        with library_errors(self._proxy):
            response = await self._transport.handle_async_request(request)
            try:
                if response.status_code == 407 and self._proxy:
                    raise _proxy_error(self._proxy, 407, "")
                yield _Received(response)
            finally:
                await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _connections(settings: Settings, named: EnvironmentProxy | None) -> AiohttpTransport:
    context = tls()
    # Looked up once, as aiohttp would look in a thread at every request.
    return AiohttpTransport(
        verify=context, client=lambda: _session(settings, context), proxy=named.proxy if named else None
    )


def tls() -> ssl.SSLContext:
    """TLS 1.2 or newer, with the certificate and the name of the other side verified, as VDAB demands."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _session(settings: Settings, context: ssl.SSLContext) -> aiohttp.ClientSession:
    # Built here and not by the transport, which would keep cookies, and connections for a few seconds only.
    connector = aiohttp.TCPConnector(
        ssl=context, limit=settings.upstream_concurrency, keepalive_timeout=KEPT_OPEN, ttl_dns_cache=ADDRESS_KNOWN
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
