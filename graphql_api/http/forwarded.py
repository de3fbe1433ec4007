"""A request as its client sent it: the outermost layer undoes what proxies and servers put around it.

The client's address and scheme come from trusted proxies alone (uvicorn's ProxyHeadersMiddleware), the path loses the prefix
that this server is published under, and a slash at its end means nothing: no redirect could be sure of scheme and host.
"""

from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from graphql_api.settings import Settings

PAGES = ("/docs/", "/graphiql/", "/id/")
"""Beginnings of paths where a slash has a meaning: links of a page are relative to its address."""


def arriving(settings: Settings) -> list[Middleware]:
    """The middleware for that, outermost first."""
    return [
        Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.proxies),
        Middleware(Arrival, settings.root_path),
    ]


class Arrival:
    """Gives the app paths that begin at its own root, and lifespans a state, as not every ASGI server does."""

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        scope.setdefault("state", {})
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path, prefixes = scope["path"], (scope.get("root_path", ""), self._root_path)
        if scope["type"] == "http" and path != "/" and path in prefixes:
            # Links of the first page are relative to it; so is this, as only the browser knows scheme and host.
            await RedirectResponse(f"{path.rpartition('/')[2]}/", 308)(scope, receive, send)
            return
        own = _without_slash(_below(path, prefixes))
        if own != path or scope.get("root_path"):
            scope = {**scope, "path": own, "raw_path": own.encode(), "root_path": ""}
        await self._app(scope, receive, send)


def _below(path: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        prefix = prefix.rstrip("/")
        if prefix and path.startswith(f"{prefix}/"):
            return path[len(prefix) :]
    return path


def _without_slash(path: str) -> str:
    return path[:-1] if path.endswith("/") and path != "/" and not path.startswith(PAGES) else path
