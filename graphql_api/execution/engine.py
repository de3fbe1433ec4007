"""Builds the schema and executes operations on it.

A document is prepared (`documents.py`), its operation selected, and its cost with the variables checked against the limits; only
then are fields resolved. Every error in a response has a code.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from time import thread_time
from typing import Any, NamedTuple

import strawberry
from graphql import (
    ExecutionResult,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    SubsequentIncrementalExecutionResult,
    Undefined,
    execute,
    experimental_execute_incrementally,
    is_input_object_type,
    subscribe,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.utils.await_maybe import AwaitableOrValue, await_maybe

from graphql_api.errors import CompetentError, OperationTimeout, QueryTooComplex
from graphql_api.execution.compiled import (
    CachedResponse,
    CacheKey,
    CompiledQueries,
    Execution,
    InputVariables,
    ResponseCache,
    count,
)
from graphql_api.execution.context import Context
from graphql_api.execution.documents import Documents, Operation, Prepared
from graphql_api.execution.error_formatting import ErrorDict, format_error, format_execution_errors
from graphql_api.execution.limits import DEFAULTS, Limits, exceeded, values_in
from graphql_api.execution.yielding_executor import LaterErrors, YieldingExecutor
from graphql_api.library_internals import core_schema_of
from graphql_api.observability.request_context import RequestContext
from graphql_api.schema.federation import ENTITY_SCALARS, SubgraphQuery
from graphql_api.schema.query import Query
from graphql_api.schema.subscription import Subscription
from graphql_api.schema.time_slices import PassBudget, RoundRobin, TimeSlice
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.plain_resolvers import use_plain_resolvers
from graphql_api.schema.types.scalars import SCALARS
from graphql_api.schema.types.text import Language

PARSED_PER_PASS = 4_000
"""Maximum characters of new documents parsed per event-loop pass; a longer document gets a pass of its own."""
GRACE = 0.5
"""Seconds after an operation's deadline in which fields that are ready are still returned."""

Variables = dict[str, Any]
"""The variables of a request, as parsed from its JSON."""
JsonObject = dict[str, Any]
"""A JSON object of a response."""
Result = ExecutionResult | ExperimentalIncrementalExecutionResults
Execute = Callable[..., AwaitableOrValue[Result]]
"""An execution function of graphql-core."""

_SUBSCRIBES = "Subscriptions need a WebSocket or an event stream (`Accept: text/event-stream`)."


class Answer(NamedTuple):
    """The result of an operation; `executed` is False if the request was invalid and no field was resolved."""

    data: JsonObject | None
    """JSON values."""
    errors: list[ErrorDict]
    executed: bool
    pending: list[JsonObject] | None = None
    """The `pending` entries of `@defer` and `@stream` (incremental delivery specification); None if nothing is deferred."""
    later: AsyncGenerator[JsonObject] | None = None
    """Yields the subsequent payloads."""
    body: bytes | None = None
    """The encoded response `{"data": …}`, if it exists already; then `data` is None."""
    kept: CachedResponse | None = None
    """The response cache entry of `body`, if it was cached."""


class MethodNotAllowed(Exception):
    """Raised for a mutation or subscription if only queries may run."""


class ExecutableOperation(NamedTuple):
    """An operation that passed all checks, with its variables."""

    prepared: Prepared
    operation: Operation
    variables: Variables
    input: InputVariables | None
    """The variables as read for a compiled query; None if compiled queries are off or the variables are invalid."""
    cost: int


