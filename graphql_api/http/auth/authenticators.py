"""Reads the credentials of a request and identifies its client.

Credentials come from header fields or from the `connection_init` payload. A request has one credential. Two are refused,
because this server and a proxy in front of it could each pick another one.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from starlette.types import Scope

from graphql_api.http.auth.keys import Keys
from graphql_api.http.graphql import HTTPError
from graphql_api.http.graphql.cache_control import KEY_HEADERS
from graphql_api.http.graphql.errors import BadRequest
from graphql_api.observability.request_context import Head, record_of
from graphql_api.settings.environment import Secret

_KEY_HEADER_NAMES = frozenset(name.decode() for name in KEY_HEADERS)
_KEY_IN_URL = re.compile(
    rb"(?:^|&)(?:authorization|(?:x-)?(?:api[-_]?)?key|(?:access_)?token|(?:x-ibm-)?client[-_]id)=",
    re.IGNORECASE | re.ASCII,
)


class MultipleCredentials(BadRequest):
    """The request has more than one credential."""

    def __init__(self) -> None:
        super().__init__(
            "Multiple credentials: send one key, in one header or in one member of the `connection_init` payload."
        )


def credentials_by(head: Head) -> dict[str, str]:
    """The credentials in header fields, by lower-case name. The caller ensures that no field is repeated."""
    return {name.decode(): head[name].decode("latin-1") for name in KEY_HEADERS if name in head}


def credentials_in(scope: Scope) -> dict[str, str]:
    """The credentials of a request; raises BadRequest if a field is repeated or the URL contains a key."""
    check_url(scope.get("query_string", b""))
    names = [name for name, _ in scope["headers"] if name in KEY_HEADERS]
    if len(names) != len(set(names)):
        raise MultipleCredentials
    return credentials_by(record_of(scope).head)


def credentials_in_payload(payload: Mapping[str, object]) -> dict[str, str]:
    """The credentials in a `connection_init` payload; raises BadRequest if a name is repeated in another case."""
    credentials = [
        (name.lower(), value)
        for name, value in payload.items()
        if name.lower() in _KEY_HEADER_NAMES and isinstance(value, str)
    ]
    if len(credentials) != len(dict(credentials)):
        raise MultipleCredentials
    return dict(credentials)


def check_url(query_string: bytes) -> None:
    """Raises BadRequest if the URL contains a key, because browsers and proxies store and log URLs."""
    if _KEY_IN_URL.search(query_string):
        raise BadRequest("Send your key in a header. Keys in URLs are refused, because browsers and proxies log URLs.")


def check_single(credentials: Mapping[str, str], *names: str) -> None:
    """Raises BadRequest if more than one of these has a value, or one has several values (joined with commas by a proxy)."""
    values = [credentials[name] for name in names if credentials.get(name, "").strip()]
    if len(values) > 1 or any("," in value for value in values):
        raise MultipleCredentials


_PASSTHROUGH_KEY = re.compile(r"[\x21-\x7e]{1,200}")


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

    def authenticate(self, credentials: Mapping[str, str]) -> Principal:
        """The client; raises HTTPError: 401 if not authenticated, 400 if there are several credentials."""


class ApiKeyAuth:
    """Accepts keys issued by this server, as `Authorization: Bearer` or `X-API-Key`."""

    def __init__(self, keys: Keys, per_minute: int) -> None:
        self._keys = keys
        self._per_minute = per_minute

    def authenticate(self, credentials: Mapping[str, str]) -> Principal:
        """The client that owns the key."""
        scheme, _, token = credentials.get("authorization", "").strip().partition(" ")
        # Other schemes, such as Basic, belong to a proxy in front of this server.
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        sent = {"authorization": bearer, "x-api-key": credentials.get("x-api-key", "").strip()}
        check_single(sent, *sent)
        key = bearer or sent["x-api-key"]
        if not key:
            raise Unauthenticated(
                "Authentication required: send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
        if (client := self._keys.client(key)) is None:
            raise WrongKey("Unknown or revoked key.")
        return Principal(client.name, client.per_minute or self._per_minute)


class PassthroughAuth:
    """Accepts any well-formed key for the Competent API, which validates it; cached documents are public data."""

    def authenticate(self, credentials: Mapping[str, str]) -> Principal:
        """An unnamed client without a quota, with its key for the Competent API."""
        check_single(credentials, "x-ibm-client-id")
        key = credentials.get("x-ibm-client-id", "")
        if not key:
            raise Unauthenticated(
                "Authentication required: send your key for the Competent API as `X-IBM-Client-Id: KEY`."
            )
        if not _PASSTHROUGH_KEY.fullmatch(key):
            raise WrongKey("`X-IBM-Client-Id` does not have the form of a key for the Competent API.")
        return Principal("", key=Secret(key))
