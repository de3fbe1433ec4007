"""HTTP client of the Competent API, with keep-alive connections.

Exceptions of aiohttp are always turned into our own errors.
"""

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from types import TracebackType

import aiohttp
from yarl import URL

from graphql_api.errors import ProxyRefused, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from graphql_api.settings import Settings
from graphql_api.upstream.error_mapping import described
from graphql_api.upstream.proxies import proxy_for
from graphql_api.upstream.transport import headers_of

KEEP_ALIVE = 60.0
"""Keep-alive in seconds, so that a request after a pause needs no new handshake."""
DNS_TTL = 60
"""DNS cache TTL in seconds."""


def upstream_error(error: aiohttp.ClientError, proxy: str = "") -> UpstreamError:
    """Returns our error for an exception of aiohttp; `proxy` is the environment variable that names the proxy, if any.

    Raise it from None: the exception may contain the headers of a proxy request, including its password.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        return _proxy_error(proxy, getattr(error, "status", None), str(error))
    error_class = UpstreamTimeout if isinstance(error, TimeoutError) else UpstreamUnavailable
    return error_class(detail=described(error))


def _proxy_error(variable: str, status: int | None, reason: str) -> ProxyRefused:
    if status == 407:
        return ProxyRefused(
            detail=f"the proxy of {variable} responds 407: it requires a user and password, as in http://USER:PASSWORD@HOST:PORT"
        )
    if status is not None:
        return ProxyRefused(detail=f"the proxy of {variable} refuses to connect: status {status}")
    return ProxyRefused(detail=f"the proxy of {variable} cannot be reached: {reason}")


class _HttpResponse:
    """An HTTP response, reduced to what the Response protocol needs."""

    __slots__ = ("_response", "headers", "status_code")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status_code = response.status
        self.headers: Mapping[str, str] = response.headers
        if len(names := set(map(str.lower, self.headers))) < len(self.headers):  # rarely; a copy takes longer
            self.headers = {name: ", ".join(response.headers.getall(name)) for name in names}

    def aiter_raw(self) -> AsyncIterator[bytes]:
        return aiter(self._response.content.iter_any())


class _Exchange:
    """A request and its response; a class, as generators would take a tenth of the processor time of a call."""

    __slots__ = ("_proxy", "_request", "_response")

    def __init__(self, request: Awaitable[aiohttp.ClientResponse], proxy: str) -> None:
        self._request = request
        self._proxy = proxy

    async def __aenter__(self) -> _HttpResponse:
        try:
            self._response = response = await self._request
        except aiohttp.ClientError as error:
            raise upstream_error(error, self._proxy) from None
        if response.status == 407 and self._proxy:
            response.release()
            raise _proxy_error(self._proxy, 407, "")
        return _HttpResponse(response)

    async def __aexit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._response.closed:  # otherwise its connection was released at the end of the body
            self._response.release()
        if isinstance(error, aiohttp.ClientError):
            raise upstream_error(error, self._proxy) from None


class HttpTransport:
    """Client of `settings.upstream_url` over keep-alive connections of aiohttp.

    Sends the API key, requires TLS 1.2 or newer, follows no redirects and stores no cookies.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession | None = None) -> None:
        url = URL(settings.upstream_url)
        self._proxy = proxy_for(url, os.environ) if session is None else None
        self._url = url
        self._path = url.raw_path.rstrip("/")
        self._default_headers = headers_of(settings)
        self._settings = settings
        self._session = session
        self._tls = tls() if session is None else None

    def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> _Exchange:
        """Send a request for a path below the base URL; yields the response. Raises an UpstreamError or OSError."""
        session = self._session or self._open_session()
        path, _, query = url.partition("?")
        address = self._url.with_path(self._path + path, encoded=True)  # without parsing
        if query:
            address = URL(f"{address}?{query}", encoded=True)
        sent = {**self._default_headers, **headers} if headers else self._default_headers
        to_proxy = self._proxy.headers if self._proxy else None
        request = session.request(method, address, headers=sent, allow_redirects=False, proxy_headers=to_proxy)
        return _Exchange(request, self._proxy.variable if self._proxy else "")

    def _open_session(self) -> aiohttp.ClientSession:
        # By the first request, as it belongs to the event loop that is running then.
        settings = self._settings
        connector = aiohttp.TCPConnector(
            ssl=self._tls or True,
            limit=settings.upstream_concurrency,
            keepalive_timeout=KEEP_ALIVE,
            ttl_dns_cache=DNS_TTL,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=settings.upstream_connect_timeout),  # callers limit the rest
            auto_decompress=False,
            proxy=self._proxy.url if self._proxy else None,
        )
        return self._session

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def tls() -> ssl.SSLContext:
    """Returns an SSL context for TLS 1.2 or newer that verifies certificate and host name, as VDAB requires."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
