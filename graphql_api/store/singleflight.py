"""One piece of work per key at a time, shared by all who wait for it, ended when the last of them has left.

Each waits until its own deadline; what happens to one of them happens to none of the others.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from graphql_api.errors import UpstreamTimeout, UpstreamUnavailable
from graphql_api.observability.fetch_context import FetchContext

T = TypeVar("T")


class InFlight(Generic[T]):
    """Work under way.

    `asker` is its own, with urgency, headers and key of the one who began it and no deadline: those who join have later ones.
    """

    __slots__ = ("asker", "task", "waiters")

    task: "asyncio.Task[T]"

    def __init__(self, asker: FetchContext) -> None:
        self.asker = FetchContext(asker.urgency, math.inf, asker.headers, key=asker.key)
        self.waiters: set[asyncio.Future[T]] = set()

    def take(self) -> "asyncio.Future[T]":
        """A place among those who wait."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.waiters.add(waiter)
        return waiter


class SingleFlight(Generic[T]):
    """Joins callers of the same key. One that leaves (is cancelled, or too late) harms none of the others."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, InFlight[T]] = {}

    def join(
        self, key: Hashable, asker: FetchContext, begin: Callable[[InFlight[T]], Coroutine[Any, Any, T]]
    ) -> "asyncio.Future[T]":
        """The result of what is under way for this key, else of what `begin` makes; UpstreamTimeout at the asker's deadline."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = InFlight(asker)
            flight.task = asyncio.get_running_loop().create_task(begin(flight))
            flight.task.add_done_callback(lambda _: self._landed(key, flight))
        waiter = flight.take()
        late = None
        if asker.deadline < math.inf:
            late = asyncio.get_running_loop().call_at(asker.deadline, _leave_late, waiter)
        waiter.add_done_callback(lambda _: self._left(key, flight, waiter, late))
        return waiter

    def _landed(self, key: Hashable, flight: InFlight[T]) -> None:
        self._remove(key, flight)
        for waiter in tuple(flight.waiters):
            if not waiter.done():
                _hand_over(flight.task, waiter)
        if not flight.task.cancelled():
            flight.task.exception()  # where all have left, nobody else collects it

    def _left(
        self, key: Hashable, flight: InFlight[T], waiter: "asyncio.Future[T]", late: asyncio.TimerHandle | None
    ) -> None:
        if late is not None:
            late.cancel()
        flight.waiters.discard(waiter)
        if not flight.waiters and not flight.task.done():
            self._remove(key, flight)
            flight.task.cancel()

    def _remove(self, key: Hashable, flight: InFlight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights


def _leave_late(waiter: "asyncio.Future[Any]") -> None:
    if not waiter.done():
        waiter.set_exception(UpstreamTimeout(detail="not ready before the deadline of the operation"))


def _hand_over(task: "asyncio.Task[T]", waiter: "asyncio.Future[T]") -> None:
    if task.cancelled():
        # As a bare CancelledError it would leave those who wait without an answer.
        waiter.set_exception(UpstreamUnavailable(detail="the fetch was cancelled"))
    elif error := task.exception():
        waiter.set_exception(error)
    else:
        waiter.set_result(task.result())
