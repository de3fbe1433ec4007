"""Single flight: one task per key at a time, shared by its waiters and cancelled when the last of them leaves.

Each waiter has its own deadline; a waiter that times out or is cancelled does not affect the others.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping
from functools import partial
from typing import Generic, TypeVar

from graphql_api.errors import UpstreamTimeout, UpstreamUnavailable

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class _Results(Generic[K, T]):
    """What one waiter has got so far: results by key, and a future that is done with the last one or at the deadline."""

    __slots__ = ("count", "done", "results")

    def __init__(self, count: int) -> None:
        self.count = count
        self.results: dict[K, T | Exception] = {}
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, key: K, result: T | Exception) -> None:
        self.results[key] = result
        if len(self.results) == self.count:
            self.stop()

    def stop(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class _InFlight(Generic[K, T]):
    """A task in progress and its waiters."""

    __slots__ = ("task", "waiters")

    def __init__(self, task: "asyncio.Task[T]") -> None:
        self.task = task
        self.waiters: set[_Results[K, T]] = set()


class SingleFlight(Generic[K, T]):
    """Runs one task per key and shares its result between concurrent callers."""

    def __init__(self) -> None:
        self._flights: dict[K, _InFlight[K, T]] = {}

    async def run(
        self, keys: Iterable[K], start: Callable[[K], Coroutine[object, None, T]], deadline: float = math.inf
    ) -> Mapping[K, T | Exception]:
        """Wait for the tasks of these keys, started by `start` if there are none; returns their results or exceptions.

        A task that is not done by `deadline`, on the event loop's clock, counts as UpstreamTimeout.
        """
        loop = asyncio.get_running_loop()
        flights = {key: self._flights.get(key) or self._start(loop, key, start) for key in keys}
        waiter: _Results[K, T] = _Results(len(flights))
        for flight in flights.values():
            flight.waiters.add(waiter)
        timer = loop.call_at(deadline, waiter.stop) if deadline < math.inf else None
        try:
            await waiter.done
        finally:
            if timer is not None:
                timer.cancel()
            for key in flights.keys() - waiter.results.keys():
                self._leave(key, flights[key], waiter)
        for key in flights.keys() - waiter.results.keys():
            waiter.results[key] = UpstreamTimeout(detail="not ready before the deadline of the operation")
        return waiter.results

    def _start(
        self, loop: asyncio.AbstractEventLoop, key: K, start: Callable[[K], Coroutine[object, None, T]]
    ) -> _InFlight[K, T]:
        flight: _InFlight[K, T] = _InFlight(loop.create_task(start(key)))
        self._flights[key] = flight
        flight.task.add_done_callback(partial(self._finish, key, flight))
        return flight

    def _finish(self, key: K, flight: _InFlight[K, T], task: "asyncio.Task[T]") -> None:
        self._remove(key, flight)
        result = _result_of(task)  # in any case, as asyncio logs exceptions that were never retrieved
        for waiter in flight.waiters:
            waiter.add(key, result)

    def _leave(self, key: K, flight: _InFlight[K, T], waiter: _Results[K, T]) -> None:
        flight.waiters.discard(waiter)
        if not flight.waiters and not flight.task.done():
            self._remove(key, flight)
            flight.task.cancel()

    def _remove(self, key: K, flight: _InFlight[K, T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def __contains__(self, key: K) -> bool:
        return key in self._flights


def _result_of(task: "asyncio.Task[T]") -> T | Exception:
    if task.cancelled():
        # A bare CancelledError would look like a cancellation of the waiter itself.
        return UpstreamUnavailable(detail="the fetch was cancelled")
    error = task.exception()
    if error is None:
        return task.result()
    return error if isinstance(error, Exception) else UpstreamUnavailable(detail="the fetch was interrupted")
