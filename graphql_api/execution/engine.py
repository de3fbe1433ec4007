"""Executes operations: the one entry for HTTP, streaming, the pages and the fast path.

A document is prepared (`documents.py`), its operation selected, and its cost with the variables checked against the limits; only
then are fields resolved: from the response cache, by a compiled query, or by graphql-core. Every error in a response has a code.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from time import thread_time
from typing import Protocol

from graphql import GraphQLError, get_operation_ast
from graphql.execution.values import get_variable_values

from graphql_api.asyncio_tools import Broadcast, Completed
from graphql_api.execution.compiled.execution import Execution
from graphql_api.execution.compiled.queries import CompiledQueries, count
from graphql_api.execution.context import Context
from graphql_api.execution.cost import Breakdown, costs_by_field
from graphql_api.execution.documents import Documents, NewDocument, Prepared, ValidDocument
from graphql_api.execution.error_formatting import format_error
from graphql_api.execution.graphql_core import GraphQLCore, end_of, timeout_errors
from graphql_api.execution.limits import DEFAULTS, Limits
from graphql_api.execution.operations import (
    EventStream,
    Executed,
    Incremental,
    Refused,
    Request,
    Response,
    Variables,
    decoded,
)
from graphql_api.execution.personal_text import POST_ONLY, without_values
from graphql_api.execution.response_cache import CachedResponse, CacheKey, ResponseCache
from graphql_api.execution.schema import CompetentSchema
from graphql_api.execution.selection import ExecutableOperation, Selector
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.request_context import RequestContext
from graphql_api.schema.cached_loaders import CacheOnlyLoaders
from graphql_api.schema.dependencies import Dependencies
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.time_slices import PassBudget, RoundRobin
from graphql_api.schema.types.text import Language
from graphql_api.store import Store

PARSED_PER_PASS = 4_000
"""Maximum characters of new documents parsed per event-loop pass; a longer document gets a pass of its own."""


class Sources(Protocol):
    """Where the data of operations comes from."""

    store: Store
    published: Broadcast

    def loaders(self, context: FetchContext) -> Loaders:
        """New loaders for one operation."""

    def cache_only_loaders(self, context: FetchContext) -> CacheOnlyLoaders:
        """New loaders for one operation that raise CacheMiss instead of waiting."""

    def record_reuse(self, dependencies: Dependencies, context: FetchContext) -> None:
        """Count the documents of a cached response as used."""


class Engine:
    """Executes the operations of one schema.

    With `compiled`, queries run as compiled queries, and `responses` caches their responses; otherwise on graphql-core alone.
    """

    def __init__(
        self,
        schema: CompetentSchema,
        sources: Sources,
        limits: Limits = DEFAULTS,
        *,
        introspection: bool = True,
        compiled: bool = True,
        responses: ResponseCache | None = None,
        max_upstream_calls: float = math.inf,
    ) -> None:
        self.schema = schema
        self._sources = sources
        self.documents = Documents(schema.core_schema, limits, introspection)
        self._selector = Selector(schema.core_schema, limits, compiled)
        self._graphql_core = GraphQLCore(schema)
        self._compiled = CompiledQueries(schema) if compiled else None
        self._responses = ResponseCache(0) if responses is None else responses
        self._max_upstream_calls = max_upstream_calls
        self.scheduler = RoundRobin(thread_time)
        self._parsing = PassBudget(PARSED_PER_PASS)

    def execute(self, request: Request) -> Completed[Response] | Coroutine[object, None, Response]:
        """Execute one operation; the awaitable is `Completed` if nothing has to be awaited."""
        fetch_context = request.record.fetch_context
        fetch_context.deadline = asyncio.get_running_loop().time() + request.seconds
        fetch_context.max_requests = self._max_upstream_calls
        document = self.documents.find(request.query)
        if isinstance(document, NewDocument):
            if not self._parsing.admits(len(request.query)):
                return self._execute_in_turn(request)
            document = self.documents.add(document)
        return self._execute(document, request)

    async def _execute_in_turn(self, request: Request) -> Response:
        await self._parsing.turn(len(request.query))
        return await self._execute(self.documents.prepare(request.query), request)

    def _execute(self, document: Prepared, request: Request) -> Completed[Response] | Coroutine[object, None, Response]:
        selected = self._selector.select(document, request.variables, request.operation_name, request.record)
        if isinstance(selected, Refused):
            return Completed(selected)
        if selected.operation.is_personal and (selected.operation.type != "query" or not request.is_post):
            return Completed(Refused([format_error(GraphQLError(POST_ONLY), "BAD_REQUEST")], selected.operation.type))
        if request.record.charge is not None:
            return self._charged(request.record.charge, selected, request)
        return self._respond(selected, request)

    async def _charged(
        self, charge: Callable[[int], Awaitable[None]], selected: ExecutableOperation, request: Request
    ) -> Response:
        await charge(selected.cost)
        return await self._respond(selected, request)

    def _respond(
        self, selected: ExecutableOperation, request: Request
    ) -> Completed[Response] | Coroutine[object, None, Response]:
        if selected.operation.type == "subscription":
            return Completed(self._event_stream(selected, request))
        key = self._cache_key(selected, request.languages)
        cached = self._cached(key, request.record)
        if cached is not None:
            return Completed(cached)
        context = self._context(request, self._sources.loaders(request.record.fetch_context))
        execution = self._begin(selected, context)
        if execution is not None and execution.is_complete:
            response = self._finished(execution, key)
            context.loaders.close()
            return Completed(response)
        return self._in_time(self._finish(selected, execution, key, context), context)

    async def validate(self, request: Request) -> ExecutableOperation | Refused:
        """Returns an operation that could be executed, or the errors for which it would be refused; resolves no field."""
        document = self.documents.find(request.query)
        if isinstance(document, NewDocument):
            if not self._parsing.admits(len(request.query)):
                await self._parsing.turn(len(request.query))
            document = self.documents.prepare(request.query)
        selected = self._selector.select(document, request.variables, request.operation_name, request.record)
        if isinstance(selected, Refused):
            return selected
        operation = get_operation_ast(selected.document.as_written(), request.operation_name)
        assert operation is not None, "it was selected"
        values = get_variable_values(
            self.schema.core_schema, operation.variable_definitions or (), dict(selected.variables)
        )
        if isinstance(values, list):
            return Refused([format_error(error, "BAD_USER_INPUT") for error in values], selected.operation.type)
        return selected

    async def explain(self, request: Request, response: Response) -> Breakdown | None:
        """Returns the cost of an executed or refused operation by field; None if it is invalid, or has too many fields."""
        document = self.documents.find(request.query)
        if not isinstance(document, ValidDocument):
            return None
        source = document.as_written()
        operation = get_operation_ast(source, request.operation_name)
        if operation is None:
            return None
        variables = document.operation(request.operation_name).cost.values(request.variables)
        match response:
            case Executed(data=data):
                pass
            case Refused():
                data = {}
            case CachedResponse():
                data = decoded(response).data
            case _:
                data = None
        return await asyncio.to_thread(costs_by_field, self.documents.costing, source, operation, variables, data)

    # For the fast path, which answers without waiting or not at all

    def find_operation(
        self, query: str, variables: Variables | None, operation_name: str | None
    ) -> ExecutableOperation | None:
        """Returns a valid query, ready for `execute_cached`, if its document is prepared; otherwise None."""
        document = self.documents.find(query)
        if isinstance(document, NewDocument):
            return None
        selected = self._selector.select(document, variables, operation_name, RequestContext())
        if isinstance(selected, Refused) or selected.operation.type != "query" or selected.operation.is_personal:
            return None
        return selected

    def execute_cached(
        self, selected: ExecutableOperation, languages: tuple[Language, ...], record: RequestContext
    ) -> Executed | CachedResponse | None:
        """Returns the response if it is without errors, and needs no waiting and no compilation; otherwise None.

        Raises CacheMiss if a document is not in memory. In both cases, nothing is counted.
        """
        self._selector.note(selected.operation, selected.cost, record)
        key = self._cache_key(selected, languages)
        response: Executed | CachedResponse | None = self._cached(key, record)
        if response is None:
            loaders = self._sources.cache_only_loaders(record.fetch_context)
            context = Context(loaders, languages, record, scheduler=self.scheduler)
            execution = self._begin(selected, context, only_compiled=True)
            if execution is None or not execution.is_complete:
                return None
            response = self._finished(execution, key)
            loaders.close()
        self.documents.touch(selected.document)
        return response

    # What both need

    def _cache_key(self, selected: ExecutableOperation, languages: tuple[Language, ...]) -> CacheKey | None:
        if not self._responses.max_bytes or selected.operation.is_personal:
            return None
        if selected.input is None or selected.input.text is None:
            return None
        return selected.operation.digest, selected.input.text, languages

    def _cached(self, key: CacheKey | None, record: RequestContext) -> CachedResponse | None:
        cached = None if key is None else self._responses.get(key, self._sources.store.now())
        if cached is not None:
            self._sources.record_reuse(cached.read, record.fetch_context)
        return cached

    def _context(self, request: Request, loaders: Loaders) -> Context:
        return Context(
            loaders,
            request.languages,
            request.record,
            self._sources.published,
            self._sources.loaders,
            request.seconds,
            self.scheduler,
            admit_event=request.admit_event,
        )

    def _event_stream(self, selected: ExecutableOperation, request: Request) -> EventStream:
        context = self._context(request, self._sources.loaders(request.record.fetch_context))
        name = selected.operation.name
        return EventStream(self._graphql_core.events(selected.document.as_written(), selected.variables, name, context))

    def _begin(self, selected: ExecutableOperation, context: Context, only_compiled: bool = False) -> Execution | None:
        if self._compiled is None or selected.input is None:
            return None
        return self._compiled.begin(selected.operation.queries, selected.input, context, selected.cost, only_compiled)

    async def _finish(
        self, selected: ExecutableOperation, execution: Execution | None, key: CacheKey | None, context: Context
    ) -> Response:
        if execution is not None:
            try:
                await execution.finish()
                if execution.is_complete:
                    return self._finished(execution, key)
                count(execution)  # documents and failures are cached by now, and the rest is loading
                return await self._on_graphql_core(selected, context)
            finally:
                execution.abandon()
        return await self._on_graphql_core(selected, context)

    async def _on_graphql_core(self, selected: ExecutableOperation, context: Context) -> Response:
        document, name = selected.document.as_written(), selected.operation.name
        response = await self._graphql_core.execute(document, selected.variables, name, context)
        return without_values(response) if selected.operation.is_personal else response

    def _finished(self, execution: Execution, key: CacheKey | None) -> Executed | CachedResponse:
        count(execution)
        return self._responses.store(key, execution.data, execution.loaders) or Executed(execution.data, [])

    async def _in_time(self, execution: Coroutine[object, None, Response], context: Context) -> Response:
        """Await an execution; some time after its deadline, it is cancelled and returns an error without data."""
        response: Response | None = None
        try:
            async with asyncio.timeout_at(end_of(context)):
                response = await execution
        except TimeoutError:
            response = Executed(None, timeout_errors(context))
        finally:
            if not isinstance(response, Incremental):
                context.loaders.close()
        return response
