"""Admission middleware for HTTP requests, and a context manager for operations on WebSockets and event streams."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.admission.limiter import RETRY_AFTER, ConcurrencyLimiter, Overloaded, UpstreamWaitGuard
from graphql_api.http.graphql import JSON, ServiceUnavailable, refused
from graphql_api.observability.metrics import OPERATIONS_IN_PROGRESS, OPERATIONS_QUEUED, OVERLOAD_REJECTIONS
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.settings import Settings

PATHS = ("/graphql", "/id/")
"""Prefixes of the paths that run operations."""


class AdmissionGate:
    """Acquires and releases slots; raises Overloaded if none is free in time."""

    def __init__(self, places: ConcurrencyLimiter) -> None:
        self.places = places

    async def take(self, record: RequestContext) -> None:
        """Take a slot, waiting in the queue if needed; raises Overloaded if none is free in time."""
        record.fetch_context.wait_guard = UpstreamWaitGuard(self.places)
        patience = self.places.patience
        turn = self.places.take()
        if turn is not None:
            await self._turn(turn, patience)
        begin = self.places.passes.begin()
        if begin is not None:
            try:
                await begin
            except asyncio.CancelledError:
                self.places.leave()
                raise
        OPERATIONS_IN_PROGRESS.inc()

    async def _turn(self, turn: "asyncio.Future[None]", patience: float) -> None:
        OPERATIONS_QUEUED.inc()
        try:
            async with asyncio.timeout(patience):
                await turn
        except TimeoutError:
            self.places.give_up(turn)
            raise Overloaded from None
        except asyncio.CancelledError:
            self.places.give_up(turn)
            raise
        finally:
            OPERATIONS_QUEUED.dec()

    def leave(self) -> None:
        """Release a slot."""
        OPERATIONS_IN_PROGRESS.dec()
        self.places.leave()


def places_of(settings: Settings, clock: Callable[[], float] = time.monotonic) -> ConcurrencyLimiter:
    """The concurrency limiter configured by the settings."""
    return ConcurrencyLimiter(
        settings.max_operations,
        settings.max_executing,
        settings.max_queue,
        settings.queue_timeout,
        clock,
        burst=settings.queue_burst,
    )


def turned_away() -> ServiceUnavailable:
    """Count a rejection and return its 503 error."""
    OVERLOAD_REJECTIONS.labels("queue_full").inc()
    return ServiceUnavailable("The server is overloaded. Try again.", RETRY_AFTER)


class Admission:
    """ASGI middleware that admits requests on `PATHS`; health, metrics and assets pass unlimited."""

    def __init__(self, app: ASGIApp, places: ConcurrencyLimiter, most_bytes: int) -> None:
        self._app = app
        self._door = AdmissionGate(places)
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject with 503 if there is no room; otherwise read the whole request, take a slot and run the app."""
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            await self._app(scope, receive, send)
            return
        record = record_of(scope)
        try:
            if self._door.places.full:
                raise Overloaded
            messages = await self._whole(receive)  # before taking a slot, so that slow clients do not hold one
            await self._door.take(record)
            place = _Place(self._door, send)
            try:
                await self._app(scope, _replaying(messages, receive), place.send)
            finally:
                place.leave()
        except Overloaded:
            await refused(turned_away(), JSON, record)(scope, receive, send)

    async def _whole(self, receive: Receive) -> list[Message]:
        """Receive all messages of the request; stops early if the body exceeds the limit."""
        messages = [await receive()]
        size = len(messages[0].get("body", b""))
        while messages[-1].get("more_body") and size <= self._most_bytes:
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
        return messages


def admitting(places: ConcurrencyLimiter) -> Callable[[RequestContext], AbstractAsyncContextManager[None]]:
    """A context manager that holds a slot for one streaming operation; it raises ServiceUnavailable if none is free in time."""
    door = AdmissionGate(places)

    @asynccontextmanager
    async def admitted(record: RequestContext) -> AsyncIterator[None]:
        try:
            await door.take(record)
        except Overloaded:
            raise turned_away() from None
        try:
            yield
        finally:
            door.leave()

    return admitted


def _replaying(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that returns these messages first."""
    waiting = deque(messages)

    async def next_message() -> Message:
        return waiting.popleft() if waiting else await receive()

    return next_message


class _Place:
    """The slot of one request; released when an event stream starts, because a subscription may last for days."""

    __slots__ = ("_door", "_held", "_send")

    def __init__(self, door: AdmissionGate, send: Send) -> None:
        self._door = door
        self._send = send
        self._held = True

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_stream(message):
            self.leave()
        await self._send(message)

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._door.leave()


def _is_stream(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])
