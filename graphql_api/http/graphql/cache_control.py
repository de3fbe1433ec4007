"""`Cache-Control` and `ETag` of responses, from the data that they were made of.

Long for data of numbered releases, short if the operation used `current` or the list of releases, `no-store` if something
is missing, stale, provisional or made of personal data.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from starlette.responses import Response

from graphql_api.execution.response_cache import entity_tag
from graphql_api.http.content_negotiation import GZIP_MIN_BYTES
from graphql_api.http.header_fields import names_tag
from graphql_api.observability.request_context import Head, RequestContext, text_in

VARY = "Accept, Accept-Language"
NO_STORE = "no-store"
_INTROSPECTION = re.compile(r"\b__(schema|type)\b")
KEY_HEADERS = {b"authorization", b"x-api-key", b"x-ibm-client-id"}
"""Names of the header fields that carry a key; responses to such requests are `private`."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """`max-age` in seconds: of responses from a numbered release, and of those that change when a release is published."""

    release: float
    current: float

    def header_for(self, record: RequestContext, query: str, explained: bool) -> str:
        """The `Cache-Control` value for the response to an operation."""
        fetch_context = record.fetch_context
        if record.outcome != "ok" or fetch_context.stats.stale or fetch_context.is_provisional or explained:
            return NO_STORE
        if record.is_personal:
            return NO_STORE
        return _max_age(
            self.current if fetch_context.depends_on_current or introspects(query) else self.release,
            KEY_HEADERS.isdisjoint(record.head),
        )


def introspects(query: str) -> bool:
    """Whether a document selects introspection data, which changes with the version of this server."""
    return "__" in query and _INTROSPECTION.search(query) is not None


@lru_cache(8)
def _max_age(seconds: float, public: bool) -> str:
    return f"{'public' if public else 'private'}, max-age={int(seconds)}" if int(seconds) else "no-cache"


def conditional(response: Response, head: Head) -> Response:
    """Add an `ETag`, or respond 304 if the client's copy is current (RFC 9110, 13.1.2).

    The tag is weak, so that it holds for the compressed response too.
    """
    tag = entity_tag(bytes(response.body))
    response.headers["ETag"] = tag
    if not names_tag(text_in(head, b"if-none-match"), tag):
        return response
    headers = {
        name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")
    }
    return not_modified(headers, is_long=len(response.body) >= GZIP_MIN_BYTES)


def not_modified(headers: Mapping[str, str], *, is_long: bool = True) -> Response:
    """The 304 response with the headers of the 200 response; if that `is_long`, compression adds `Vary` to it."""
    response = Response(status_code=304, headers=headers)
    if is_long:
        response.headers.add_vary_header("Accept-Encoding")
    return response
