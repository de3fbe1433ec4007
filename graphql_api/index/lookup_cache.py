"""The LRU cache of query results of one index. Results never become stale, since an open file never changes.

Bounded by approximate size in bytes. A concept is the same object in all results, so that callers can cache values by identity.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal

from graphql_api.caching import LRUCache
from graphql_api.index.concepts import IndexedConcept, by_row_id

MAX_BYTES = 32_000_000
"""Maximum size in bytes per index; all concepts of a full-size release take less."""

_ENTRY, _CONCEPT, _USE = 300, 1000, 100
"""Approximate bytes of an entry, of a concept with its texts, and of one use of a concept."""


class Unknown(Enum):
    """A cache miss, as opposed to the cached result None."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

Key = tuple[Callable[..., Any], Any]
"""A query function, and the key that it looks up."""


class LookupCache:
    """The cached results of one index. Not thread-safe: use it only on the event loop."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._results: LRUCache[Key, Any] = LRUCache(max_bytes)

    @property
    def bytes(self) -> int:
        """The approximate size of all entries."""
        return self._results.bytes

    def get(self, query: Callable[..., Any], key: Any) -> Any | Literal[Unknown.UNKNOWN]:
        """Return the cached result for a key, None if the query has no result; UNKNOWN on a miss."""
        return self._results.get((query, key), UNKNOWN)

    def put(self, query: Callable[..., Any], key: Any, result: Any) -> Any:
        """Cache a result, unless one is cached already; returns the cached one, in which each concept is the same object."""
        cached = self.get(query, key)
        if cached is not UNKNOWN:
            return cached
        if isinstance(result, IndexedConcept) and query is not by_row_id:
            result = self.put(by_row_id, result.row_id, result)
        self._results.put((query, key), result, _size(query, result))
        return result


def _size(query: Callable[..., Any], result: Any) -> int:
    if isinstance(result, list):
        return _ENTRY + _USE * len(result)
    return _ENTRY + _CONCEPT * (query is by_row_id and result is not None)
