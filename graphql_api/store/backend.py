"""The interface of persistent backends behind the memory cache: a SQLite file, or a Valkey server that replicas share.

A backend never fails a request: a document that it cannot read counts as missing, and one that it cannot write is lost.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from graphql_api.store.freshness import CacheEntry


class Backend(Protocol):
    """Documents of one upstream by path, shared by all processes that open the same file or server.

    - A returned entry is complete: the document as it was put, with its time and validators.
    - The backend that put a document finds it immediately; other processes find it soon.
    - The last write wins.
    - Reads return or give up quickly, because callers wait for them before a request goes upstream.
    - Its size in bytes is bounded: the oldest documents are evicted first, and any document may be evicted at any time.
    """

    uses_leases: bool
    """Whether `fetch_lease` grants a fetch lease, so that one process at a time fetches a path and the others get its result."""

    async def get_many(self, paths: Iterable[str]) -> Mapping[str, CacheEntry]:
        """Read the stored entries among these paths in one batch, of any age. Never raises."""

    def put(self, path: str, entry: CacheEntry) -> None:
        """Queue a document for writing, without waiting. Call it on the event loop. Never raises."""

    def fetch_lease(
        self, path: str, is_usable: Callable[[CacheEntry], bool]
    ) -> AbstractAsyncContextManager[CacheEntry | None]:
        """Hold the lease for fetching a path: yields None if the caller must fetch, or a usable entry that another process put.

        With leases, one process at a time fetches a path, until its lease expires; the others get what it puts before it exits.
        Without leases, every caller gets None.
        """

    async def aclose(self) -> None:
        """Flush pending writes, and close files and connections."""
