"""Cooperative scheduling: operations share the event loop in time slices, so that no request waits until another is finished.

All operations together use at most one time slice per event-loop pass; the rest waits in a round robin. Work that cannot be
interrupted, such as parsing a document, is admitted by its size.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from time import perf_counter

from graphql_api.errors import OperationTimeout

TIME_SLICE = 0.01
"""Seconds per event-loop pass for all operations together."""
MAX_RESUMED = 256
"""Maximum waiters of one operation resumed per event-loop pass, if each has little to do."""


class RoundRobin:
    """Schedules the operations of one event loop; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.clock = clock
        self._ends: float | None = None
        self._waiting: deque[TimeSlice] = deque()

    @property
    def is_over(self) -> bool:
        """Whether the time slice of this event-loop pass is used up; the first call in a pass starts it."""
        now = self.clock()
        ends = self._begin(now) if self._ends is None else self._ends
        return now >= ends

    def _begin(self, now: float) -> float:
        self._ends = now + TIME_SLICE
        asyncio.get_running_loop().call_soon(self._next_pass, now)
        return self._ends

    def _next_pass(self, began: float) -> None:
        self._ends = None
        if not self._waiting:
            return
        now = self.clock()
        operation = self._waiting.popleft()
        self._begin(now)
        if operation.resume(now - began):
            self._waiting.append(operation)

    def enqueue(self, operation: "TimeSlice") -> None:
        """Queue an operation to be resumed at its turn."""
        self._waiting.append(operation)
        if self._ends is None:
            self._begin(self.clock())


class TimeSlice:
    """One operation's share of the event loop, until its `deadline` in seconds of the event loop's clock."""

    def __init__(self, scheduler: RoundRobin, deadline: float = math.inf) -> None:
        self._scheduler = scheduler
        self._deadline = deadline
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._batch = 1

    @property
    def is_over(self) -> bool:
        """Whether the operation should wait for its next turn before it continues."""
        return self._scheduler.is_over

    async def turn(self) -> None:
        """Wait for the next turn, in order of arrival; raises OperationTimeout after the deadline."""
        loop = asyncio.get_running_loop()
        if not self._waiters:
            self._scheduler.enqueue(self)
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        await waiter
        if loop.time() >= self._deadline:
            raise OperationTimeout

    def resume(self, last_pass: float) -> bool:
        """Resume as many waiters as fit into a pass, judged by the seconds the last one took; returns whether any are left."""
        if last_pass > TIME_SLICE:
            self._batch = 1
        elif last_pass < TIME_SLICE / 2:
            self._batch = min(self._batch * 2, MAX_RESUMED)
        resumed = 0
        while self._waiters and resumed < self._batch:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                resumed += 1
        return bool(self._waiters)


class PassBudget:
    """Admits work in order of arrival, up to `limit` units per event-loop pass; larger work gets a pass of its own."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def turn(self, amount: int) -> None:
        """Wait until this amount of work is admitted; the first of a pass does not wait."""
        if self.admits(amount):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, waiter))
        await waiter

    def admits(self, amount: int) -> bool:
        """Whether this amount of work is admitted without waiting, which uses it up."""
        if self._left == self._limit and not self._waiting:
            asyncio.get_running_loop().call_soon(self._next_pass)
        return not self._waiting and self._take(amount)

    def _take(self, amount: int) -> bool:
        amount = max(min(amount, self._limit), 1)
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def _next_pass(self) -> None:
        self._left = self._limit
        while self._waiting and (self._waiting[0][1].done() or self._take(self._waiting[0][0])):
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._left < self._limit:
            asyncio.get_running_loop().call_soon(self._next_pass)
