"""One piece of work per key at a time, shared by all who wait for it, ended when the last of them has left."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    __slots__ = ("task", "waiting")

    def __init__(self, task: "asyncio.Task[T]") -> None:
        self.task = task
        self.waiting = 0


class Flights(Generic[T]):
    """Joins callers of the same key. One that leaves (is cancelled) harms none of the others."""

    def __init__(self, work: Callable[[str], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._flights: dict[str, _Flight[T]] = {}

    def join(self, key: str) -> Awaitable[T]:
        """The result of the work for this key: of what is under way, or of a new piece of work."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(self._work(key)))
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        flight.waiting += 1  # now, and not when the caller's task begins: somebody may leave before that
        return self._wait(key, flight)

    async def _wait(self, key: str, flight: _Flight[T]) -> T:
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                self._leave(key, flight.task)
                flight.task.cancel()

    def _landed(self, key: str, task: "asyncio.Task[T]") -> None:
        self._leave(key, task)
        if not task.cancelled():
            task.exception()  # all who wait get it; where all have left, nobody else would collect it

    def _leave(self, key: str, task: "asyncio.Task[T]") -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]

    def __contains__(self, key: str) -> bool:
        return key in self._flights
