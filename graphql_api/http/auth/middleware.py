"""Authentication middleware for all routes, configured by the settings."""

import logging
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.errors import SettingsError
from graphql_api.http.auth.authenticators import ApiKeyAuth, Authenticator, PassthroughAuth, credentials_in
from graphql_api.http.auth.keys import Keys
from graphql_api.http.auth.policy import AccessPolicy, WrongKeys
from graphql_api.http.auth.rate_limit import Quotas
from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.http.streaming.limits import network_of
from graphql_api.observability.request_context import record_of
from graphql_api.settings import Settings
from graphql_api.settings.files import is_open_to_others, user_config_folder
from graphql_api.settings.validation import LOOPBACK

log = logging.getLogger(__name__)

OPEN_PATHS = ("/schema.graphql", "/llms.txt", "/docs", "/graphiql", "/health", "/metrics")
"""Paths that need no key, with everything below them; `/` needs none either."""


class AuthMiddleware:
    """ASGI middleware that authenticates and counts every HTTP request except those on open paths; WebSockets have hooks."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass authenticated requests on and refuse all others."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._policy.quotas.aclose()
        elif scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        try:
            credentials = credentials_in(scope)
            headers = await self._policy.count(self._policy.authenticate(credentials, record))
        except HTTPError as error:
            refusal = await self._policy.wrong_keys.refusal(error, network_of(scope))
            await error_response(refusal, JSON, record)(scope, receive, send)
            return
        is_ended = False

        async def send_while_valid(message: Message) -> None:
            nonlocal is_ended
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(headers)
            elif message.get("more_body") and not self._policy.is_valid(credentials):
                message = {"type": "http.response.body", "more_body": False}
            if not is_ended:
                await send(message)
            is_ended = message["type"] == "http.response.body" and not message.get("more_body")

        await self._app(scope, receive, send_while_valid)


def access_policy_for(settings: Settings) -> AccessPolicy | None:
    """The access policy configured by the settings; None if access is open. Raises SettingsError if keys cannot be read."""
    authenticators: dict[str, Callable[[], Authenticator]] = {
        "keys": lambda: ApiKeyAuth(_existing_keys(settings), settings.key_requests_per_minute),
        "passthrough": PassthroughAuth,
    }
    if settings.access in authenticators:
        wrong_keys = WrongKeys(settings.wrong_keys_per_minute)
        return AccessPolicy(authenticators[settings.access](), Quotas.of(settings.store), wrong_keys)
    if settings.host not in LOOPBACK:
        log.warning(
            "anyone who can reach %s can use this server: set COMPETENT_ACCESS=keys to require keys", settings.host
        )
    return None


def auth_middleware(policy: AccessPolicy | None) -> list[Middleware]:
    """The middleware that enforces a policy; empty if access is open."""
    return [] if policy is None else [Middleware(AuthMiddleware, policy)]


def _existing_keys(settings: Settings) -> Keys:
    """The keys of clients. Raises SettingsError if the file is missing: every request would be refused for no visible reason."""
    keys = Keys(keys_file(settings))
    if not keys.file.exists():
        raise SettingsError(
            f"COMPETENT_ACCESS=keys requires a keys file, but {keys.file} does not exist: create it with "
            "`competent-graphql key new NAME`, or set COMPETENT_KEYS_FILE (docs/access.md)"
        )
    if permissions := is_open_to_others(keys.file):
        log.warning("other users of this system can %s the keys file: chmod 600 %s", permissions, keys.file)
    if not keys.clients():
        log.warning(
            "no client has a key, so every request is refused: create one with `competent-graphql key new NAME`"
        )
    return keys


def keys_file(settings: Settings) -> Path:
    """The path of the keys file; raises SettingsError if it is not set and the user has no home directory."""
    if settings.keys_file is not None:
        return settings.keys_file
    if (folder := user_config_folder()) is None:
        raise SettingsError(
            "no folder for the keys file, because this user has no home directory: set COMPETENT_KEYS_FILE"
        )
    return folder / "keys.json"


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path == "/" or any(path == open_path or path.startswith(f"{open_path}/") for open_path in OPEN_PATHS)
