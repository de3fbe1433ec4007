"""HTTP client of the Competent API, with keep-alive connections.

Exceptions of httpx and aiohttp are always turned into our own errors.
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

KEEP_ALIVE = 60.0
"""Keep-alive in seconds, so that a request after a pause needs no new handshake."""
DNS_TTL = 60
"""DNS cache TTL in seconds."""


@contextmanager
def map_library_errors(proxy: str = "") -> Iterator[None]:
    """Turn exceptions of the HTTP libraries into our errors; `proxy` is the environment variable that names the proxy, if any."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError) as error:
        if isinstance(error.__cause__, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
            # Not chained: the cause contains the headers of the proxy request, including its password.
            raise _proxy_error(proxy, getattr(error.__cause__, "status", None), str(error)) from None
        error_class = UpstreamTimeout if _is_timeout(error) else UpstreamUnavailable
        raise error_class(detail=described(error)) from error


def _proxy_error(variable: str, status: int | None, reason: str) -> ProxyRefused:
    if status == 407:
        return ProxyRefused(
            detail=f"the proxy of {variable} responds 407: it requires a user and password, as in http://USER:PASSWORD@HOST:PORT"
        )
    if status is not None:
        return ProxyRefused(detail=f"the proxy of {variable} refuses to connect: status {status}")
    return ProxyRefused(detail=f"the proxy of {variable} cannot be reached: {reason}")


def _is_timeout(error: Exception) -> bool:
    # The aiohttp transport reports refused and reset connections as ConnectTimeout; the cause is more precise.
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, TimeoutError)
    return isinstance(error, TimeoutError | httpx.TimeoutException)


class _HttpResponse:
    """An HTTP response, reduced to what the Response protocol needs."""

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
    """Client of `settings.upstream_url`: httpx requests and exceptions over keep-alive connections of aiohttp.

    Sends the API key, requires TLS 1.2 or newer, follows no redirects and stores no cookies. httpx's own AsyncClient would double
    the CPU time of a request.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = httpx.URL(settings.upstream_url)
        proxy = proxy_for(self._base, os.environ) if transport is None else None
        self._proxy = proxy.variable if proxy else ""
        self._transport = transport or _connections(settings, proxy)
        self._prefix = self._base.raw_path.rstrip(b"/")
        self._default_headers = headers_of(settings)
        self._headers = httpx.Headers(self._default_headers)
        timeout = httpx.Timeout(settings.upstream_total_timeout, connect=settings.upstream_connect_timeout)
        self._extensions = {"timeout": timeout.as_dict()}

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[_HttpResponse]:
        """Send a request for a path below the base URL; yields the response. Raises an UpstreamError or OSError."""
        request = httpx.Request(
            method,
            self._base.copy_with(raw_path=self._prefix + url.encode()),
            headers={**self._default_headers, **headers} if headers else self._headers,
            extensions=self._extensions,
        )
        with map_library_errors(self._proxy):
            response = await self._transport.handle_async_request(request)
            try:
                if response.status_code == 407 and self._proxy:
                    raise _proxy_error(self._proxy, 407, "")
                yield _HttpResponse(response)
            finally:
                await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _connections(settings: Settings, proxy: EnvironmentProxy | None) -> AiohttpTransport:
    context = tls()
    # The proxy is looked up once; aiohttp would look it up in a thread for every request.
    return AiohttpTransport(
        verify=context, client=lambda: _session(settings, context), proxy=proxy.proxy if proxy else None
    )


def tls() -> ssl.SSLContext:
    """Returns an SSL context for TLS 1.2 or newer that verifies certificate and host name, as VDAB requires."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _session(settings: Settings, context: ssl.SSLContext) -> aiohttp.ClientSession:
    # Built here because the transport's own session stores cookies and closes idle connections after a few seconds.
    connector = aiohttp.TCPConnector(
        ssl=context, limit=settings.upstream_concurrency, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=DNS_TTL
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
