"""What the header fields of plain requests mean, read once for all requests that have the same."""

from contextlib import suppress
from itertools import count
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from graphql_api.caching import LRUCache
from graphql_api.execution.personal_text import takes_personal_text
from graphql_api.http.auth import check_url, credentials_by
from graphql_api.http.content_negotiation import accepted_languages, gzip_from
from graphql_api.http.graphql import HTTPError
from graphql_api.http.graphql.cache_control import KEY_HEADERS
from graphql_api.http.graphql.request import check_encoding
from graphql_api.http.graphql.response import negotiate
from graphql_api.http.streaming.sse import prefers_events
from graphql_api.observability.request_context import Head, text_in

RELEVANT = KEY_HEADERS | {
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"content-encoding",
    b"content-type",
    b"cookie",
    b"if-none-match",
    b"origin",
}
"""Header fields that responses depend on; a profile has no others, so that responses cannot depend on any other."""
ASGI_ONLY = {b"expect", b"trailer", b"transfer-encoding", b"upgrade", b"x-competent-explain", b"x-competent-timeout"}
"""Header fields of requests that take the ASGI path."""

_numbers = count()

MAX_BYTES = 4_000_000
PROFILE_BYTES = 3_000
"""Memory of a profile beside its header fields."""


class HeaderProfile:
    """What a client requests and accepts; `query_string` is that of a GET, None for a POST."""

    __slots__ = (
        "credentials",
        "gzip_from",
        "head",
        "languages",
        "media_type",
        "number",
        "query_string",
        "response_heads",
    )

    def __init__(self, head: Head, query_string: bytes | None) -> None:
        self.number = next(_numbers)
        """Identifies the profile to what must not keep it in memory."""
        self.head = head
        self.query_string = query_string
        self.media_type = negotiate(text_in(head, b"accept"))
        self.languages = accepted_languages(text_in(head, b"accept-language"))
        self.gzip_from = gzip_from(head)
        self.credentials = credentials_by(head)
        check_url(query_string or b"")
        self.response_heads: dict[tuple[object, ...], tuple[int, bytes]] = {}
        """Status and header fields of responses, by what these depend on beside the profile."""


Key = tuple[bytes | None, tuple[tuple[bytes, bytes], ...]]


class HeaderProfiles:
    """The most recent profiles; `root_path` is the prefix that a proxy may leave in the path."""

    def __init__(self, root_path: str = "") -> None:
        self._profiles: LRUCache[Key, HeaderProfile] = LRUCache(MAX_BYTES)
        prefixes = {b"", root_path.rstrip("/").encode()}
        self._paths = {prefix + path for prefix in prefixes for path in (b"/graphql", b"/graphql/")}

    @property
    def bytes(self) -> int:
        """Approximate memory in bytes."""
        return self._profiles.bytes

    def of(self, scope: Scope) -> HeaderProfile | None:
        """The profile of a request to the endpoint; None if the request takes the ASGI path."""
        fields = scope["headers"]
        query_string = _query_string(scope) if scope["raw_path"] in self._paths else None
        if query_string is None or not ASGI_ONLY.isdisjoint([name for name, _ in fields]):
            return None
        is_get = scope["method"] == "GET"
        key = (query_string if is_get else None), tuple([field for field in fields if field[0] in RELEVANT])
        profile = self._profiles.get(key)
        if profile is None:
            with suppress(HTTPError):
                profile = self._read(key)
        return profile

    def _read(self, key: Key) -> HeaderProfile | None:
        query_string, fields = key
        head = dict(fields)
        if query_string is not None and takes_personal_text(unquote_to_bytes(query_string).decode("latin-1")):
            return None  # refused on the ASGI path; the query string must not be cached
        if len(head) != len(fields) or prefers_events(head):
            return None
        if query_string is None:
            check_encoding(head)
        profile = HeaderProfile(head, query_string)
        size = len(query_string or b"") + sum(len(name) + len(value) for name, value in fields)
        self._profiles.put(key, profile, 2 * size + PROFILE_BYTES)
        return profile


def _query_string(scope: Scope) -> bytes | None:
    """The query string of a GET that has one, or of a POST that has none; None for all other requests."""
    query_string: bytes = scope["query_string"]
    is_plain = (scope["method"] == "GET" and query_string) or (scope["method"] == "POST" and not query_string)
    return query_string if is_plain else None
