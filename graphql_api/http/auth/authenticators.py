"""Gates: they know who may ask, by the credentials that are shown."""

import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from graphql_api.http.auth.credentials import only_one
from graphql_api.http.auth.keys import Keys
from graphql_api.http.graphql import HTTPError
from graphql_api.settings.secret import Secret

_OWN_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Principal(NamedTuple):
    """Who asks: a name for the log, a quota, and the key that their calls to the Competent API are made with."""

    name: str
    per_minute: int | None = None
    key: Secret | None = None


class Unauthenticated(HTTPError):
    """No credential is shown."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, "UNAUTHENTICATED", WWW_Authenticate='Bearer realm="competent-graphql"')


class WrongKey(Unauthenticated):
    """A credential is shown that is not good."""


class Authenticator(Protocol):
    """Knows who may ask by what they show: request headers, or the payload of `connection_init`, names in lower case."""

    def caller(self, shown: Mapping[str, str]) -> Principal:
        """Who it is; raises Refused: with 401, or with 400 if there are several credentials."""


class ApiKeyAuth:
    """Clients with a key of ours, as `Authorization: Bearer` or `X-API-Key`."""

    def __init__(self, keys: Keys, per_minute: int) -> None:
        self._keys = keys
        self._per_minute = per_minute

    def caller(self, shown: Mapping[str, str]) -> Principal:
        """The client whose key it is."""
        scheme, _, token = shown.get("authorization", "").strip().partition(" ")
        # Other schemes are those of a proxy before this server, such as Basic.
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
    """Clients with their own key for the Competent API, which decides whether it is good; stored documents are public data."""

    def caller(self, shown: Mapping[str, str]) -> Principal:
        """Whoever shows something that can be sent as a key."""
        only_one(shown, "x-ibm-client-id")
        key = shown.get("x-ibm-client-id", "")
        if not key:
            raise Unauthenticated(
                "Authentication required: send your key for the Competent API as `X-IBM-Client-Id: KEY`."
            )
        if not _OWN_KEY.fullmatch(key):
            raise WrongKey("`X-IBM-Client-Id` does not have the form of a key for the Competent API.")
        return Principal("", key=Secret(key))
