"""Admission middleware for HTTP requests, and a context manager for operations on WebSockets and event streams."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.admission.limiter import RETRY_AFTER, ConcurrencyLimiter, Overloaded, UpstreamWaitGuard
from graphql_api.http.forwarded import EXPLORER_PATHS, QUERYING_FILES
from graphql_api.http.graphql import JSON, ServiceUnavailable, error_response
from graphql_api.observability.metrics import OPERATIONS_IN_PROGRESS, OPERATIONS_QUEUED, OVERLOAD_REJECTIONS
from graphql_api.observability.request_context import Head, RequestContext, declared_length, record_of
from graphql_api.settings import Settings

PATHS = ("/graphql", "/id/", *(f"{path}/" for path in EXPLORER_PATHS))
"""Prefixes of the paths that run operations; QUERYING_FILES do, too."""


class AdmissionGate:
    """Acquires and releases slots; raises Overloaded if none is free in time."""

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self.limiter = limiter

    async def acquire(self, record: RequestContext) -> None:
        """Take a slot, waiting in the queue if needed; raises Overloaded if none is free in time."""
        record.fetch_context.wait_guard = UpstreamWaitGuard(self.limiter)
        max_wait = self.limiter.max_wait
        turn = self.limiter.acquire()
        if turn is not None:
            await self._wait_for_turn(turn, max_wait)
        begin = self.limiter.loop_budget.begin()
        if begin is not None:
            try:
                await begin
            except asyncio.CancelledError:
                self.limiter.release()
                raise
        OPERATIONS_IN_PROGRESS.inc()

    async def _wait_for_turn(self, turn: "asyncio.Future[None]", max_wait: float) -> None:
        OPERATIONS_QUEUED.inc()
        try:
            async with asyncio.timeout(max_wait):
                await turn
        except TimeoutError:
            self.limiter.cancel(turn)
            raise Overloaded from None
        except asyncio.CancelledError:
            self.limiter.cancel(turn)
            raise
        finally:
            OPERATIONS_QUEUED.dec()

    def release(self) -> None:
        """Release a slot."""
        OPERATIONS_IN_PROGRESS.dec()
        self.limiter.release()


def limiter_for(settings: Settings, clock: Callable[[], float] = time.monotonic) -> ConcurrencyLimiter:
    """The concurrency limiter configured by the settings."""
    return ConcurrencyLimiter(
        settings.max_operations,
        settings.max_executing,
        settings.max_queue,
        settings.queue_timeout,
        clock,
        burst=settings.queue_burst,
    )


def overloaded_error() -> ServiceUnavailable:
    """Count a rejection and return its 503 error."""
    OVERLOAD_REJECTIONS.labels("queue_full").inc()
    return ServiceUnavailable("The server is overloaded. Try again.", RETRY_AFTER)


class AdmissionMiddleware:
    """ASGI middleware that admits requests on paths that run operations; health, metrics and assets pass unlimited."""

    def __init__(self, app: ASGIApp, limiter: ConcurrencyLimiter, max_bytes: int) -> None:
        self._app = app
        self._gate = AdmissionGate(limiter)
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject with 503 if there is no room; otherwise read the whole request, take a slot and run the app."""
        if scope["type"] != "http" or not (scope["path"].startswith(PATHS) or scope["path"] in QUERYING_FILES):
            await self._app(scope, receive, send)
            return
        record = record_of(scope)
        try:
            if self._gate.limiter.full:
                raise Overloaded
            # before taking a slot, so that slow clients do not hold one
            messages = await self._receive_request(record.head, receive)
            await self._gate.acquire(record)
            slot = _RequestSlot(self._gate, send)
            try:
                await self._app(scope, _replaying(messages, receive), slot.send)
            finally:
                slot.release()
        except Overloaded:
            await error_response(overloaded_error(), JSON, record)(scope, receive, send)

    async def _receive_request(self, head: Head, receive: Receive) -> list[Message]:
        """Receive all messages of the request; none if it says that its body exceeds the limit, and no more once it does."""
        if declared_length(head) > self._max_bytes:
            return []
        messages = [await receive()]
        size = len(messages[0].get("body", b""))
        while messages[-1].get("more_body") and size <= self._max_bytes:
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
        return messages


def slot_holder(limiter: ConcurrencyLimiter) -> Callable[[RequestContext], AbstractAsyncContextManager[None]]:
    """A context manager that holds a slot for one streaming operation; it raises ServiceUnavailable if none is free in time."""
    gate = AdmissionGate(limiter)

    @asynccontextmanager
    async def admitted(record: RequestContext) -> AsyncIterator[None]:
        try:
            await gate.acquire(record)
        except Overloaded:
            raise overloaded_error() from None
        try:
            yield
        finally:
            gate.release()

    return admitted


def _replaying(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that returns these messages first."""
    buffered = deque(messages)

    async def next_message() -> Message:
        return buffered.popleft() if buffered else await receive()

    return next_message


class _RequestSlot:
    """The slot of one request; released when an event stream starts, because a subscription may last for days."""

    __slots__ = ("_gate", "_is_held", "_send")

    def __init__(self, gate: AdmissionGate, send: Send) -> None:
        self._gate = gate
        self._send = send
        self._is_held = True

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_stream(message):
            self.release()
        await self._send(message)

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._gate.release()


def _is_stream(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])