class CompetentSchema(strawberry.Schema):
    """Strawberry's schema, with no null defaults for arguments whose Python default is None, and no logging of errors."""

    def __init__(
        self,
        query: type[Query],
        limits: Limits,
        introspection: bool,
        incremental: bool,
        compiled: bool,
        responses: ResponseCache | None,
    ) -> None:
        super().__init__(
            query,
            subscription=Subscription,
            types=list(CONCEPTS.values()),
            execution_context_class=YieldingExecutor,
            config=StrawberryConfig(
                scalar_map=SCALARS | ENTITY_SCALARS, enable_experimental_incremental_execution=incremental
            ),
        )
        self.core_schema = core_schema_of(self)
        """The schema as graphql-core executes it."""
        for kind in self.core_schema.type_map.values():
            _without_null_defaults(kind)
        use_plain_resolvers(self.core_schema)
        self._execute: Execute = experimental_execute_incrementally if incremental else execute
        self.limits = limits
        self.documents = Documents(self.core_schema, limits, introspection)
        self._compiled = CompiledQueries(self.core_schema, self.schema_converter) if compiled else None
        self._responses = ResponseCache(0) if responses is None else responses
        self.scheduler = RoundRobin(thread_time)
        self._parsing = PassBudget(PARSED_PER_PASS)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: Strawberry would log an excerpt of the query for each error."""

    def choose(
        self, query: str, variables: Variables | None, name: str | None, record: RequestContext
    ) -> ExecutableOperation | list[ErrorDict]:
        """Returns the operation to run, or the errors; adds its name, kind and cost to the request's record."""
        return self._operation(self.documents.prepare(query), variables, name, record)

    def _operation(
        self, prepared: Prepared, variables: Variables | None, name: str | None, record: RequestContext
    ) -> ExecutableOperation | list[ErrorDict]:
        if prepared.errors:
            return [each | {"extensions": dict(each["extensions"])} for each in prepared.errors]
        try:
            operation = prepared.operation(name)
            values = prepared.values(variables)
            cost = operation.cost.of(values)
            self.note(operation, cost, record)
            self._check(cost, variables)
        except (GraphQLError, QueryTooComplex) as error:
            return [
                format_error(error if isinstance(error, GraphQLError) else _located(error), "INTERNAL_SERVER_ERROR")
            ]
        read = operation.queries.variables(self.core_schema, values) if self._compiled is not None else None
        return ExecutableOperation(prepared, operation, variables or {}, read, cost)

    def note(self, operation: Operation, cost: int, record: RequestContext) -> None:
        """Add the operation's name, kind and cost to the request's record."""
        record.name, record.operation_type = operation.name, operation.kind
        record.cost, record.cost_allowed = cost, self.limits.cost

    def _check(self, cost: int, variables: Variables | None) -> None:
        if variables and (count := values_in(variables)) > self.limits.variable_values:
            raise exceeded("The variables have", count, "values", self.limits.variable_values)
        if cost > self.limits.cost:
            raise exceeded(
                "The operation costs",
                cost,
                "units",
                self.limits.cost,
                hint=" Use smaller pages, fewer ids, or fewer searches.",
            )

    async def answer(
        self, query: str, variables: Variables | None, operation_name: str | None, context: Context, **how: bool
    ) -> Answer:
        """Execute one operation; like `begin`, but awaits the result."""
        await self.parse_turn(query)
        begun = self.begin(query, variables, operation_name, context, **how)
        return begun if isinstance(begun, Answer) else await begun

    async def parse_turn(self, query: str) -> None:
        """Wait until this document may be parsed, if it is new; limits parsing per event-loop pass."""
        if not self.documents.has(query):
            await self._parsing.turn(len(query))

    def begin(
        self,
        query: str,
        variables: Variables | None,
        operation_name: str | None,
        context: Context,
        *,
        only_queries: bool = False,
        encoded: bool = False,
    ) -> Answer | Coroutine[object, None, Answer]:
        """Start one operation: returns its result if that needs no waiting, otherwise a coroutine.

        Raises MethodNotAllowed if `only_queries` is set and the operation is not a query. With `encoded`, the result may come
        from the response cache, or be cached there.
        """
        if only_queries and self.documents.prepare(query).kind(operation_name) not in (None, "query"):
            raise MethodNotAllowed
        chosen = self.choose(query, variables, operation_name, context.record)
        if isinstance(chosen, list):
            return Answer(None, chosen, False)
        if chosen.operation.kind == "subscription":
            return Answer(None, [format_error(GraphQLError(_SUBSCRIBES), "BAD_REQUEST")], False)
        key = self._cache_key(chosen, context.languages) if encoded else None
        cached = None if key is None else self._responses.get(key, context.loaders.now())
        if cached is not None:
            context.loaders.replay_dependencies(cached.read)
            return Answer(None, [], True, body=cached.body, kept=cached)
        execution = self._compiled_execution(chosen, context)
        if execution is None:
            return _in_time(self._executed(chosen, context), context)
        if execution.is_complete:
            return self._finished(execution, key)
        return _in_time(self._finish(execution, key, chosen, context), context)

    def prepared_query(
        self, query: str, variables: Variables | None, operation_name: str | None
    ) -> ExecutableOperation | None:
        """Returns a valid query, ready to run, if its document is cached; otherwise None, and `begin` handles the request."""
        prepared = self.documents.get_prepared(query)
        chosen = None if prepared is None else self._operation(prepared, variables, operation_name, RequestContext())
        return chosen if isinstance(chosen, ExecutableOperation) and chosen.operation.kind == "query" else None

    def execute_cached(self, chosen: ExecutableOperation, context: Context) -> Answer | None:
        """Returns the result if it needs no waiting and has no errors; otherwise None.

        The context has cache-only loaders, which raise CacheMiss.
        """
        self.note(chosen.operation, chosen.cost, context.record)
        execution = self._compiled_execution(chosen, context, only_compiled=True)
        if execution is None or not execution.is_complete:
            return None
        return self._finished(execution, self._cache_key(chosen, context.languages))

    def cached_response(
        self, chosen: ExecutableOperation, languages: tuple[Language, ...], now: float
    ) -> CachedResponse | None:
        """Returns the response from the response cache; `now` is the store's time."""
        key = self._cache_key(chosen, languages)
        return None if key is None else self._responses.get(key, now)

    def _cache_key(self, chosen: ExecutableOperation, languages: tuple[Language, ...]) -> CacheKey | None:
        if not self._responses.max_bytes or chosen.input is None or chosen.input.text is None:
            return None
        return chosen.operation.digest, chosen.input.text, languages

    def _compiled_execution(
        self, chosen: ExecutableOperation, context: Context, only_compiled: bool = False
    ) -> Execution | None:
        if self._compiled is None or chosen.input is None:
            return None
        queries, time_slice = chosen.operation.queries, self._time_slice(context)
        return self._compiled.begin(queries, chosen.input, context, time_slice, chosen.cost, only_compiled)

    async def _finish(
        self, execution: Execution, key: CacheKey | None, chosen: ExecutableOperation, context: Context
    ) -> Answer:
        try:
            await execution.finish()
            if execution.is_complete:
                return self._finished(execution, key)
            count(execution)  # documents and failures are cached by now, and the rest is loading
            return await self._executed(chosen, context)
        finally:
            execution.abandon()

    def _finished(self, execution: Execution, key: CacheKey | None) -> Answer:
        count(execution)
        cached = self._responses.store(key, execution.data, execution.loaders)
        if cached is None:
            return Answer(execution.data, [], True)
        return Answer(None, [], True, body=cached.body, kept=cached)

    async def _executed(self, chosen: ExecutableOperation, context: Context) -> Answer:
        """Execute with graphql-core: for operations without a compiled query, and to get the errors of failed ones."""
        result: Result = await await_maybe(
            self._execute(
                self.core_schema,
                chosen.prepared.as_written(),
                context_value=context,
                variable_values=chosen.variables,
                operation_name=chosen.operation.name or None,
                is_awaitable=optimized_is_awaitable,
                executor_class=self.execution_context_class,
                max_coercion_errors=10,
                time_slice=self._time_slice(context),
            )
        )
        if isinstance(result, ExperimentalIncrementalExecutionResults):
            return _in_parts(result, context)
        errors: list[GraphQLError] = result.errors or []
        if result.data is None and errors and all(error.path is None for error in errors):
            return Answer(None, [format_error(error, "BAD_USER_INPUT") for error in errors], False)  # invalid variables
        return Answer(result.data, format_execution_errors(errors, context.request_id), True)

    def _time_slice(self, context: Context) -> TimeSlice:
        return TimeSlice(self.scheduler, context.loaders.fetch_context.deadline)

    async def events(
        self, query: str, variables: Variables | None, operation_name: str | None, context: Context
    ) -> AsyncGenerator[Answer]:
        """Run a subscription: yields one result per event, or a single one with the errors if it cannot run."""
        context.scheduler = self.scheduler
        chosen = self.choose(query, variables, operation_name, context.record)
        if isinstance(chosen, list):
            yield Answer(None, chosen, False)
            return
        results: AsyncIterator[ExecutionResult] | ExecutionResult = await await_maybe(
            subscribe(
                self.core_schema,
                chosen.prepared.as_written(),
                context_value=context,
                variable_values=chosen.variables,
                operation_name=chosen.operation.name or None,
                executor_class=self.execution_context_class,
            )
        )
        if isinstance(results, ExecutionResult):
            yield Answer(None, format_execution_errors(results.errors or [], context.request_id), False)
            return
        assert isinstance(results, AsyncGenerator)
        async with aclosing(results):
            try:
                async for result in results:
                    yield Answer(result.data, format_execution_errors(result.errors or [], context.request_id), True)
            except Exception as error:
                failure = GraphQLError(str(error), original_error=error)
                yield Answer(None, format_execution_errors([failure], context.request_id), True)


