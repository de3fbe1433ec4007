"""Authentication middleware for all routes, configured by the settings."""

import logging
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.errors import SettingsError
from graphql_api.http.auth.authenticators import ApiKeyAuth, Authenticator, PassthroughAuth, shown_in
from graphql_api.http.auth.keys import Keys
from graphql_api.http.auth.policy import AccessPolicy, WrongKeys
from graphql_api.http.auth.rate_limit import Quotas
from graphql_api.http.graphql import JSON, HTTPError, refused
from graphql_api.http.streaming.limits import network_of
from graphql_api.observability.request_context import record_of
from graphql_api.settings import Settings
from graphql_api.settings.files import is_open_to_others, user_config_folder
from graphql_api.settings.validation import LOOPBACK

log = logging.getLogger(__name__)

OPEN = ("/schema.graphql", "/llms.txt", "/docs", "/graphiql", "/health", "/metrics")
"""Paths that need no key, with everything below them; `/` needs none either."""


class Access:
    """ASGI middleware that authenticates and counts every HTTP request except those on open paths; WebSockets have hooks."""

    def __init__(self, app: ASGIApp, decide: AccessPolicy) -> None:
        self._app = app
        self._decide = decide

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass authenticated requests on and refuse all others."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._decide.quotas.aclose()
        elif scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        try:
            shown = shown_in(scope)
            headers = await self._decide.count(self._decide.caller(shown, record))
        except HTTPError as found:
            refusal = await self._decide.wrong_keys.refusal(found, network_of(scope))
            await refused(refusal, JSON, record)(scope, receive, send)
            return
        ended = False

        async def sending(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(headers)
            elif message.get("more_body") and not self._decide.still(shown):
                message = {"type": "http.response.body", "more_body": False}
            if not ended:
                await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body")

        await self._app(scope, receive, sending)


def deciding(settings: Settings) -> AccessPolicy | None:
    """The access policy configured by the settings; None if access is open. Raises SettingsError if keys cannot be read."""
    gates: dict[str, Callable[[], Authenticator]] = {
        "keys": lambda: ApiKeyAuth(_existing_keys(settings), settings.key_requests_per_minute),
        "passthrough": PassthroughAuth,
    }
    if settings.access in gates:
        wrong_keys = WrongKeys(settings.wrong_keys_per_minute)
        return AccessPolicy(gates[settings.access](), Quotas.of(settings.store), wrong_keys)
    if settings.host not in LOOPBACK:
        log.warning(
            "anyone who can reach %s can use this server: set COMPETENT_ACCESS=keys to require keys", settings.host
        )
    return None


def guarding(decide: AccessPolicy | None) -> list[Middleware]:
    """The middleware that enforces a policy; empty if access is open."""
    return [] if decide is None else [Middleware(Access, decide)]


def _existing_keys(settings: Settings) -> Keys:
    """The keys of clients. Raises SettingsError if the file is missing: every request would be refused for no visible reason."""
    keys = Keys(keys_file(settings))
    if not keys.file.exists():
        raise SettingsError(
            f"COMPETENT_ACCESS=keys requires a keys file, but {keys.file} does not exist: create it with "
            "`competent-graphql key new NAME`, or set COMPETENT_KEYS_FILE (docs/access.md)"
        )
    if what := is_open_to_others(keys.file):
        log.warning("other users of this system can %s the keys file: chmod 600 %s", what, keys.file)
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
    return path == "/" or any(path == each or path.startswith(f"{each}/") for each in OPEN)
