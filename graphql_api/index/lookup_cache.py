"""The LRU cache of query results of one index. Results never become stale, since an open file never changes.

Bounded by approximate size in bytes. A concept is the same object in all results, so that callers can cache values by identity.
"""

import sqlite3
from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import Enum
from typing import Final, Literal, TypeVar, cast

from graphql_api.caching import Admission, LRUCache
from graphql_api.index.concepts import IndexedConcept, by_row_id
from graphql_api.index.facets import Facets
from graphql_api.observability.metrics import INDEX_LOOKUPS_EVICTED

MAX_BYTES = 32_000_000
"""Maximum size in bytes per index; all concepts of a full-size release take less."""

_ENTRY, _CONCEPT, _USE = 300, 1000, 100
"""Approximate bytes of an entry, of a concept with its texts, and of one use of a concept."""


class Unknown(Enum):
    """A cache miss, as opposed to the cached result None."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Key = tuple[Callable[..., object], Hashable]
"""A query function, and the key that it looks up."""


class LookupCache:
    """The cached results of one index. Not thread-safe: use it only on the event loop."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._results: LRUCache[Key, object] = LRUCache(
            max_bytes, max_item_bytes=max_bytes, on_evict=lambda *_: INDEX_LOOKUPS_EVICTED.inc()
        )
        self._admission = Admission()

    @property
    def bytes(self) -> int:
        """The approximate size of all entries."""
        return self._results.bytes

    def get(
        self, query: Callable[[sqlite3.Connection, Sequence[K]], Mapping[K, T]], key: K
    ) -> T | Literal[Unknown.UNKNOWN] | None:
        """Return the cached result for a key, None if the query has no result; UNKNOWN on a miss."""
        return cast("T | Literal[Unknown.UNKNOWN] | None", self._results.get((query, key), UNKNOWN))

    def put(self, query: Callable[[sqlite3.Connection, Sequence[K]], Mapping[K, object]], key: K, result: T) -> T:
        """Cache a result, unless one is cached already; returns the cached one, in which each concept is the same object.

        A full cache stores only what is looked up a second time, so that a scan of the release evicts nothing.
        """
        cached = self._results.get((query, key), UNKNOWN)
        if cached is not UNKNOWN:
            return cast("T", cached)
        if isinstance(result, IndexedConcept) and query is not by_row_id:
            result = self.put(by_row_id, result.row_id, result)
        size = _size(query, result)
        if self.bytes + size <= self._max_bytes or self._admission.admits((query, key)):
            self._results.put((query, key), result, size)
        return result


def _size(query: Callable[..., object], result: object) -> int:
    if isinstance(result, Facets):
        return _ENTRY + result.bytes
    if isinstance(result, list | dict):
        return _ENTRY + _USE * len(result)
    return _ENTRY + _CONCEPT * (query is by_row_id and result is not None)