def _in_parts(results: ExperimentalIncrementalExecutionResults, context: Context) -> Answer:
    initial = results.initial_result
    errors = format_execution_errors(initial.errors or [], context.request_id)
    pending = [dict(each.formatted) for each in initial.pending]
    later = _later(results.subsequent_results, {str(each["id"]) for each in pending}, LaterErrors(len(errors)), context)
    return Answer(initial.data, errors, True, pending, later)


async def _later(
    payloads: AsyncGenerator[SubsequentIncrementalExecutionResult],
    open_ids: set[str],
    listing: LaterErrors,
    context: Context,
) -> AsyncGenerator[JsonObject]:
    """Yields the payloads in response format; what is not ready soon after the deadline is completed with an error."""
    async with aclosing(payloads):
        try:
            async for payload in _each_in_time(payloads, context):
                told: JsonObject = dict(payload.formatted)
                for name, each in (("incremental", payload.incremental), ("completed", payload.completed)):
                    for item, part in zip(told.get(name, ()), each or (), strict=True):
                        if part.errors:
                            # `completed` with errors means failure, and is the only sign of it that a client gets.
                            listed = listing.of(part.errors, at_least_one=name == "completed")
                            item["errors"] = format_execution_errors(listed, context.request_id)
                            if not listed:
                                del item["errors"]
                open_ids |= {each["id"] for each in told.get("pending", ())}
                open_ids -= {each["id"] for each in told.get("completed", ())}
                yield told
        except TimeoutError:
            errors = format_execution_errors([_OUT_OF_TIME], context.request_id)
            yield {"completed": [{"id": id, "errors": errors} for id in sorted(open_ids)], "hasNext": False}


