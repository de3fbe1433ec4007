"""Runs operations of WebSockets and event streams: a query yields one response, a subscription one per event.

A query takes a slot as over HTTP. A subscription holds none while it waits for events; its events have slots of their own.
Errors, log lines, metrics and traces are those of HTTP.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import assert_never

from graphql_api.execution.error_formatting import ErrorDict
from graphql_api.execution.operations import EventStream, Executed, Incremental, Refused, Result
from graphql_api.execution.response_cache import CachedResponse
from graphql_api.http.graphql import Endpoint, HTTPError, OperationRequest
from graphql_api.http.graphql.multipart import multipart_required
from graphql_api.http.graphql.response import add_request_id, body_of
from graphql_api.observability.log_lines import bind_request_log
from graphql_api.observability.metrics import STREAMING_RESPONSES
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext
from graphql_api.observability.tracing import OperationSpan
from graphql_api.schema.types.text import Language

HoldSlot = Callable[[RequestContext], AbstractAsyncContextManager[None]]
"""Context manager that holds a slot for an operation; raises ServiceUnavailable if none is free in time."""


class EventSlot:
    """The slot of one subscription's event while it is executed.

    A published release is an event for all subscribers at the same time. They are executed a few at a time, in order, and none is
    rejected: a client cannot request an event again.
    """

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._is_held = False

    async def acquire(self) -> None:
        """Wait for a slot."""
        await self._slots.acquire()
        self._is_held = True

    def release(self) -> None:
        """Release the slot, if it is held."""
        if self._is_held:
            self._is_held = False
            self._slots.release()


@dataclass(frozen=True, slots=True)
class StreamingExecutor:
    """Runs streaming operations with the schema, documents and timeouts of the endpoint."""

    endpoint: Endpoint
    hold_slot: HoldSlot
    event_slots: asyncio.Semaphore
    """Limits the events that are executed at the same time."""

    async def responses(
        self,
        operation: OperationRequest,
        languages: tuple[Language, ...],
        record: RequestContext,
        timeout_seconds: float | None = None,
        *,
        is_post: bool = False,
    ) -> AsyncGenerator[Result]:
        """Run an operation and yield its responses; raises HTTPError if it cannot be executed.

        `timeout_seconds` is that of the operation or of each event; None means the endpoint's.
        """
        seconds = self.endpoint.operation_timeout if timeout_seconds is None else timeout_seconds
        slot = EventSlot(self.event_slots)
        request = replace(
            self.endpoint.request_for(operation, languages, record, seconds, is_post=is_post), admit_event=slot.acquire
        )
        async with self.hold_slot(record):
            response = await self.endpoint.engine.execute(request)
        match response:
            case Incremental():
                await response.aclose()
                raise multipart_required()
            case EventStream(events):
                try:
                    async with aclosing(events):
                        async for event in events:
                            slot.release()
                            yield event
                finally:
                    slot.release()
            case Refused():
                yield response
            case Executed() | CachedResponse():
                self.endpoint.documents.store_executed(operation, request.query)
                yield response
            case _:
                assert_never(response)


def payload_of(response: Result, record: RequestContext) -> dict[str, object]:
    """The response payload for the client; counts it and records its outcome."""
    record.executed |= not isinstance(response, Refused)
    record.responses = (record.responses or 0) + 1
    STREAMING_RESPONSES.labels(record.protocol).inc()
    if not isinstance(response, CachedResponse):
        _sign(response.errors, record)
    return body_of(response, record, explain=False)


def error_of(refusal: HTTPError, record: RequestContext) -> ErrorDict:
    """The GraphQL error object of an HTTPError; records the outcome."""
    if refusal.status >= 500:
        record.forced_outcome = "shed" if refusal.status == 503 else "failed"
    error = refusal.as_dict
    _sign([error], record)
    return error


def _sign(errors: list[ErrorDict], record: RequestContext) -> None:
    add_request_id(errors, record)
    record.error_codes = list(dict.fromkeys(record.error_codes))  # a subscription may have errors for days


@contextmanager
def observe(record: RequestContext, operation_log: OperationLog) -> Iterator[None]:
    """Run an operation inside the block: log lines carry its id, and it is logged, counted and traced when it ends.

    A cancelled operation is recorded as `cancelled`, because its client left.
    """
    started_at = time.perf_counter()
    span = OperationSpan(record.fetch_context.headers)
    try:
        with bind_request_log(record.request_id):
            yield
    except asyncio.CancelledError:
        record.forced_outcome = "cancelled"
        raise
    finally:
        operation_log.log_operation(record, record.outcome, time.perf_counter() - started_at)
        span.end(record.name, record.operation_type, None, record.outcome)
