"""Write-behind queue that batches document writes off the request path."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from graphql_api.store.freshness import CacheEntry
from graphql_api.store.memory import Memory

PENDING_BYTES = 64_000_000
"""Maximum pending JSON text in bytes; beyond it (a slow disk or server) the oldest documents are dropped unwritten."""


class WriteBehindQueue:
    """Collects documents in `waiting` and writes them in batches with `write`, from one task.

    Documents that `waiting` evicts before that are not written.
    """

    def __init__(self, write: Callable[[dict[str, CacheEntry]], Awaitable[None]], waiting: Memory) -> None:
        self._write = write
        self._waiting = waiting
        self._writing: asyncio.Task[None] | None = None

    def put(self, path: str, entry: CacheEntry) -> None:
        """Queue a document for writing."""
        self._waiting.put(path, entry)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_all())

    def pending(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        """Return the entries among these paths that are not written yet."""
        return {path: entry for path in paths if (entry := self._waiting.get(path)) is not None}

    async def _write_all(self) -> None:
        while len(self._waiting):
            batch = self.pending(tuple(self._waiting))
            await self._write(batch)
            for path, entry in batch.items():
                if self._waiting.get(path) is entry:
                    self._waiting.drop(path)

    async def flush(self) -> None:
        """Wait until everything queued is written."""
        if self._writing is not None:
            await self._writing
