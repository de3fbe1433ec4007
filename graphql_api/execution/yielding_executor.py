"""Cooperative execution: graphql-core's executor, yielding to the event loop between time slices.

graphql-core completes a list without yielding, however long; 50,000 values would block the event loop for half a second.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from itertools import chain
from typing import Any

from graphql import GraphQLError, GraphQLOutputType, GraphQLResolveInfo, get_named_type, is_leaf_type
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import CollectedErrors, Executor, StreamUsage
from graphql.pyutils import AwaitableOrValue, Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.errors import BadUserInput, is_unforeseen, without_trace
from graphql_api.library_internals import clear_error_positions
from graphql_api.schema.time_slices import RoundRobin, TimeSlice

Info = GraphQLResolveInfo[Any]
Position = Any
"""The deferred fragments at a position of the response, internal to graphql-core."""

OMITTED = "ERRORS_OMITTED"
MAX_ERRORS = 20
"""Maximum number of errors in a response; one more then says how many were omitted."""


class BoundedErrors(CollectedErrors):
    """Collects the first errors of an execution and counts the others."""

    __slots__ = ("omitted",)

    def __init__(self) -> None:
        super().__init__()
        self.omitted = 0

    @property
    def errors(self) -> list[GraphQLError]:
        """At most MAX_ERRORS errors, and one more that says how many are omitted; read once execution is over."""
        clear_error_positions(self)
        listed = super().errors
        if not self.omitted:
            return listed
        message = f"{self.omitted:,} more errors are not listed."
        return [*listed, GraphQLError(message, extensions={"code": OMITTED})]

    def add(self, error: GraphQLError, path: Path | None) -> None:
        """Add an error, unless an error above it already made its position null."""
        super().add(error, path)
        listed = super().errors
        is_listed = len(listed) <= MAX_ERRORS
        if not is_listed:
            listed.pop()
            self.omitted += 1
        if not (is_listed and is_unforeseen(error)):
            without_trace(error)


class LaterErrors:
    """Bounds the errors of all payloads of a response together; `listed` errors were in the first payload."""

    def __init__(self, listed: int) -> None:
        self._left = max(MAX_ERRORS - listed, 0)
        self._omitting = listed > MAX_ERRORS

    def of(self, errors: list[GraphQLError], *, at_least_one: bool) -> list[GraphQLError]:
        """Returns the errors to list in a payload; the first payload with too many gets one that says so."""
        listed = errors[: self._left]
        self._left -= len(listed)
        if len(listed) == len(errors) or (self._omitting and not at_least_one):
            return listed
        self._omitting = True
        return [*listed, GraphQLError("More errors are not listed.", extensions={"code": OMITTED})]


class YieldingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor; waits for its next turn when its time slice is over."""

    def __init__(self, *args: Any, time_slice: TimeSlice | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slice = time_slice or TimeSlice(RoundRobin())
        self._cancelled = False

    @property
    def collected_errors(self) -> CollectedErrors:
        """The errors of this executor; the library sets new ones for deferred fragments and events, which are bounded too."""
        return self._collected_errors

    @collected_errors.setter
    def collected_errors(self, _: CollectedErrors) -> None:
        self._collected_errors = BoundedErrors()

    def build_per_event_executor(self, payload: object) -> Executor[Any]:
        """Returns the executor of one subscription event, with its own deadline, scheduled with all other operations."""
        executor = super().build_per_event_executor(payload)
        time_slice = getattr(self.context_value, "event_slice", None)
        if isinstance(executor, YieldingExecutor) and time_slice is not None:
            executor._slice = time_slice
        return executor

    def get_stream_usage(self, field_details_list: FieldDetailsList, path: Path) -> StreamUsage | None:
        """Returns how a list is streamed; raises BadUserInput for invalid arguments of `@stream`."""
        try:
            return super().get_stream_usage(field_details_list, path)
        except (TypeError, ValueError) as error:
            raise BadUserInput(f"{error}.".replace("..", ".")) from None

    async def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: Info,
        path: Path,
        result: Awaitable[object],
        position: Position,
    ) -> object:
        """Resolve and complete a field, each within a time slice."""
        return await super().complete_awaitable_value(return_type, details, info, path, self._in_turn(result), position)

    async def _in_turn(self, awaitable: Awaitable[object]) -> object:
        try:
            await self._turn()
        except BaseException:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()  # it will never be awaited
            raise
        value = await awaitable
        await self._turn()
        return value

    async def _turn(self) -> None:
        """Wait for the next turn if the time slice is over."""
        if self._cancelled:
            raise asyncio.CancelledError
        if self._slice.is_over:
            await self._slice.turn()

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: Info,
        path: Path,
        items: Iterable[object],
        position: Position,
    ) -> AwaitableOrValue[list[object]]:
        """Complete a list: synchronously while the time slice lasts, the rest in an awaitable."""
        if is_leaf_type(get_named_type(item_type)) or self.get_stream_usage(details, path):
            return super().complete_iterable_value(item_type, details, info, path, items, position)
        completed: list[Any] = []
        pending: dict[int, Awaitable[object]] = {}

        def steps() -> Iterator[None]:
            """Completes one item after the other; yields whenever the time slice is over."""
            for index, item in enumerate(items):
                if self._slice.is_over:
                    yield
                key = path.add_key(index, None)
                if self.is_awaitable(item):
                    value = self.complete_awaitable_list_item_value(
                        self._in_turn(item), item_type, details, info, key, position
                    )
                    completed.append(value)
                    pending[index] = value
                elif self.complete_list_item_value(item, completed, item_type, details, info, key, position):
                    pending[index] = completed[index]

        rest = steps()
        try:
            interrupted = next(rest, rest) is None
        except Exception:
            self.settle_in_background(list(pending.values()))
            raise
        if interrupted:
            return self._completed(chain((None,), rest), completed, pending)
        return self._completed((), completed, pending) if pending else completed

    async def _completed(
        self, interruptions: Iterable[None], completed: list[object], pending: dict[int, Awaitable[object]]
    ) -> list[object]:
        """Returns the list once the remaining items are completed and all awaitables are resolved."""
        try:
            for _ in interruptions:
                await self._slice.turn()
        except BaseException as error:
            self._cancelled = isinstance(error, asyncio.CancelledError)  # then no field below starts any more
            self.settle_in_background(list(pending.values()))
            raise
        for index, value in zip(pending, await gather_with_cancel(*pending.values()), strict=True):
            completed[index] = value
        return completed
