"""Authenticators: identify clients by their credentials."""

import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from graphql_api.http.auth.credentials import only_one
from graphql_api.http.auth.keys import Keys
from graphql_api.http.graphql import HTTPError
from graphql_api.settings.secret import Secret

_OWN_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Principal(NamedTuple):
    """An authenticated client: name for the log, quota per minute, and the key for its calls to the Competent API."""

    name: str
    per_minute: int | None = None
    key: Secret | None = None


class Unauthenticated(HTTPError):
    """The request has no credentials."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, "UNAUTHENTICATED", WWW_Authenticate='Bearer realm="competent-graphql"')


class WrongKey(Unauthenticated):
    """The key is invalid, unknown or revoked."""


class Authenticator(Protocol):
    """Identifies a client by its credentials: request headers or the `connection_init` payload, names in lower case."""

    def caller(self, shown: Mapping[str, str]) -> Principal:
        """The client; raises HTTPError: 401 if not authenticated, 400 if there are several credentials."""


class ApiKeyAuth:
    """Accepts keys issued by this server, as `Authorization: Bearer` or `X-API-Key`."""

    def __init__(self, keys: Keys, per_minute: int) -> None:
        self._keys = keys
        self._per_minute = per_minute

    def caller(self, shown: Mapping[str, str]) -> Principal:
        """The client that owns the key."""
        scheme, _, token = shown.get("authorization", "").strip().partition(" ")
        # Other schemes, such as Basic, belong to a proxy in front of this server.
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        found = {"authorization": bearer, "x-api-key": shown.get("x-api-key", "").strip()}
        only_one(found, *found)
        key = bearer or found["x-api-key"]
        if not key:
            raise Unauthenticated(
                "Authentication required: send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
        if (client := self._keys.client(key)) is None:
            raise WrongKey("Unknown or revoked key.")
        return Principal(client.name, client.per_minute or self._per_minute)


class PassthroughAuth:
    """Accepts any well-formed key for the Competent API, which validates it; cached documents are public data."""

    def caller(self, shown: Mapping[str, str]) -> Principal:
        """An unnamed client without a quota, with its key for the Competent API."""
        only_one(shown, "x-ibm-client-id")
        key = shown.get("x-ibm-client-id", "")
        if not key:
            raise Unauthenticated(
                "Authentication required: send your key for the Competent API as `X-IBM-Client-Id: KEY`."
            )
        if not _OWN_KEY.fullmatch(key):
            raise WrongKey("`X-IBM-Client-Id` does not have the form of a key for the Competent API.")
        return Principal("", key=Secret(key))
