"""What stands around all routes: safe headers on every answer, CORS for the origins of the settings, gzip.

Pure ASGI; what a route has said itself is left as it is.
"""

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.settings import Settings

GZIP_FROM = 1000
"""Bytes below which an answer is not worth compressing."""
GZIP_LEVEL = 4
"""Of 9: those above cost two to five times the time for a few percent."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
"""Of every answer (OWASP's HTTP headers cheat sheet); pages bring a policy of their own."""

SENT = (
    "Content-Type",
    "Authorization",
    "X-API-Key",
    "X-IBM-Client-Id",
    "X-Request-ID",
    "X-Competent-Explain",
    "X-Competent-Timeout",
    "Apollo-Require-Preflight",
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
    "If-None-Match",
    "Traceparent",
    "Tracestate",
)
"""Request headers that a page of another origin may send."""
READ = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID")
"""Answer headers that it may read."""


def wrapping(settings: Settings) -> list[Middleware]:
    """The middleware of the settings, outermost first."""
    found = [Middleware(SafeHeaders)]
    if settings.origins:
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=SENT,
                expose_headers=READ,
            )
        )
    return [*found, Middleware(GZipMiddleware, minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)]


class SafeHeaders:
    """Adds the headers that keep browsers from doing more with an answer than reading it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and watch for the start of its answer."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return await self._app(scope, receive, safely)
