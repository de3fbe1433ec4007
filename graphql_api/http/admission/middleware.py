"""The layer of admission: around what answers requests, and around each operation of a connection that stays."""

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
"""Beginnings of the paths that run operations."""


class AdmissionGate:
    """Where places are taken and given back: who finds none in time is turned away."""

    def __init__(self, places: ConcurrencyLimiter) -> None:
        self.places = places

    async def take(self, record: RequestContext) -> None:
        """Take a place; raises Full where there is none in time."""
        record.asker.waiting = UpstreamWaitGuard(self.places)
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
        """Give a place back."""
        OPERATIONS_IN_PROGRESS.dec()
        self.places.leave()


def places_of(settings: Settings, clock: Callable[[], float] = time.monotonic) -> ConcurrencyLimiter:
    """The places of a server, by its settings."""
    return ConcurrencyLimiter(
        settings.max_operations,
        settings.max_executing,
        settings.max_queue,
        settings.queue_timeout,
        clock,
        burst=settings.queue_burst,
    )


def turned_away() -> ServiceUnavailable:
    """What they are told who found no place, and counted."""
    OVERLOAD_REJECTIONS.labels("queue_full").inc()
    return ServiceUnavailable("The server is overloaded. Try again.", RETRY_AFTER)


class Admission:
    """Pure ASGI around all that runs operations; health, metrics and assets pass."""

    def __init__(self, app: ASGIApp, places: ConcurrencyLimiter, most_bytes: int) -> None:
        self._app = app
        self._door = AdmissionGate(places)
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at once where there is no room; else let in whoever has sent the whole request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            await self._app(scope, receive, send)
            return
        record = record_of(scope)
        try:
            if self._door.places.full:
                raise Overloaded
            messages = await self._whole(receive)  # a client that sends slowly holds no place meanwhile
            await self._door.take(record)
            place = _Place(self._door, send)
            try:
                await self._app(scope, _replaying(messages, receive), place.send)
            finally:
                place.leave()
        except Overloaded:
            await refused(turned_away(), JSON, record)(scope, receive, send)

    async def _whole(self, receive: Receive) -> list[Message]:
        """The messages of a request; of one that is too large, as many as show that it is."""
        messages = [await receive()]
        size = len(messages[0].get("body", b""))
        while messages[-1].get("more_body") and size <= self._most_bytes:
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
        return messages


def admitting(places: ConcurrencyLimiter) -> Callable[[RequestContext], AbstractAsyncContextManager[None]]:
    """A place for each operation of a connection that stays, by the same rules; raises Unavailable where there is none."""
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
    """A `receive` that gives these messages first."""
    waiting = deque(messages)

    async def next_message() -> Message:
        return waiting.popleft() if waiting else await receive()

    return next_message


class _Place:
    """A place that one request holds, and gives back where events follow: a subscription may last for days."""

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
