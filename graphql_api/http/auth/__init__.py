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
    shown_by,
)
from graphql_api.http.auth.middleware import Access, deciding, guarding, is_open, keys_file
from graphql_api.http.auth.policy import AccessPolicy, WrongKeys
from graphql_api.http.auth.websocket import WebSocketAuth

__all__ = [
    "Access",
    "AccessPolicy",
    "ApiKeyAuth",
    "Authenticator",
    "PassthroughAuth",
    "Principal",
    "WebSocketAuth",
    "WrongKeys",
    "check_url",
    "deciding",
    "guarding",
    "is_open",
    "keys_file",
    "shown_by",
]
