"""Authentication middleware for all routes."""

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.auth.authenticators import Principal, credentials_in
from graphql_api.http.auth.policy import AccessPolicy
from graphql_api.http.forwarded import EXPLORER_PATHS, QUERYING_FILES, network_of
from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.observability.request_context import record_of

OPEN_PATHS = (
    *("/schema.graphql", "/llms.txt", "/docs", "/assets", "/graphiql", "/health", "/metrics"),
    *("/releases.atom", "/robots.txt", "/sitemap.xml"),
)
"""Paths that need no key, with everything below them; `/` needs none either, nor EXPLORER_PATHS if the explorer is public."""


class AuthMiddleware:
    """ASGI middleware that authenticates and counts every HTTP request except those on open paths; WebSockets have hooks.

    With `pages`, requests of the explorer need no key; they, and those of other pages made of queries, count for that client.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy, pages: Principal | None = None) -> None:
        self._app = app
        self._policy = policy
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass authenticated requests on and refuse all others."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._policy.quotas.aclose()
        elif self._pages and scope["type"] == "http" and _is_page(scope["path"]):
            await self._page(self._pages, scope, receive, send)
        elif scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _page(self, pages: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        record.client = pages.name
        try:
            await self._policy.admit(pages, record)
        except HTTPError as refusal:
            await error_response(refusal, JSON, record)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        try:
            credentials = credentials_in(scope)
            meter = await self._policy.admit(self._policy.authenticate(credentials, record), record)
        except HTTPError as error:
            refusal = await self._policy.wrong_keys.refusal(error, network_of(scope))
            await error_response(refusal, JSON, record)(scope, receive, send)
            return
        is_ended = False

        async def send_while_valid(message: Message) -> None:
            nonlocal is_ended
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(meter.headers)
            elif message.get("more_body") and not self._policy.is_valid(credentials):
                message = {"type": "http.response.body", "more_body": False}
            if not is_ended:
                await send(message)
            is_ended = message["type"] == "http.response.body" and not message.get("more_body")

        await self._app(scope, receive, send_while_valid)


def auth_middleware(policy: AccessPolicy | None, pages: Principal | None = None) -> list[Middleware]:
    """The middleware that enforces a policy; empty if access is open. `pages` is the client of public pages."""
    return [] if policy is None else [Middleware(AuthMiddleware, policy, pages)]


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path == "/" or _is_below(path, OPEN_PATHS)


def _is_page(path: str) -> bool:
    return path in QUERYING_FILES or _is_below(path, EXPLORER_PATHS)


def _is_below(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)
