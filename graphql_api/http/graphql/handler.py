"""The GraphQL endpoint as an ASGI app, and the execution context of its operations."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.asyncio_tools import Broadcast, ended
from graphql_api.execution.engine import Answer, CompetentSchema, MethodNotAllowed
from graphql_api.execution.plan import Whole
from graphql_api.http.content_negotiation import accepted, gzip_from
from graphql_api.http.graphql.cache_control import NOT_STORED, Caching
from graphql_api.http.graphql.errors import ClientLeft, HTTPError
from graphql_api.http.graphql.multipart import in_parts
from graphql_api.http.graphql.persisted_queries import Documents
from graphql_api.http.graphql.request import Operation, operation_of, seconds_for
from graphql_api.http.graphql.request_cache import ParsedRequest
from graphql_api.http.graphql.response import (
    JSON,
    STATUSES,
    EncodedResponse,
    Reply,
    StatusPolicy,
    compressed,
    encoded,
    negotiate,
    refused,
    replied,
    unchanged,
)
from graphql_api.observability.fetch_context import FetchContext, FetchStats
from graphql_api.observability.request_context import RequestContext, record_of, text_in
from graphql_api.schema.cached_loaders import CacheOnlyLoaders
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.time_slices import RoundRobin, TimeSlice
from graphql_api.schema.types.text import Language

T = TypeVar("T")


async def while_present(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Returns the result of `work`; cancels it and raises ClientLeft if the client disconnects first.

    The request body must have been read.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        await ended((leaving, working))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_NO_NEWS = Broadcast()


async def _admit() -> None: ...


@dataclass(slots=True)
class Context:
    """The context of one GraphQL operation; all its fetches share one FetchContext."""

    loaders: Loaders
    languages: tuple[Language, ...]
    record: RequestContext = field(default_factory=RequestContext)
    published: Broadcast = _NO_NEWS
    """Broadcasts new releases to subscriptions."""
    make_loaders: Callable[[FetchContext], Loaders] | None = None
    seconds: float = math.inf
    """Timeout in seconds of the operation, or of each event of a subscription."""
    scheduler: RoundRobin = field(default_factory=RoundRobin)
    """Shares the event loop among the events of subscriptions."""
    event_slice: TimeSlice | None = None
    """The time slice of the event being executed."""
    admit_event: Callable[[], Awaitable[None]] = _admit
    """Waits until the next event may be executed."""

    async def begin_event(self) -> Loaders:
        """New loaders for the next event of a subscription, once it is admitted, with a new deadline and new counts."""
        await self.admit_event()
        if self.make_loaders is None:
            return self.loaders
        deadline = asyncio.get_running_loop().time() + self.seconds
        self.event_slice = TimeSlice(self.scheduler, deadline)
        return self.make_loaders(replace(self.asker, deadline=deadline, stats=FetchStats(), wait_guard=nullcontext))

    @property
    def request_id(self) -> str:
        """The id of this request in the log."""
        return self.record.request_id

    @property
    def asker(self) -> FetchContext:
        """The FetchContext of this operation: deadline, upstream key and counts."""
        return self.record.fetch_context


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Handles GET and POST on `/graphql`; responds to any other method with 405 in JSON."""

    schema: CompetentSchema
    make_loaders: Callable[[FetchContext], Loaders]
    documents: Documents
    caching: Caching
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
            reply = await self._answered(scope, receive, record, media_type)
        except HTTPError as refusal:
            status, media_type = self.statuses.of_refusal(media_type, refusal)
            reply = refused(refusal, media_type, record, status)
        await reply(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, record: RequestContext, media_type: str) -> ASGIApp:
        operation = await operation_of(scope, receive, self.max_body_bytes)
        query = self.documents.text_of(operation)
        by_post = scope["method"] == "POST"
        loaders = self.loaders_for(record, seconds_for(record.head, self.operation_timeout))
        try:
            answer = await self._answer(query, operation, record, loaders, receive, only_queries=not by_post)
        except BaseException:
            loaders.close()
            raise
        if answer.executed:
            self.documents.executed(operation, query)
        explain = record.head.get(b"x-competent-explain") == b"1"
        if answer.later is not None:
            return await in_parts(answer, record, explain, loaders.close)
        loaders.close()
        return self._reply(self._encoded(answer, query, record, media_type, explain), record, by_get=not by_post)

    def _encoded(
        self, answer: Answer, query: str, record: RequestContext, media_type: str, explain: bool
    ) -> EncodedResponse:
        body = encoded(answer, record, explain)
        kept = answer.kept if body is answer.body else None
        control = self.caching.control(record, query, explain)
        return EncodedResponse(body, *self.statuses.of_answer(media_type, record), control, kept)

    def _reply(self, told: EncodedResponse, record: RequestContext, *, by_get: bool) -> Reply:
        reply = replied(told, record)
        if by_get and told.control != NOT_STORED:
            reply.headers.append((b"etag", told.tag.encode()))
            if told.is_held_by(record.head):
                return unchanged(reply)
        if told.kept is not None and len(told.body) >= gzip_from(record.head):
            return reply if told.kept.gzipped is None else compressed(reply, told.kept.gzipped)
        return reply

    def respond_cached(
        self,
        question: ParsedRequest,
        record: RequestContext,
        media_type: str,
        languages: tuple[Language, ...],
        loaders: CacheOnlyLoaders,
    ) -> EncodedResponse | None:
        """The response to a parsed request if it can be made from cached documents without waiting.

        Returns None if the request needs the ordinary path. Raises CacheMiss if a document is not cached.
        """
        answer = self.schema.execute_cached(question.chosen, Context(loaders, languages, record))
        return None if answer is None else self._encoded(answer, question.query, record, media_type, explain=False)

    def again(self, whole: Whole, question: ParsedRequest, record: RequestContext, media_type: str) -> EncodedResponse:
        """The response from a result that is already encoded."""
        answer = Answer(None, [], True, body=whole.body, kept=whole.kept)
        return self._encoded(answer, question.query, record, media_type, explain=False)

    def answered(self, question: ParsedRequest) -> None:
        """Call after a cached response was served: marks its document as used and stores its persisted query."""
        self.schema.documents.get_prepared(question.query)  # it is used
        self.documents.executed(question.operation, question.query)

    def loaders_for(self, record: RequestContext, seconds: float) -> Loaders:
        """New loaders for an operation, with a deadline `seconds` from now and the maximum number of upstream calls."""
        asker = record.fetch_context
        asker.deadline = asyncio.get_running_loop().time() + seconds
        asker.max_requests = self.operation_calls
        return self.make_loaders(asker)

    async def _answer(
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
        languages = accepted(text_in(record.head, b"accept-language"))
        context = Context(loaders, languages, record)
        asked = (query, operation.variables, operation.operation_name, context)
        await self.schema.parse_turn(query)
        try:
            begun = self.schema.begin(*asked, only_queries=only_queries, spliced=True)
            return begun if isinstance(begun, Answer) else await while_present(receive, begun)
        except MethodNotAllowed:
            raise HTTPError(405, "GET supports queries only; use POST.", allow="POST") from None
