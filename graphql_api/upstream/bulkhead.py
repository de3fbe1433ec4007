"""The bulkhead: so many places for calls under way, given by urgency, and in the order of arrival within one.

A revalidation that has waited for a while gets one place in ten, however many questions wait. A place is never lost: who leaves
while it is being handed over gives it on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.revalidation_share import ONE_IN

LONG = 0.5
"""Seconds after which a revalidation that waits goes first, one in ten."""


class _Waiter(NamedTuple):
    """A call that waits for a place."""

    turn: asyncio.Future[None]
    since: float


class Bulkhead:
    """Places for `most` calls at once."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._most = most
        self._waiting: dict[Priority, deque[_Waiter]] = {each: deque() for each in Priority}
        self._since_revalidation = 0

    @property
    def in_use(self) -> int:
        """Places that are taken."""
        return self._most - self._free

    def waiting(self, urgency: Priority) -> int:
        """Calls of this urgency that wait for a place."""
        return len(self._waiting[urgency])

    @asynccontextmanager
    async def place(self, urgency: Priority, until: float) -> AsyncIterator[None]:
        """A place for as long as the block runs; TimeoutError where there is none before `until` on the loop's clock."""
        if self._free:
            self._free -= 1
            self._granted(urgency)
        else:
            await self._wait(urgency, until)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, urgency: Priority, until: float) -> None:
        queue = self._waiting[urgency]
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), loop.time())
        queue.append(waiter)
        try:
            async with asyncio.timeout_at(until if until < float("inf") else None):
                await waiter.turn
        except BaseException:
            if waiter.turn.done() and not waiter.turn.cancelled():
                self._release()  # the place came at the same moment
            elif waiter in queue:
                queue.remove(waiter)
            raise

    def _release(self) -> None:
        for urgency in self._order():
            while queue := self._waiting[urgency]:
                turn = queue.popleft().turn
                if not turn.done():  # else its call was cancelled a moment ago
                    self._granted(urgency)
                    turn.set_result(None)
                    return
        self._free += 1

    def _order(self) -> list[Priority]:
        """Who goes first: the most urgent, unless it is the turn of a revalidation that waits for long."""
        queue = self._waiting[Priority.REVALIDATION]
        due = self._since_revalidation >= ONE_IN - 1 and queue
        if due and queue[0].since <= asyncio.get_running_loop().time() - LONG:
            return [Priority.REVALIDATION, *Priority]
        return [*Priority]

    def _granted(self, urgency: Priority) -> None:
        self._since_revalidation = 0 if urgency is Priority.REVALIDATION else self._since_revalidation + 1
