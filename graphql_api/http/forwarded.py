"""Restores the request as the client sent it, behind proxies and ASGI servers; and names the client, for limits per client.

Client address and scheme are taken from trusted proxies only (uvicorn's ProxyHeadersMiddleware). The path loses the prefix
under which this server is published. A trailing slash is dropped rather than redirected, as scheme and host may be unknown.
"""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import quote

from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.observability.request_context import RequestContext
from graphql_api.settings import Settings

_FILES = ("/export/", "/llms.txt/", "/releases.atom/")
EXPLORER_PATHS = tuple(f"/{language}" for language in LANGUAGES)
"""The paths that have the pages of the explorer below them."""
PATHS_WITH_SLASH = ("/docs/", "/graphiql/", "/id/", *_FILES, *(f"{path}/" for path in EXPLORER_PATHS))
"""Prefixes of paths that keep a trailing slash, because links and ids there are relative to their URL."""

QUERYING_FILES = ("/", "/releases.atom", "/sitemap.xml", "/llms.txt", "/graphiql/examples.json")
"""Paths outside of the explorer whose pages are made of queries."""

SENT_PATH = "competent.sent_path"
"""Key of the scope with the path as the client sent it, if that differs: relative redirects depend on its last slash."""


def forwarded_middleware(settings: Settings) -> list[Middleware]:
    """The middleware that does this, outermost first."""
    return [
        Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.proxies),
        Middleware(PathPrefixMiddleware, settings.root_path),
    ]


class PathPrefixMiddleware:
    """ASGI middleware that strips the path prefix, and adds `state` to the scope for servers that do not."""

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its own path, or redirect the prefix itself to the first page."""
        scope.setdefault("state", {})
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path, prefixes = scope["path"], (scope.get("root_path", ""), self._root_path)
        if scope["type"] == "http" and path != "/" and path in prefixes:
            # Links on the first page are relative to it. So is this redirect: only the browser knows scheme and host.
            await RedirectResponse(f"{path.rpartition('/')[2]}/", 308)(scope, receive, send)
            return
        own = _without_slash(_without_prefix(path, prefixes))
        if own != path or scope.get("root_path"):
            raw_path = _own_raw_path(raw_path_of(scope), path, own)
            scope = {**scope, "path": own, "raw_path": raw_path, "root_path": "", SENT_PATH: path}
        await self._app(scope, receive, send)


def raw_path_of(scope: Scope) -> bytes:
    """The path in percent-encoding: as it was sent, if the server says so."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw_path


def _without_prefix(path: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        prefix = prefix.rstrip("/")
        if prefix and path.startswith(f"{prefix}/"):
            return path[len(prefix) :]
    return path


def _own_raw_path(raw_path: bytes, path: str, own: str) -> bytes:
    """The raw path without the prefix and the trailing slash that `own` lacks of `path`; it stays encoded as it was sent."""
    is_cut = path.endswith("/") and not own.endswith("/")
    segments = (raw_path[:-1] if is_cut else raw_path).split(b"/")
    dropped = path.count("/") - own.count("/") - is_cut
    return b"/".join([b"", *segments[1 + dropped :]])


def _without_slash(path: str) -> str:
    return path[:-1] if path.endswith("/") and path != "/" and not path.startswith(PATHS_WITH_SLASH) else path


def client_name(scope: Scope, record: RequestContext) -> str:
    """The name that a client is counted under: that of its key, else its network; empty if neither is known."""
    return f"key {record.client}" if record.client else network_of(scope)


def network_of(scope: Scope) -> str:
    """The network that a request comes from: an IPv4 address, or the /64 network of an IPv6 address; empty if unknown."""
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache(1000)
def _network(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:  # a host name from a proxy, or the path of a Unix socket
        return host[:100]
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))
