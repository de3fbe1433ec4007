"""The bulkhead: so many places for calls under way, given by urgency, and in the order of arrival within one.

A place is never lost: who leaves while it is being handed over gives it on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graphql_api.fetching import Urgency


class Places:
    """Places for `most` calls at once."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._most = most
        self._waiting: dict[Urgency, deque[asyncio.Future[None]]] = {each: deque() for each in Urgency}

    @property
    def in_use(self) -> int:
        """Places that are taken."""
        return self._most - self._free

    def waiting(self, urgency: Urgency) -> int:
        """Calls of this urgency that wait for a place."""
        return len(self._waiting[urgency])

    @asynccontextmanager
    async def place(self, urgency: Urgency, until: float) -> AsyncIterator[None]:
        """A place for as long as the block runs; TimeoutError where there is none before `until` on the loop's clock."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(urgency, until)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, urgency: Urgency, until: float) -> None:
        queue = self._waiting[urgency]
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout_at(until if until < float("inf") else None):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._release()  # the place came at the same moment
            elif turn in queue:
                queue.remove(turn)
            raise

    def _release(self) -> None:
        for queue in self._waiting.values():
            while queue:
                turn = queue.popleft()
                if not turn.done():  # else its call was cancelled a moment ago
                    turn.set_result(None)
                    return
        self._free += 1
