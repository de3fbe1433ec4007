"""Bulkhead: limits concurrent calls; slots go to the highest priority first, in order of arrival within one priority.

A revalidation that has waited for LONG seconds gets one slot in ten, however many interactive calls wait. Slots are never lost: a
caller cancelled while it receives a slot passes it on.
"""

import asyncio
import math
from collections import deque
from typing import NamedTuple

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.revalidation_share import ONE_IN

_IN_ORDER = tuple(Priority)
_REVALIDATION_FIRST = (Priority.REVALIDATION, *Priority)

LONG_WAIT = 0.5
"""Seconds after which a waiting revalidation gets one slot in ten ahead of all others."""


class _Waiter(NamedTuple):
    """A call that waits for a slot."""

    slot: asyncio.Future[None]
    since: float
    until: float


class Bulkhead:
    """Slots for at most `max_calls` concurrent calls."""

    def __init__(self, max_calls: int) -> None:
        self._free = max_calls
        self._max_calls = max_calls
        self._waiting: dict[Priority, deque[_Waiter]] = {priority: deque() for priority in Priority}
        self._since_revalidation = 0
        self._timer: asyncio.TimerHandle | None = None
        """Fires at the first deadline at the latest; one for all, as nearly all waiters get a slot in time."""

    @property
    def in_use(self) -> int:
        """Number of slots in use."""
        return self._max_calls - self._free

    def waiting(self, urgency: Priority) -> int:
        """Number of calls of this priority that wait for a slot."""
        return len(self._waiting[urgency])

    async def acquire(self, urgency: Priority, until: float) -> None:
        """Take a slot, to be released by the caller; raises TimeoutError if none is free before `until` on the loop's clock."""
        if self._free:
            self._free -= 1
            self._record_grant(urgency)
        else:
            await self._wait(urgency, until)

    async def _wait(self, urgency: Priority, until: float) -> None:
        queue = self._waiting[urgency]
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), loop.time(), until)
        queue.append(waiter)
        self._watch(until)
        try:
            await waiter.slot
        except BaseException:
            if waiter in queue:
                queue.remove(waiter)
            elif _is_granted(waiter.slot):
                self.release()  # at the same moment
            raise

    def _watch(self, until: float) -> None:
        if until == math.inf or (self._timer is not None and self._timer.when() <= until):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(until, self._time_out)

    def _time_out(self) -> None:
        due, self._timer = asyncio.get_running_loop().time(), None
        waiters = [waiter for queue in self._waiting.values() for waiter in queue if not waiter.slot.done()]
        for waiter in waiters:
            if waiter.until <= due:
                waiter.slot.set_exception(TimeoutError())
        self._watch(min((waiter.until for waiter in waiters if waiter.until > due), default=math.inf))

    def release(self) -> None:
        """Pass a slot on to the next waiting call, or free it."""
        for urgency in self._order():
            while queue := self._waiting[urgency]:
                slot = queue.popleft().slot
                if not slot.done():  # otherwise the call was cancelled a moment ago
                    self._record_grant(urgency)
                    slot.set_result(None)
                    return
        self._free += 1

    def _order(self) -> tuple[Priority, ...]:
        """Returns the priorities in serving order: most urgent first, unless a long-waiting revalidation is due."""
        queue = self._waiting[Priority.REVALIDATION]
        due = self._since_revalidation >= ONE_IN - 1 and queue
        if due and queue[0].since <= asyncio.get_running_loop().time() - LONG_WAIT:
            return _REVALIDATION_FIRST
        return _IN_ORDER

    def _record_grant(self, urgency: Priority) -> None:
        self._since_revalidation = 0 if urgency is Priority.REVALIDATION else self._since_revalidation + 1


def _is_granted(slot: asyncio.Future[None]) -> bool:
    return slot.done() and not slot.cancelled() and slot.exception() is None
