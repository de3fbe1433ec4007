"""Reads the credentials of a request from header fields or from the `connection_init` payload.

A request has one credential. Two are refused, because this server and a proxy in front of it could each pick another one.
"""

import re
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from graphql_api.http.graphql.cache_control import KEYS_COME_IN
from graphql_api.http.graphql.errors import BadRequest
from graphql_api.observability.request_context import Head, record_of

_NAMES = frozenset(name.decode() for name in KEYS_COME_IN)
_IN_URL = re.compile(
    rb"(?:^|&)(?:authorization|(?:x-)?(?:api[-_]?)?key|(?:access_)?token|(?:x-ibm-)?client[-_]id)=",
    re.IGNORECASE | re.ASCII,
)


class Repeated(BadRequest):
    """The request has more than one credential."""

    def __init__(self) -> None:
        super().__init__(
            "Multiple credentials: send one key, in one header or in one member of the `connection_init` payload."
        )


def shown_by(head: Head) -> dict[str, str]:
    """The credentials in header fields, by lower-case name. The caller ensures that no field is repeated."""
    return {name.decode(): head[name].decode("latin-1") for name in KEYS_COME_IN if name in head}


def shown_in(scope: Scope) -> dict[str, str]:
    """The credentials of a request; raises BadRequest if a field is repeated or the URL contains a key."""
    check_url(scope.get("query_string", b""))
    names = [name for name, _ in scope["headers"] if name in KEYS_COME_IN]
    if len(names) != len(set(names)):
        raise Repeated
    return shown_by(record_of(scope).head)


def shown_in_payload(payload: Any) -> dict[str, str]:
    """The credentials in a `connection_init` payload; raises BadRequest if a name is repeated in another case."""
    members = payload.items() if isinstance(payload, dict) else ()
    shown = [(name.lower(), value) for name, value in members if name.lower() in _NAMES and isinstance(value, str)]
    if len(shown) != len(dict(shown)):
        raise Repeated
    return dict(shown)


def check_url(query_string: bytes) -> None:
    """Raises BadRequest if the URL contains a key, because browsers and proxies store and log URLs."""
    if _IN_URL.search(query_string):
        raise BadRequest("Send your key in a header. Keys in URLs are refused, because browsers and proxies log URLs.")


def only_one(shown: Mapping[str, str], *names: str) -> None:
    """Raises BadRequest if more than one of these has a value, or one has several values (joined with commas by a proxy)."""
    values = [shown[name] for name in names if shown.get(name, "").strip()]
    if len(values) > 1 or any("," in value for value in values):
        raise Repeated
