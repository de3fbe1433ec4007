"""The GraphQL endpoint as an ASGI app."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.execution.compiled import CachedResponse
from graphql_api.execution.context import Context
from graphql_api.execution.engine import Answer, CompetentSchema, MethodNotAllowed
from graphql_api.http.content_negotiation import accepted_languages, gzip_from
from graphql_api.http.graphql.cache_control import NO_STORE, CachePolicy
from graphql_api.http.graphql.errors import ClientLeft, HTTPError
from graphql_api.http.graphql.multipart import multipart_response
from graphql_api.http.graphql.persisted_queries import Documents
from graphql_api.http.graphql.request import Operation, operation_of, seconds_for
from graphql_api.http.graphql.request_cache import ParsedRequest
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
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.request_context import RequestContext, record_of, text_in
from graphql_api.schema.cached_loaders import CacheOnlyLoaders
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.text import Language


async def cancel_on_disconnect(receive: Receive, work: Awaitable[Answer]) -> Answer:
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

    schema: CompetentSchema
    make_loaders: Callable[[FetchContext], Loaders]
    documents: Documents
    cache_policy: CachePolicy
    max_body_bytes: int
    operation_timeout: float
    operation_calls: float
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
        query = self.documents.text_of(operation)
        is_post = scope["method"] == "POST"
        loaders = self.loaders_for(record, seconds_for(record.head, self.operation_timeout))
        try:
            result = await self._execute(query, operation, record, loaders, receive, only_queries=not is_post)
        except BaseException:
            loaders.close()
            raise
        if result.executed:
            self.documents.store_executed(operation, query)
        explain = record.head.get(b"x-competent-explain") == b"1"
        if result.later is not None:
            return await multipart_response(result, record, explain, loaders.close)
        loaders.close()
        return self._reply(self._encode(result, query, record, media_type, explain), record, is_get=not is_post)

    def _encode(
        self, result: Answer, query: str, record: RequestContext, media_type: str, explain: bool
    ) -> EncodedResponse:
        body = encode_body(result, record, explain)
        entry = result.kept if body is result.body else None
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

    def respond_cached(
        self,
        parsed: ParsedRequest,
        record: RequestContext,
        media_type: str,
        languages: tuple[Language, ...],
        loaders: CacheOnlyLoaders,
    ) -> EncodedResponse | None:
        """The response to a parsed request if it can be made from cached documents without waiting.

        Returns None if the request needs the ordinary path. Raises CacheMiss if a document is not cached.
        """
        result = self.schema.execute_cached(parsed.executable, Context(loaders, languages, record))
        return None if result is None else self._encode(result, parsed.query, record, media_type, explain=False)

    def respond_from_cache(
        self, cached: CachedResponse, parsed: ParsedRequest, record: RequestContext, media_type: str
    ) -> EncodedResponse:
        """The response from a result that is already encoded."""
        result = Answer(None, [], True, body=cached.body, kept=cached)
        return self._encode(result, parsed.query, record, media_type, explain=False)

    def on_cached_response(self, parsed: ParsedRequest) -> None:
        """Call after a cached response was served: marks its document as used and stores its persisted query."""
        self.schema.documents.get_prepared(parsed.query)  # it is used
        self.documents.store_executed(parsed.operation, parsed.query)

    def loaders_for(self, record: RequestContext, seconds: float) -> Loaders:
        """New loaders for an operation, with a deadline `seconds` from now and the maximum number of upstream calls."""
        fetch_context = record.fetch_context
        fetch_context.deadline = asyncio.get_running_loop().time() + seconds
        fetch_context.max_requests = self.operation_calls
        return self.make_loaders(fetch_context)

    async def _execute(
        self,
        query: str,
        operation: Operation,
        record: RequestContext,
        loaders: Loaders,
        receive: Receive,
        *,
        only_queries: bool,
    ) -> Answer:
        record.document_fields = {"document": query, "variables": operation.variables}
        languages = accepted_languages(text_in(record.head, b"accept-language"))
        context = Context(loaders, languages, record)
        arguments = (query, operation.variables, operation.operation_name, context)
        await self.schema.parse_turn(query)
        try:
            result = self.schema.begin(*arguments, only_queries=only_queries, encoded=True)
            return result if isinstance(result, Answer) else await cancel_on_disconnect(receive, result)
        except MethodNotAllowed:
            raise HTTPError(405, "GET supports queries only; use POST.", allow="POST") from None
