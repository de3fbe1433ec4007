"""What the head of a plain request says, read once for all requests that say the same."""

from contextlib import suppress

from starlette.types import Scope

from graphql_api.caching import LRUCache
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
"""Header fields that answers depend on. No other can: a client has none but these."""
UNPLAIN = {b"expect", b"trailer", b"transfer-encoding", b"upgrade", b"x-competent-explain", b"x-competent-timeout"}
"""Header fields that ask for more than an answer."""

MOST_BYTES = 4_000_000
CLIENT_BYTES = 3_000
"""What a client takes beside its header fields."""


class Client:
    """What it asks for, and how it takes answers; `query_string` is that of a GET, None for a POST."""

    __slots__ = ("gzip_from", "head", "heads", "languages", "media_type", "plain", "query_string", "shown")

    def __init__(self, head: Head, query_string: bytes | None) -> None:
        self.head = head
        self.query_string = query_string
        self.media_type = negotiate(text_in(head, b"accept"))
        self.languages = accepted_languages(text_in(head, b"accept-language"))
        self.gzip_from = gzip_from(head)
        self.shown = credentials_by(head)
        check_url(query_string or b"")
        self.heads: dict[tuple[object, ...], tuple[int, bytes]] = {}
        """Status and head of answers to it, by what they depend on."""
        self.plain: dict[tuple[bool, bool], tuple[int, bytes]] = {}
        """The same of those that go to it as they are, by whether they move with the current release, and are long."""


Key = tuple[bytes | None, tuple[tuple[bytes, bytes], ...]]


class Clients:
    """Those that asked most recently; `root_path` is the prefix that a proxy may leave in the path."""

    def __init__(self, root_path: str = "") -> None:
        self._known: LRUCache[Key, Client] = LRUCache(MOST_BYTES)
        prefixes = {b"", root_path.rstrip("/").encode()}
        self._paths = {prefix + path for prefix in prefixes for path in (b"/graphql", b"/graphql/")}

    def of(self, scope: Scope) -> Client | None:
        """The client of a request to the endpoint; None where the request is not a plain one."""
        told = scope["headers"]
        query_string = _query_string(scope) if scope["raw_path"] in self._paths else None
        if query_string is None or not UNPLAIN.isdisjoint([name for name, _ in told]):
            return None
        by_get = scope["method"] == "GET"
        key = (query_string if by_get else None), tuple([each for each in told if each[0] in RELEVANT])
        found = self._known.get(key)
        if found is None:
            with suppress(HTTPError):
                found = self._read(key)
        return found

    def _read(self, key: Key) -> Client | None:
        query_string, told = key
        head = dict(told)
        if len(head) != len(told) or prefers_events(head):
            return None
        if query_string is None:
            check_encoding(head)
        client = Client(head, query_string)
        size = len(query_string or b"") + sum(len(name) + len(value) for name, value in told)
        self._known.put(key, client, 2 * size + CLIENT_BYTES)
        return client


def _query_string(scope: Scope) -> bytes | None:
    """That of a GET or a POST to the endpoint, where it is the method's way to ask; None for all else."""
    found: bytes = scope["query_string"]
    return found if (scope["method"] == "GET" and found) or (scope["method"] == "POST" and not found) else None
