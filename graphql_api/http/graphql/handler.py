"""The GraphQL endpoint as an ASGI app."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import assert_never

from graphql import GraphQLError
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.asyncio_tools import Completed, cancel_and_wait
from graphql_api.execution.engine import Engine
from graphql_api.execution.error_formatting import format_error
from graphql_api.execution.operations import EventStream, Executed, Incremental, Refused, Request, Response, Result
from graphql_api.execution.personal_text import POST_ONLY, may_contain_personal_text, takes_personal_text
from graphql_api.execution.response_cache import CachedResponse
from graphql_api.http.content_negotiation import accepted_languages, gzip_from
from graphql_api.http.graphql.cache_control import NO_STORE, CachePolicy
from graphql_api.http.graphql.errors import ClientLeft, HTTPError
from graphql_api.http.graphql.multipart import multipart_response
from graphql_api.http.graphql.persisted_queries import PersistedQueries
from graphql_api.http.graphql.request import OperationRequest, operation_of, seconds_for
from graphql_api.http.graphql.response import (
    JSON,
    STATUSES,
    EncodedResponse,
    Reply,
    StatusPolicy,
    build_response,
    encode_body,
    error_response,
    gzip_response,
    negotiate,
    not_modified,
)
from graphql_api.observability.request_context import RequestContext, record_of, text_in
from graphql_api.schema.types.text import Language

_SUBSCRIPTION = "Subscriptions need a WebSocket or an event stream (`Accept: text/event-stream`)."


async def cancel_on_disconnect(receive: Receive, work: Awaitable[Response]) -> Response:
    """Returns the result of `work`; cancels it and raises ClientLeft if the client disconnects first.

    The request body must have been read.
    """
    task, disconnect = asyncio.ensure_future(work), asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientLeft
        return task.result()
    finally:
        await cancel_and_wait((disconnect, task))


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Handles GET and POST on `/graphql`; responds to any other method with 405 in JSON."""

    engine: Engine
    documents: PersistedQueries
    cache_policy: CachePolicy
    max_body_bytes: int
    operation_timeout: float
    statuses: StatusPolicy = STATUSES["audits"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI app; every method ends up here."""
        record = record_of(scope)
        media_type = JSON
        reply: ASGIApp
        try:
            media_type = negotiate(text_in(record.head, b"accept"))
            reply = await self._respond(scope, receive, record, media_type)
        except HTTPError as refusal:
            status, media_type = self.statuses.for_error(media_type, refusal)
            reply = error_response(refusal, media_type, record, status)
        await reply(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, record: RequestContext, media_type: str) -> ASGIApp:
        operation = await operation_of(scope, receive, self.max_body_bytes)
        languages = accepted_languages(text_in(record.head, b"accept-language"))
        seconds = seconds_for(record.head, self.operation_timeout)
        is_get = scope["method"] != "POST"
        request = self.request_for(operation, languages, record, seconds, is_post=not is_get)
        started = self.engine.execute(request)
        response = started.result if isinstance(started, Completed) else await cancel_on_disconnect(receive, started)
        if is_get and _operation_type(response, record) not in (None, "query"):
            raise HTTPError(405, "GET supports queries only; use POST.", allow="POST")
        if is_get and record.is_personal:
            raise HTTPError(405, POST_ONLY, allow="POST")
        explain = record.head.get(b"x-competent-explain") == b"1"
        if explain and (costs := await self.engine.explain(request, response)) is not None:
            record.cost_actual, record.cost_fields = costs.actual, [field._asdict() for field in costs.fields]
        match response:
            case EventStream():
                result: Result = Refused([format_error(GraphQLError(_SUBSCRIPTION), "BAD_REQUEST")])
            case Incremental():
                self.documents.store_executed(operation, request.query)
                return await multipart_response(response, record, explain)
            case Refused():
                result = response
            case Executed() | CachedResponse():
                self.documents.store_executed(operation, request.query)
                result = response
            case _:
                assert_never(response)
        return self._reply(self.encode(result, request.query, record, media_type, explain), record, is_get=is_get)

    def request_for(
        self,
        operation: OperationRequest,
        languages: tuple[Language, ...],
        record: RequestContext,
        seconds: float,
        *,
        is_post: bool,
    ) -> Request:
        """The request to execute an operation, with its persisted document; raises HTTPError if that is unknown."""
        query = self.documents.text_of(operation)
        if not takes_personal_text(query) and not may_contain_personal_text(query):
            record.document_fields = {"document": query, "variables": operation.variables}
        return Request(query, operation.variables, operation.operation_name, languages, record, seconds, is_post)

    def encode(
        self, result: Result, query: str, record: RequestContext, media_type: str, explain: bool = False
    ) -> EncodedResponse:
        """The encoded response; records its outcome in `record`."""
        body = encode_body(result, record, explain)
        entry = result if isinstance(result, CachedResponse) and result.body is body else None
        cache_control = self.cache_policy.header_for(record, query, explain)
        return EncodedResponse(body, *self.statuses.for_result(media_type, record), cache_control, entry)

    def _reply(self, encoded: EncodedResponse, record: RequestContext, *, is_get: bool) -> Reply:
        reply = build_response(encoded, record)
        if is_get and encoded.cache_control != NO_STORE:
            reply.headers.append((b"etag", encoded.tag.encode()))
            if encoded.is_current_for(record.head):
                return not_modified(reply)
        if encoded.cache_entry is not None and len(encoded.body) >= gzip_from(record.head):
            return reply if encoded.cache_entry.gzipped is None else gzip_response(reply, encoded.cache_entry.gzipped)
        return reply


def _operation_type(response: Response, record: RequestContext) -> str | None:
    return response.operation_type if isinstance(response, Refused) else record.operation_type
