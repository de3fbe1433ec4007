"""Runs operations of WebSockets and event streams: a query yields one response, a subscription one per event.

A query takes a slot as over HTTP; a subscription holds none while it waits for events.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

from graphql_api.asyncio_tools import Broadcast
from graphql_api.execution.engine import Answer
from graphql_api.http.graphql import Context, Endpoint, Operation
from graphql_api.http.graphql.multipart import needs_parts
from graphql_api.observability.request_context import RequestContext
from graphql_api.schema.types.text import Language

Place = Callable[[RequestContext], AbstractAsyncContextManager[None]]
"""Context manager that holds a slot for an operation; raises ServiceUnavailable if none is free in time."""


@dataclass(frozen=True, slots=True)
class StreamingExecutor:
    """Runs streaming operations with the schema, documents and timeouts of the endpoint."""

    endpoint: Endpoint
    published: Broadcast
    place: Place

    async def answers(
        self,
        operation: Operation,
        languages: tuple[Language, ...],
        record: RequestContext,
        seconds: float | None = None,
    ) -> AsyncGenerator[Answer]:
        """Run an operation and yield its responses; raises HTTPError if it cannot be executed.

        `seconds` is the timeout of the operation or of each event; None means the endpoint's.
        """
        documents = self.endpoint.documents
        query = documents.text_of(operation)
        seconds = self.endpoint.operation_timeout if seconds is None else seconds
        loaders = self.endpoint.loaders_for(record, seconds)
        context = Context(loaders, languages, record, self.published, self.endpoint.make_loaders, seconds)
        record.texts = {"document": query, "variables": operation.variables}
        asked = (query, operation.variables, operation.operation_name, context)
        try:
            async with self.place(record):
                answer = await self.endpoint.schema.answer(*asked)
            if answer.later is not None:
                await answer.later.aclose()
                raise needs_parts()
            if record.kind != "subscription":
                if answer.executed:
                    documents.executed(operation, query)
                yield answer
                return
            async with aclosing(self.endpoint.schema.events(*asked)) as events:
                async for event in events:
                    yield event
        finally:
            context.loaders.close()  # cancels upstream calls that only this operation waits for
