"""Executes operations with graphql-core: those without a compiled query, and those that failed, to get their errors."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from graphql import (
    DocumentNode,
    ExecutionResult,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    SubsequentIncrementalExecutionResult,
    execute,
    experimental_execute_incrementally,
    subscribe,
)
from graphql.pyutils import AwaitableOrValue
from strawberry.execution import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from graphql_api.errors import OperationTimeout
from graphql_api.execution.context import Context
from graphql_api.execution.error_formatting import ErrorDict, format_error, format_execution_errors
from graphql_api.execution.operations import Executed, Incremental, JsonObject, Refused, Variables
from graphql_api.execution.schema import CompetentSchema
from graphql_api.execution.yielding_executor import LaterErrors, YieldingExecutor
from graphql_api.schema.time_slices import TimeSlice

GRACE = 0.5
"""Seconds after an operation's deadline in which fields that are ready are still returned."""
MAX_COERCION_ERRORS = 10

_TIMED_OUT = OperationTimeout("The operation timed out. Request fewer fields or items, or try again.")

_QueryResult = ExecutionResult | ExperimentalIncrementalExecutionResults


class GraphQLCore:
    """Executes the operations of one schema."""

    def __init__(self, schema: CompetentSchema) -> None:
        self._schema = schema.core_schema
        is_incremental = schema.config.enable_experimental_incremental_execution
        self._execute: Callable[..., AwaitableOrValue[_QueryResult]] = (
            experimental_execute_incrementally if is_incremental else execute
        )

    async def execute(
        self, document: DocumentNode, variables: Variables, operation_name: str, context: Context
    ) -> Refused | Executed | Incremental:
        """Execute a query."""
        result: _QueryResult = await await_maybe(
            self._execute(
                self._schema,
                document,
                context_value=context,
                variable_values=dict(variables),
                operation_name=operation_name or None,
                is_awaitable=optimized_is_awaitable,
                executor_class=YieldingExecutor,
                max_coercion_errors=MAX_COERCION_ERRORS,
                time_slice=TimeSlice(context.scheduler, context.fetch_context.deadline),
            )
        )
        if isinstance(result, ExperimentalIncrementalExecutionResults):
            return _incremental(result, context)
        errors = result.errors or []
        if result.data is None and errors and all(error.path is None for error in errors):
            return Refused([format_error(error, "BAD_USER_INPUT") for error in errors])  # invalid variables
        return _executed(result, context)

    async def events(
        self, document: DocumentNode, variables: Variables, operation_name: str, context: Context
    ) -> AsyncGenerator[Refused | Executed]:
        """Run a subscription: yields one result per event, or a single one with the errors if it cannot run."""
        try:
            stream: AsyncIterator[ExecutionResult] | ExecutionResult = await await_maybe(
                subscribe(
                    self._schema,
                    document,
                    context_value=context,
                    variable_values=dict(variables),
                    operation_name=operation_name or None,
                    executor_class=YieldingExecutor,
                )
            )
            if isinstance(stream, ExecutionResult):
                yield Refused(format_execution_errors(stream.errors or [], context.request_id))
                return
            assert isinstance(stream, AsyncGenerator)
            async with aclosing(stream):
                async for result in stream:
                    yield _executed(result, context)
        except (
            Exception
        ) as error:  # raised where the next event is prepared: graphql-core does not turn it into a result
            failed = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            yield Executed(None, format_execution_errors([failed], context.request_id))
        finally:
            context.loaders.close()


def end_of(context: Context) -> float | None:
    """Returns when an execution is cancelled, on the event loop's clock; None for never."""
    deadline = context.fetch_context.deadline
    return None if deadline == math.inf else deadline + GRACE


def timeout_errors(context: Context) -> list[ErrorDict]:
    """The errors of an operation that was cancelled at its end."""
    error = GraphQLError(str(_TIMED_OUT), original_error=_TIMED_OUT)
    return format_execution_errors([error], context.request_id)


def _executed(result: ExecutionResult, context: Context) -> Executed:
    return Executed(result.data, format_execution_errors(result.errors or [], context.request_id))


def _incremental(results: ExperimentalIncrementalExecutionResults, context: Context) -> Incremental:
    first = results.initial_result
    initial = Executed(first.data, format_execution_errors(first.errors or [], context.request_id))
    pending: list[JsonObject] = [dict(entry.formatted) for entry in first.pending]
    open_ids = {entry.id for entry in first.pending}
    payloads = _payloads(results.subsequent_results, open_ids, LaterErrors(len(initial.errors)), context)
    return Incremental(initial, pending, payloads, context.loaders)


async def _payloads(
    results: AsyncGenerator[SubsequentIncrementalExecutionResult],
    open_ids: set[str],
    later_errors: LaterErrors,
    context: Context,
) -> AsyncGenerator[JsonObject]:
    """Yields the payloads in response format; what is not ready soon after the deadline is completed with an error."""
    async with aclosing(results):
        try:
            async for result in _each_in_time(results, context):
                open_ids |= {entry.id for entry in result.pending or ()}
                open_ids -= {entry.id for entry in result.completed or ()}
                yield _payload(result, later_errors, context)
        except TimeoutError:
            errors = timeout_errors(context)
            yield {"completed": [{"id": id, "errors": errors} for id in sorted(open_ids)], "hasNext": False}


def _payload(result: SubsequentIncrementalExecutionResult, later_errors: LaterErrors, context: Context) -> JsonObject:
    payload: JsonObject = dict(result.formatted)
    for name, parts in (("incremental", result.incremental), ("completed", result.completed)):
        for item, part in zip(payload.get(name, ()), parts or (), strict=True):
            if part.errors:
                # `completed` with errors means failure, and is the only sign of it that a client gets.
                listed = later_errors.of(part.errors, at_least_one=name == "completed")
                item["errors"] = format_execution_errors(listed, context.request_id)
                if not listed:
                    del item["errors"]
    return payload


async def _each_in_time(
    results: AsyncGenerator[SubsequentIncrementalExecutionResult], context: Context
) -> AsyncGenerator[SubsequentIncrementalExecutionResult]:
    while True:
        async with asyncio.timeout_at(end_of(context)):
            result = await anext(results, None)
        if result is None:
            return
        yield result
