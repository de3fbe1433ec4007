"""One run of a plan: what is at hand is read at once, the rest in waves.

All that the siblings of a level still need is asked for before anything is waited for, so the loaders have it in one batch.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

from graphql_api.errors import OperationTimeout, without_trace
from graphql_api.execution.plan.asked import Asked
from graphql_api.execution.plan.kept import KeptParts, encoded
from graphql_api.execution.plan.variables import Given
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.time_slices import TimeSlice

Complete = Callable[[Any, "Run"], Any]
"""Makes what stands in the answer from a value that was resolved."""


class Later(NamedTuple):
    """A field that has to wait: what for, and what makes its value of the result."""

    begun: Awaitable[Any]
    complete: Complete


class _Hole(NamedTuple):
    """Where a value goes that has to wait."""

    complete: Complete
    into: Any
    key: Any


class Run:
    """One operation being answered for a context of resolvers; without `kept` no part of the answer is encoded."""

    def __init__(self, context: Any, given: Given, kept: KeptParts | None, time_slice: TimeSlice) -> None:
        self.context = context
        self.given = given
        self.loaders: Loaders = context.loaders
        self._kept = kept
        self._languages = context.languages
        self._now = self.loaders.now() if kept is not None else 0.0
        self._holes: dict[asyncio.Future[Any], _Hole] = {}
        self._arrived: deque[asyncio.Future[Any]] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._waited = 0
        self._slice = time_slice
        self.data: dict[str, Any] = {}
        """The answer, whole once the run no longer waits, if it has not failed by then."""
        self.failed = False
        """Whether something is not as it should be: then graphql-core has to run the operation, and to tell what."""

    @cached_property
    def info(self) -> Any:
        """What resolvers get in place of Strawberry's Info: they ask it for nothing but the context."""
        return SimpleNamespace(context=self.context)

    @property
    def waits(self) -> bool:
        """Whether something is still to come."""
        return bool(self._holes)

    @property
    def is_long(self) -> bool:
        """Whether the time slice is over: what is left of a long list waits for the next turn."""
        return self._slice.is_over

    async def turn(self, value: Any = None) -> Any:
        """The value, once it is the operation's turn again; raises OperationTimeout."""
        await self._slice.turn()
        return value

    def leave_open(self, later: Later, into: Any, key: Any) -> None:
        """Put a value in its place once it is there."""
        self._waited += 1
        future = asyncio.ensure_future(later.begun)
        self._holes[future] = _Hole(later.complete, into, key)
        future.add_done_callback(self._arrive)

    def _arrive(self, future: "asyncio.Future[Any]") -> None:
        self._arrived.append(future)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def finish(self) -> None:
        """Wait for all that is still to come, or until something fails: what was begun goes on then, since others want it too."""
        try:
            while self._holes and not self.failed:
                if not self._arrived:
                    self._arrival = asyncio.get_running_loop().create_future()
                    await self._arrival
                elif self.is_long:
                    await self.turn()
                future = self._arrived.popleft()
                self._fill(future, self._holes.pop(future))
        except OperationTimeout:
            self.failed = True

    def _fill(self, future: "asyncio.Future[Any]", hole: _Hole) -> None:
        if future.cancelled() or future.exception() is not None:
            self.failed = True
        if self.failed:
            return
        try:
            value = hole.complete(future.result(), self)
        except Exception as error:
            without_trace(error)
            self.failed = True
            return
        if type(value) is Later:
            self.leave_open(value, hole.into, hole.key)
        else:
            hole.into[hole.key] = value

    def abandon(self) -> None:
        """End what nobody waits for any more."""
        for future in self._holes:
            if not future.done():
                future.cancel()
            elif not future.cancelled():
                future.exception()  # told by graphql-core, which met it too
        self._holes.clear()

    def flavour(self, asked: Asked) -> tuple[Any, ...]:
        """What a selection gives depends on beside the thing that it is of, in this run."""
        return self.given.flavour(asked, self._languages)

    def spliced(self, key: tuple[Any, ...], holds: object, make: Complete, source: Any) -> Any:
        """A part that is kept encoded, or what is made now, which then is kept if nothing has to be waited for.

        `holds` is what the key tells by its identity.
        """
        if self._kept is None:
            return make(source, self)
        part = self._kept.get(key, self._now)
        if part is not None:
            self.loaders.replay_dependencies(part.read)
            return part.json
        mark, waited = self.loaders.begin_tracking(), self._waited
        made = make(source, self)
        if type(made) is Later or waited != self._waited or (read := self.loaders.dependencies_since(mark)) is None:
            return made
        part = encoded(made, read, holds)
        if read.until > self._now:
            self._kept.put(key, part)
        return part.json
