"""Authentication and quotas: API keys issued by this server, or clients' own keys for the Competent API.

Every path needs a key except the information pages, health and metrics. Requests are refused before anything else of them
is processed: with JSON and a code, on a WebSocket with a close code or an error.
"""

from graphql_api.http.auth.authenticators import (
    ApiKeyAuth,
    Authenticator,
    PassthroughAuth,
    Principal,
    check_url,
    credentials_by,
)
from graphql_api.http.auth.keys import keys_file
from graphql_api.http.auth.middleware import AuthMiddleware, auth_middleware, is_open
from graphql_api.http.auth.policy import AccessPolicy, WrongKeys, access_policy_for, readers_of
from graphql_api.http.auth.websocket import WebSocketAuth

__all__ = [
    "AccessPolicy",
    "ApiKeyAuth",
    "AuthMiddleware",
    "Authenticator",
    "PassthroughAuth",
    "Principal",
    "WebSocketAuth",
    "WrongKeys",
    "access_policy_for",
    "auth_middleware",
    "check_url",
    "credentials_by",
    "is_open",
    "keys_file",
    "readers_of",
]
