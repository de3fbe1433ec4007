"""Memory over an optional backend: where the store reads and puts entries."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from graphql_api.store.backend import Backend
from graphql_api.store.freshness import CacheEntry, is_persistable
from graphql_api.store.memory import Memory
from graphql_api.store.steps import run_steps, run_with_turns

TIME_SLICE = 0.005
"""Seconds of storing documents in memory before yielding to the event loop."""
LARGE_BYTES = 100_000
"""Bytes of JSON from which a document is stored in steps with event-loop turns between; a smaller one takes about 1 ms."""


class Tiers:
    """The entries in memory and, if there is one, in the backend.

    The documents of `uncached_paths` are stored in memory only if there is room, and are evicted first.
    """

    def __init__(self, memory: Memory, backend: Backend | None, clock: Callable[[], float]) -> None:
        self.memory = memory
        self.uncached_paths: set[str] = set()
        self._backend = backend
        self._clock = clock

    @property
    def has_backend(self) -> bool:
        """Whether there is a backend to load entries from."""
        return self._backend is not None

    async def load(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        """Read entries from the backend, of any age, and store them in memory; they are returned with their parts interned."""
        if self._backend is None:
            return {}
        entries = dict(await self._backend.get_many(paths))
        loop = asyncio.get_running_loop()
        until = loop.time() + TIME_SLICE
        for path in tuple(entries):
            entries[path] = await self.put_in_memory(path, entries[path])  # replaced, so that the copy read is freed
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + TIME_SLICE
        return entries

    async def read_shared(self, path: str) -> CacheEntry | None:
        """Read the entry that another process may have put in the backend, if processes share it without leases."""
        if self._backend is None or self._backend.uses_leases or not is_persistable(path):
            return None
        return (await self._backend.get_many([path])).get(path)

    def fetch_lease(
        self, path: str, is_usable: Callable[[CacheEntry], bool]
    ) -> AbstractAsyncContextManager[CacheEntry | None] | None:
        """Return the backend's lease for fetching a path (`Backend.fetch_lease`); None if none is needed."""
        if self._backend is None or not self._backend.uses_leases or not is_persistable(path):
            return None
        return self._backend.fetch_lease(path, is_usable)

    async def put(self, path: str, entry: CacheEntry) -> CacheEntry:
        """Store an entry in both; returns it with its parts interned."""
        entry = await self.put_in_memory(path, entry)
        if self._backend is not None and is_persistable(path):
            self._backend.put(path, entry)
        return entry

    async def put_in_memory(self, path: str, entry: CacheEntry) -> CacheEntry:
        """Store an entry in memory, unless there is a newer one; returns it with its parts interned."""
        if path in self.uncached_paths:
            steps = self.memory.put_if_room_steps(path, entry)
        else:
            current = self.memory.get(path)
            # Ignore an entry dated in the future, by a wrong clock: it would stay the newest.
            if current is not None and entry.at < current.at <= self._clock():
                return entry
            steps = self.memory.put_steps(path, entry)
        if entry.size < LARGE_BYTES:
            return run_steps(steps)
        return await asyncio.shield(run_with_turns(steps))  # the caller may be cancelled; the steps must end

    async def aclose(self) -> None:
        """Flush pending writes and close the backend."""
        if self._backend is not None:
            await self._backend.aclose()
