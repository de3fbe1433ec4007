"""The response cache: whole encoded responses, reused while everything that they were made of is unchanged.

A response is cached when its request comes for the second time, since many never do. It is evicted with any document or index
that it was made of, as soon as that is replaced or evicted, and is not used once one of them is stale. What `current` stands for
is among them. The bytes of all responses are bounded (LRU).
"""

from functools import cached_property
from gzip import compress
from hashlib import blake2b

from graphql_api.caching import LRUCache, compact_json
from graphql_api.observability.buffered_metrics import BufferedCounter
from graphql_api.observability.metrics import EXECUTIONS
from graphql_api.schema.dependencies import Dependencies
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.text import Language

MAX_COMPRESSED_BYTES = 131_072
"""Maximum size of a response that is also cached compressed: compressing more would block the event loop."""
GZIP_LEVEL = 6
"""Of 9; a response is compressed once."""
ENTRY_BYTES, DEPENDENCY_BYTES = 800, 100
"""Memory of an entry beside its body, and per dependency (measured: 700 to 900, and 65 to 100)."""

MAX_SEEN = 20_000
"""Requests remembered that came once; 70 bytes each. All are forgotten when there are more."""

_USED = BufferedCounter(EXECUTIONS.labels("response-cache"))

CacheKey = tuple[bytes, bytes, tuple[Language, ...]]
"""The operation's digest, its variables as JSON, and the languages of the request."""


class CachedResponse:
    """The body of a response without errors or extensions, `{"data": …}`, and what it was made of."""

    def __init__(self, body: bytes, read: Dependencies) -> None:
        self.body = body
        self.read = read
        self.encoded: object = None
        """The response to the last client as the fast path encoded it, without the body."""
        self.size = len(body) * 3 // 2 + ENTRY_BYTES + DEPENDENCY_BYTES * len(read.by_name)
        """Approximate memory in bytes, compressed body included."""

    @property
    def data(self) -> bytes:
        """The encoded value of `data`."""
        return self.body[len(b'{"data":') : -1]

    @cached_property
    def tag(self) -> str:
        """A weak `ETag`, the same on every replica and however the response is compressed."""
        return entity_tag(self.body)

    @cached_property
    def gzipped(self) -> bytes | None:
        """The compressed body; None if compressing is not worth the memory or would take long."""
        if len(self.body) > MAX_COMPRESSED_BYTES:
            return None
        body = compress(self.body, GZIP_LEVEL, mtime=0)
        return body if len(body) <= len(self.body) // 2 else None


def entity_tag(body: bytes) -> str:
    """Returns the `ETag` of a body."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


class ResponseCache:
    """Cached responses by operation, variables and languages. A response larger than an eighth of the cache is not cached."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._responses: LRUCache[CacheKey, CachedResponse] = LRUCache(
            max_bytes, max_item_bytes=max_bytes // 8, on_evict=self._forget
        )
        self._dependents: dict[str, set[CacheKey]] = {}
        self._seen: set[int] = set()

    @property
    def bytes(self) -> int:
        """Approximate memory of all responses in bytes."""
        return self._responses.bytes

    def __len__(self) -> int:
        return len(self._responses)

    def get(self, key: CacheKey, now: float) -> CachedResponse | None:
        """Returns a response all of whose documents are fresh at this time of the store, and counts it; None on a miss."""
        response = self._responses.get(key)
        if response is not None and response.read.until <= now:
            self._responses.drop(key)
            return None
        _USED.count += response is not None
        return response

    def store(self, key: CacheKey | None, data: dict[str, object], loaders: Loaders) -> CachedResponse | None:
        """Encode and cache data made by these loaders.

        Returns None if the request comes for the first time, or if the data depends on something stale or not in memory.
        """
        read = loaders.dependencies() if key is not None and self._has_seen(key) else None
        if key is None or read is None or read.until <= loaders.now():
            return None
        response = CachedResponse(compact_json({"data": data}), read)
        self.put(key, response)
        return response

    def _has_seen(self, key: CacheKey) -> bool:
        digest = hash(key)
        if digest in self._seen:
            return True
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen.add(digest)
        return False

    def put(self, key: CacheKey, response: CachedResponse) -> None:
        """Cache a response."""
        self._responses.put(key, response, response.size)
        if key in self._responses:
            for name in response.read.by_name:
                self._dependents.setdefault(name, set()).add(key)

    def drop(self, name: str) -> None:
        """Evict all responses made of this document or index."""
        for key in tuple(self._dependents.get(name, ())):
            self._responses.drop(key)

    def _forget(self, key: CacheKey, response: CachedResponse) -> None:
        for name in response.read.by_name:
            keys = self._dependents[name]
            keys.discard(key)
            if not keys:
                del self._dependents[name]