async def _each_in_time(
    payloads: AsyncGenerator[SubsequentIncrementalExecutionResult], context: Context
) -> AsyncGenerator[SubsequentIncrementalExecutionResult]:
    while True:
        async with asyncio.timeout_at(_end(context)):
            payload = await anext(payloads, None)
        if payload is None:
            return
        yield payload


def _end(context: Context) -> float | None:
    """Returns when an execution is cancelled, on the event loop's clock; None for never."""
    deadline: float = context.loaders.fetch_context.deadline
    return None if deadline == math.inf else deadline + GRACE


async def _in_time(execution: Coroutine[object, None, Answer], context: Context) -> Answer:
    """Await an execution; GRACE seconds after its deadline, it is cancelled and returns an error without data."""
    try:
        async with asyncio.timeout_at(_end(context)):
            return await execution
    except TimeoutError:
        return Answer(None, format_execution_errors([_OUT_OF_TIME], context.request_id), True)


def _located(error: CompetentError) -> GraphQLError:
    return GraphQLError(str(error), original_error=error)


_OUT_OF_TIME = _located(OperationTimeout("The operation timed out. Request fewer fields or items, or try again."))


def _without_null_defaults(kind: Any) -> None:
    """Remove the null default that Strawberry gives to optional arguments and input fields."""
    fields = getattr(kind, "fields", {}).values()
    takers = (
        fields
        if is_input_object_type(kind)
        else [each for field in fields for each in getattr(field, "args", {}).values()]
    )
    for taker in takers:
        if taker.default_value is None:
            taker.default_value = Undefined


def build_schema(
    limits: Limits = DEFAULTS,
    *,
    introspection: bool = True,
    federation: bool = False,
    incremental: bool = False,
    compiled: bool = False,
    responses: ResponseCache | None = None,
) -> CompetentSchema:
    """Build the schema: `federation` adds the fields for a router, `incremental` adds `@defer` and `@stream`.

    With `compiled`, operations run as compiled queries, and `responses` caches their responses; otherwise on graphql-core alone.
    """
    return CompetentSchema(
        SubgraphQuery if federation else Query, limits, introspection, incremental, compiled, responses
    )
