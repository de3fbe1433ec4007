"""Execution that takes turns: a long answer lets others run every few milliseconds.

graphql-core completes a list in one go, however long; 50,000 values would keep everybody else waiting for half a second.
Here an item of a list that comes up when the turn is over is completed in a later one. What is loaded is batched as before
within a turn.
"""

import asyncio
from time import perf_counter
from typing import Any

from graphql import get_named_type, is_leaf_type
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.eager import TURN


class InTurns(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, with an end to each turn."""

    clock = staticmethod(perf_counter)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._until = self.clock() + TURN
        self._next: asyncio.Event | None = None

    def complete_list_item_value(
        self, item: Any, complete_results: list[Any], item_type: Any, *details: Any, **more: Any
    ) -> bool:
        """Complete an item now, or leave an awaitable that completes it in a later turn; True for an awaitable."""
        if self.clock() < self._until or is_leaf_type(get_named_type(item_type)):
            return super().complete_list_item_value(item, complete_results, item_type, *details, **more)
        complete_results.append(self._later(item, item_type, *details, **more))
        return True

    async def _later(self, item: Any, item_type: Any, *details: Any, **more: Any) -> Any:
        while self.clock() >= self._until:
            await self._turn()
        found: list[Any] = []
        if super().complete_list_item_value(item, found, item_type, *details, **more):
            return await found[0]
        return found[0]

    async def _turn(self) -> None:
        """Wait for the next turn: everybody who waits then goes on, as long as it lasts."""
        if self._next is None:
            self._next = asyncio.Event()
            asyncio.get_running_loop().call_soon(self._begin, self._next)
        await self._next.wait()

    def _begin(self, turn: asyncio.Event) -> None:
        self._next = None
        self._until = self.clock() + TURN
        turn.set()
