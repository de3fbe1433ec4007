"""Comparisons of one index with others: each is computed once for concurrent callers, and cached."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sized
from functools import partial
from typing import TypeVar, cast

from graphql_api.caching import LRUCache

T = TypeVar("T", bound=Sized)

MAX_BYTES, ITEM_BYTES = 32_000_000, 250
"""Maximum bytes of cached comparisons of one index, and approximate bytes of an item of one."""


class Comparisons:
    """Results by what is computed and the serial number of the other index, which they must not keep open."""

    def __init__(self) -> None:
        self._tasks: LRUCache[Hashable, asyncio.Task[Sized]] = LRUCache(MAX_BYTES)
        self.running: set[asyncio.Task[Sized]] = set()
        """The computations that have not finished; cancelling one interrupts its query."""

    async def get(self, key: Hashable, compute: Callable[[], Coroutine[object, None, T]]) -> T:
        """Return the result for a key, computed if necessary. Cancelling a caller does not cancel the computation."""
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(compute())
            self.running.add(task)
            task.add_done_callback(partial(self._computed, key))
            self._tasks.put(key, task, ITEM_BYTES)
        return cast(T, await asyncio.shield(task))

    def _computed(self, key: Hashable, task: "asyncio.Task[Sized]") -> None:
        """Set the size of a finished comparison in the cache. Also retrieves its exception, so that asyncio does not log it."""
        self.running.discard(task)
        if task.cancelled() or task.exception():
            self._tasks.drop(key)
        else:
            self._tasks.put(key, task, ITEM_BYTES * len(task.result()))
