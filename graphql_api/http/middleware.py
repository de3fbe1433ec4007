"""Middleware around all routes: security headers on every response, CORS for the configured origins, gzip.

Headers that a route sets itself are not changed.
"""

import math
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.content_negotiation import GZIP_MIN_BYTES, gzip_from, preferred
from graphql_api.http.forwarded import SENT_PATH
from graphql_api.observability.request_context import record_of, text_in
from graphql_api.settings import Settings
from graphql_api.settings.origins import ANY, Origins

GZIP_LEVEL = 4
"""Of 9: higher levels take two to five times as long and save only a few percent."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
"""Security headers of every response (OWASP's HTTP headers cheat sheet); pages set their own content policy."""

ENCODED_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
"""The same, encoded for ASGI."""
_HEADER_NAMES = {name for name, _ in ENCODED_HEADERS}

EXPOSED_HEADERS = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID")
"""Response headers that pages of other origins may read, in addition to CORS-safelisted ones."""


def base_middleware(settings: Settings) -> list[Middleware]:
    """The middleware configured by the settings, outermost first."""
    cors = [_cors(origins)] if (origins := settings.origins) else []
    return [Middleware(SecurityHeadersMiddleware), *cors, Middleware(CompressionMiddleware)]


def wrap(app: ASGIApp, layers: Iterable[Middleware]) -> ASGIApp:
    """Wrap an app in middleware, outermost first."""
    for cls, args, kwargs in reversed(list(layers)):
        app = cls(app, *args, **kwargs)
    return app


def _cors(origins: Origins) -> Middleware:
    # Allowed pages may send any header, as tracing tools and GraphQL clients add their own. Cookies, which browsers send
    # automatically, are not allowed.
    return Middleware(
        CORSMiddleware,
        allow_origins=[ANY] if origins.any else (),
        allow_origin_regex=origins.pattern or None,
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["*"],
        allow_private_network=True,
        expose_headers=EXPOSED_HEADERS,
    )


class SecurityHeadersMiddleware:
    """Adds the security headers to every response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers when the response starts."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = ENCODED_HEADERS
                if not _HEADER_NAMES.isdisjoint(present):
                    missing = [field for field in ENCODED_HEADERS if field[0] not in present]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        return await self._app(scope, receive, send_safely)


class DirectRoute:
    """Routes one path to its endpoint directly; searching all routes would take as long as serving a cached response."""

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the endpoint gets every method."""
        is_direct = scope["type"] == "http" and scope["path"] == self._path
        await (self._endpoint if is_direct else self._app)(scope, receive, send)


class BrowserRedirect:
    """Redirects browsers that open the endpoint itself to GraphiQL next to it; clients of the API never."""

    def __init__(self, app: ASGIApp, path: str, target: str) -> None:
        self._app = app
        self._path = path
        self._target = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect a request for a page, which has no query; pass all others on."""
        if scope["type"] != "http" or scope["path"] != self._path or not _is_for_page(scope):
            return await self._app(scope, receive, send)
        up = "../" if scope.get(SENT_PATH, "").endswith("/") else ""
        headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
        return await RedirectResponse(up + self._target, 303, headers)(scope, receive, send)


def _is_for_page(scope: Scope) -> bool:
    if scope["method"] not in ("GET", "HEAD") or scope["query_string"]:
        return False
    accept = text_in(record_of(scope).head, b"accept")
    return (
        preferred(accept, ("application/json", "application/graphql-response+json", "text/event-stream", "text/html"))
        == "text/html"
    )


class CompressionMiddleware:
    """Compresses long responses with Starlette's gzip if the client accepts it; short ones bypass it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and decide about compression when the response starts."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        sender: Send | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal sender
            if sender is None:
                sender = self._sender(message, scope, send)
            await sender(message)

        return await self._app(scope, receive, send_compressed)

    def _sender(self, start: Message, scope: Scope, send: Send) -> Send:
        headers = dict(start["headers"])
        length = headers.get(b"content-length")
        if b"content-encoding" in headers or length == b"0" or headers.get(b"content-type") == b"application/zip":
            return send
        min_bytes = gzip_from(record_of(scope).head)
        if length is None and scope["method"] == "HEAD" and start["status"] == 200:
            _describe_stream(start, is_compressed=min_bytes < math.inf)
            return send
        if length is not None and int(length) < min_bytes:
            if int(length) >= GZIP_MIN_BYTES:
                _vary(start)
            return send
        if min_bytes < math.inf:
            responder: IdentityResponder = GZipResponder(self._app, int(min_bytes), GZIP_LEVEL)
        else:
            responder = IdentityResponder(self._app, GZIP_MIN_BYTES)
        responder.send = send
        return responder.send_with_compression


def _vary(start: Message) -> None:
    """Add `Accept-Encoding` to `Vary`: the response may be compressed for other clients."""
    headers = MutableHeaders(raw=list(start["headers"]))
    if "Accept-Encoding" not in headers.get("vary", ""):
        headers.add_vary_header("Accept-Encoding")
    start["headers"] = headers.raw


def _describe_stream(start: Message, *, is_compressed: bool) -> None:
    """Give a response without a body the headers that it would have with its body, which is streamed (RFC 9110, 9.3.2)."""
    _vary(start)
    if is_compressed:
        start["headers"] = [*start["headers"], (b"content-encoding", b"gzip")]
