"""The httpx client that speaks to a Competent API: over the network, or to an ASGI app in this process.

Both have one interface, so that everything above is the same over the sandbox and over the real service.
"""

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from graphql_api.settings import Settings

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

IN_PROCESS = "http://sandbox.invalid"
"""Base for the sandbox in this process; no packet can ever go there."""


def over_network(settings: Settings) -> httpx.AsyncClient:
    """A client of `settings.upstream_url`, with the key, TLS 1.2 or newer, verified, and no redirects followed."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return _client(settings, settings.upstream_url, AiohttpTransport(client=lambda: _session(settings, context)))


def in_process(app: ASGIApp, settings: Settings) -> httpx.AsyncClient:
    """A client of a Competent API that is an ASGI app in this process."""
    return _client(settings, IN_PROCESS, httpx.ASGITransport(app=app, raise_app_exceptions=False))


def _client(settings: Settings, base: str, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    headers = {"Accept": "application/hal+json", "Accept-Encoding": "gzip", "User-Agent": "competent-graphql"}
    if key := settings.key().reveal():
        headers["X-IBM-Client-Id"] = key
    return httpx.AsyncClient(
        base_url=base,
        headers=headers,
        transport=transport,
        timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=settings.total_timeout),
        follow_redirects=False,
    )


def _session(settings: Settings, context: ssl.SSLContext) -> aiohttp.ClientSession:
    # Built here and not by the transport: no cookies, and the proxy of the environment where there is one.
    connector = aiohttp.TCPConnector(ssl=context, limit=settings.upstream_concurrency)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)
