"""Runs operations of WebSockets and event streams: a query yields one response, a subscription one per event.

A query takes a slot as over HTTP; a subscription holds none while it waits for events. Errors, log lines, metrics and traces
are those of HTTP.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from graphql_api.asyncio_tools import Broadcast, ended
from graphql_api.execution.engine import Answer
from graphql_api.http.graphql import Context, Endpoint, HTTPError, InternalError, Operation
from graphql_api.http.graphql.multipart import needs_parts
from graphql_api.http.graphql.request import from_object
from graphql_api.http.graphql.response import body_of, sign
from graphql_api.observability.fetch_context import FetchStats
from graphql_api.observability.logs import logging_for
from graphql_api.observability.metrics import STREAMING_RESPONSES
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.observability.tracing import OperationSpan
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


def payload_of(answer: Answer, record: RequestContext) -> dict[str, Any]:
    """The response payload for the client; counts it and records its outcome."""
    record.executed |= answer.executed
    record.answers = (record.answers or 0) + 1
    STREAMING_RESPONSES.labels(record.protocol).inc()
    _sign(answer.errors, record)
    return body_of(answer, record, explain=False)


def refused(refusal: HTTPError, record: RequestContext) -> dict[str, Any]:
    """The GraphQL error object of an HTTPError; records the outcome."""
    if refusal.status >= 500:
        record.ended = "shed" if refusal.status == 503 else "failed"
    error = refusal.as_dict
    _sign([error], record)
    return error


def _sign(errors: list[dict[str, Any]], record: RequestContext) -> None:
    sign(errors, record)
    record.codes = list(dict.fromkeys(record.codes))  # a subscription may have errors for days


@contextmanager
def observed(record: RequestContext, outcomes: OperationLog) -> Iterator[None]:
    """Run an operation inside the block: log lines carry its id, and it is logged, counted and traced when it ends.

    A cancelled operation is recorded as `cancelled`, because its client left.
    """
    begun = time.perf_counter()
    span = OperationSpan(record.asker.headers)
    try:
        with logging_for(record.request_id):
            yield
    except asyncio.CancelledError:
        record.ended = "cancelled"
        raise
    finally:
        outcomes.tell(record, record.outcome, time.perf_counter() - begun)
        span.end(record.name, record.kind, None, record.outcome)


log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Admit = Callable[[], Awaitable[object]]
"""Counts an operation against its client's quota; raises HTTPError if the quota is used up or the key is no longer valid."""

ADMIT = "admit_operation"
"""The key of that function in the `state` of an ASGI scope; set by the authentication middleware."""


class IdInUse(Exception):
    """An operation with this id is still running."""


class Operations:
    """Starts and ends operations. An id can be reused as soon as the client or the server has ended its operation.

    Messages are sent only for the operation that holds the id, so none follows the end of an operation.
    """

    def __init__(
        self,
        scope: Scope,
        running: StreamingExecutor,
        outcomes: OperationLog,
        languages: tuple[Language, ...],
        most: int,
        send: Send,
    ) -> None:
        self._scope = scope
        self._running = running
        self._outcomes = outcomes
        self._languages = languages
        self._most = most
        self._send = send
        self._by_id: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_end = 0.0
        """When the last operation ended, by the event loop's clock."""

    @property
    def any(self) -> bool:
        """Whether an operation is running."""
        return bool(self._by_id)

    async def start(self, id: str, payload: Any) -> None:
        """Run an operation in its own task; raises IdInUse if its id is in use. Over the limit, the client gets an error."""
        if id in self._by_id:
            raise IdInUse
        if len(self._by_id) >= self._most:
            await self._refuse(id)
            return
        while len(self._tasks) >= 2 * self._most:  # completed by the client, but not yet ended
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._run(id, payload))
        self._by_id[id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(id, done))

    def complete(self, id: str) -> None:
        """End an operation at the client's request; unknown ids are ignored, as the operation may just have ended."""
        if task := self._by_id.pop(id, None):
            task.cancel()

    async def end(self) -> None:
        """Cancel all operations and wait for them to end."""
        self._by_id.clear()
        await ended(list(self._tasks))

    def _ended(self, id: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.last_end = task.get_loop().time()
        if self._by_id.get(id) is task:
            del self._by_id[id]

    async def _refuse(self, id: str) -> None:
        record = self._record()
        with observed(record, self._outcomes):
            refusal = HTTPError(
                429,
                f"At most {self._most} operations may run at the same time on one connection; complete one first.",
                "RATE_LIMITED",
            )
            await self._send({"id": id, "type": "error", "payload": [refused(refusal, record)]})

    async def _run(self, id: str, payload: Any) -> None:
        record = self._record()
        with observed(record, self._outcomes):
            try:
                await self._answer(id, payload, record)
            except HTTPError as refusal:
                await self._finish(id, {"type": "error", "payload": [refused(refusal, record)]})
            except WebSocketDisconnect:
                record.ended = "cancelled"
            except Exception:
                log.exception("unexpected error in request %s", record.request_id)
                await self._finish(id, {"type": "error", "payload": [refused(InternalError(), record)]})

    async def _answer(self, id: str, payload: Any, record: RequestContext) -> None:
        admit: Admit | None = self._scope["state"].get(ADMIT)
        if admit is not None:
            await admit()
        answers = self._running.answers(from_object(payload), self._languages, record)
        async with aclosing(answers):
            async for answer in answers:
                message = payload_of(answer, record)
                if not answer.executed:
                    await self._finish(id, {"type": "error", "payload": message["errors"]})
                    return
                if self._holds(id):
                    await self._send({"id": id, "type": "next", "payload": message})
        await self._finish(id, {"type": "complete"})

    def _holds(self, id: str) -> bool:
        return self._by_id.get(id) is asyncio.current_task()

    async def _finish(self, id: str, message: Mapping[str, Any]) -> None:
        """Send the last message of an operation; frees the id first, because the client may reuse it immediately."""
        if self._holds(id):
            del self._by_id[id]
            await self._send({"id": id, **message})

    def _record(self) -> RequestContext:
        """A RequestContext for one operation, with its own request id and the client of this connection."""
        known, request_id = record_of(self._scope), uuid4().hex
        headers = known.asker.headers | {"X-Request-ID": request_id}
        asker = replace(known.asker, headers=headers, tally=FetchStats())
        return RequestContext(request_id, client=known.client, address=known.address, protocol="websocket", asker=asker)
