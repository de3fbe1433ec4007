"""One operation of a connection that stays: a query gives one answer, a subscription one for each event.

A query waits for its place like one over HTTP; a subscription holds none while it waits for news.
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
"""Holds a place among the operations that run at once; raises Unavailable where there is none."""


@dataclass(frozen=True, slots=True)
class StreamingExecutor:
    """Runs operations for connections, with what the endpoint has: the schema, documents and deadlines."""

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
        """What the operation gives, in the `seconds` that its client has asked for; raises Refused where it cannot be run."""
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
            context.loaders.close()  # ends the calls that only this operation waited for
