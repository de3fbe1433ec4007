"""Documents that are written behind their reader's back: kept here until they are, all of one moment together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from graphql_api.store.freshness import CacheEntry
from graphql_api.store.memory import Memory

PENDING_BYTES = 64_000_000
"""JSON text that waits to be written; beyond it, if a disk or a server does not keep up, the oldest is not written at all."""


class WriteBehindQueue:
    """What is `waiting` to be written, and the one task that has `write` do so; what no longer fits there is not written."""

    def __init__(self, write: Callable[[dict[str, CacheEntry]], Awaitable[None]], waiting: Memory) -> None:
        self._write = write
        self._waiting = waiting
        self._writing: asyncio.Task[None] | None = None

    def put(self, path: str, kept: CacheEntry) -> None:
        """Write a document soon."""
        self._waiting.put(path, kept)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_all())

    def among(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        """Those of these documents that wait."""
        return {path: kept for path in paths if (kept := self._waiting.get(path)) is not None}

    async def _write_all(self) -> None:
        while len(self._waiting):
            batch = self.among(tuple(self._waiting))
            await self._write(batch)
            for path, kept in batch.items():
                if self._waiting.get(path) is kept:
                    self._waiting.drop(path)

    async def settle(self) -> None:
        """Wait until all is written."""
        if self._writing is not None:
            await self._writing
