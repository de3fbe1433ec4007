"""Single flight: one task per key at a time, shared by its waiters and cancelled when the last of them leaves.

Each waiter has its own deadline; a waiter that times out or is cancelled does not affect the others.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

from graphql_api.errors import UpstreamTimeout, UpstreamUnavailable
from graphql_api.observability.fetch_context import FetchContext

T = TypeVar("T")


class InFlight(Generic[T]):
    """A task in progress and its waiters.

    `context` is the task's own context: priority, headers and key of the caller that started it, without a deadline, because
    later waiters may have later ones.
    """

    __slots__ = ("context", "task", "waiters")

    task: "asyncio.Task[T]"

    def __init__(self, context: FetchContext) -> None:
        self.context = FetchContext(context.urgency, math.inf, context.headers, key=context.key)
        self.waiters: set[asyncio.Future[T]] = set()

    def add_waiter(self) -> "asyncio.Future[T]":
        """Add a waiter: a future for the result of the task."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.waiters.add(waiter)
        return waiter


class SingleFlight(Generic[T]):
    """Runs one task per key and shares its result between concurrent callers."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, InFlight[T]] = {}

    def run(
        self, key: Hashable, context: FetchContext, start: Callable[[InFlight[T]], Coroutine[object, None, T]]
    ) -> "asyncio.Future[T]":
        """Wait for the task of this key, started by `start` if there is none. Raises UpstreamTimeout at the caller's deadline."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = InFlight(context)
            flight.task = asyncio.get_running_loop().create_task(start(flight))
            flight.task.add_done_callback(lambda _: self._finish(key, flight))
        waiter = flight.add_waiter()
        timer = None
        if context.deadline < math.inf:
            timer = asyncio.get_running_loop().call_at(context.deadline, _time_out, waiter)
        waiter.add_done_callback(lambda _: self._remove_waiter(key, flight, waiter, timer))
        return waiter

    def _finish(self, key: Hashable, flight: InFlight[T]) -> None:
        self._remove(key, flight)
        for waiter in tuple(flight.waiters):
            if not waiter.done():
                _copy_result(flight.task, waiter)
        if not flight.task.cancelled():
            flight.task.exception()  # retrieve it, in case there are no waiters left

    def _remove_waiter(
        self, key: Hashable, flight: InFlight[T], waiter: "asyncio.Future[T]", timer: asyncio.TimerHandle | None
    ) -> None:
        if timer is not None:
            timer.cancel()
        flight.waiters.discard(waiter)
        if not flight.waiters and not flight.task.done():
            self._remove(key, flight)
            flight.task.cancel()

    def _remove(self, key: Hashable, flight: InFlight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights


def _time_out(waiter: "asyncio.Future[T]") -> None:
    if not waiter.done():
        waiter.set_exception(UpstreamTimeout(detail="not ready before the deadline of the operation"))


def _copy_result(task: "asyncio.Task[T]", waiter: "asyncio.Future[T]") -> None:
    if task.cancelled():
        # A bare CancelledError would look like a cancellation of the waiter itself.
        waiter.set_exception(UpstreamUnavailable(detail="the fetch was cancelled"))
    elif error := task.exception():
        waiter.set_exception(error)
    else:
        waiter.set_result(task.result())
