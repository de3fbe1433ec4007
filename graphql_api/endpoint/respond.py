"""The endpoint itself: a request in, a response out, whatever comes in."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.endpoint.answer import answered, refused
from graphql_api.endpoint.caching import Caching, conditional
from graphql_api.endpoint.context import Context
from graphql_api.endpoint.deadline import seconds_for
from graphql_api.endpoint.documents import Documents
from graphql_api.endpoint.incremental import in_parts
from graphql_api.endpoint.leaving import while_present
from graphql_api.endpoint.negotiation import JSON, negotiate
from graphql_api.endpoint.operation import Operation, operation_of
from graphql_api.endpoint.refusal import Refused
from graphql_api.fetching import Asker
from graphql_api.loaders import Loaders
from graphql_api.record import Record, record_of
from graphql_api.schema import Answer, CompetentSchema, OnlyQueries
from graphql_api.types.text import accepted


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers GET and POST on `/graphql`, and refuses any other method in JSON."""

    schema: CompetentSchema
    make_loaders: Callable[[Asker], Loaders]
    documents: Documents
    caching: Caching
    max_body_bytes: int
    operation_timeout: float
    operation_calls: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI app, which gets every method."""
        await (await self.respond(Request(scope, receive)))(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        """The answer to a request."""
        record = record_of(request.scope)
        media_type = JSON
        try:
            media_type = negotiate(request.headers.get("accept", ""))
            return await self._respond(request, record, media_type)
        except Refused as refusal:
            return refused(refusal, media_type, record)

    async def _respond(self, request: Request, record: Record, media_type: str) -> Response:
        operation = await operation_of(request, self.max_body_bytes)
        query = self.documents.text_of(operation)
        loaders = self._loaders(request, record)
        try:
            answer = await self._answer(query, operation, request, record, loaders)
        except BaseException:
            loaders.close()
            raise
        if answer.executed:
            self.documents.executed(operation, query)
        explain = request.headers.get("x-competent-explain") == "1"
        if answer.later is not None:
            return await in_parts(answer, request, record, explain, loaders.close)
        response = answered(answer, media_type, record, explain)
        response.headers.update(self.caching.headers(record, request, query, explain))
        kept = request.method != "POST" and response.headers["Cache-Control"] != "no-store"
        return conditional(response, request.headers) if kept else response

    def _loaders(self, request: Request, record: Record) -> Loaders:
        seconds = seconds_for(request.headers.get("x-competent-timeout"), self.operation_timeout)
        deadline = asyncio.get_running_loop().time() + seconds
        record.asker = replace(record.asker, deadline=deadline, most_requests=self.operation_calls)
        return self.make_loaders(record.asker)

    async def _answer(
        self, query: str, operation: Operation, request: Request, record: Record, loaders: Loaders
    ) -> Answer:
        record.texts = {"query": query, "variables": operation.variables}
        context = Context(loaders, accepted(request.headers.get("accept-language", "")), record)
        only_queries = request.method != "POST"
        answering = self.schema.answer(
            query, operation.variables, operation.operation_name, context, only_queries=only_queries
        )
        try:
            return await while_present(request.receive, answering)
        except OnlyQueries:
            raise Refused(405, "By GET only a query can be asked; use POST.", allow="POST") from None
