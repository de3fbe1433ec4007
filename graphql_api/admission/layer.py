"""The layer of admission: around what answers requests, and around each operation of a connection that stays."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.admission.places import RETRY_AFTER, Full, Patience, Places
from graphql_api.endpoint import JSON, Unavailable, refused
from graphql_api.metrics import OPERATIONS_QUEUED, OPERATIONS_RUNNING, SHED
from graphql_api.record import Record, record_of


class Admission:
    """Pure ASGI around all that runs operations; health, metrics and assets pass."""

    def __init__(
        self, app: ASGIApp, places: Places, wait: float, most_bytes: int, paths: tuple[str, ...] = ("/graphql", "/id/")
    ) -> None:
        self._app = app
        self._places = places
        self._wait = wait
        self._most_bytes = most_bytes
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at once where there is no room; else let in whoever has sent the whole request."""
        if scope["type"] != "http" or not scope["path"].startswith(self._paths):
            await self._app(scope, receive, send)
            return
        try:
            if self._places.full:
                raise Full
            messages = await self._whole(receive)  # a client that sends slowly holds no place meanwhile
            record_of(scope).asker.waiting = Patience(self._places)
            await self._take()
            place = _Place(self._places, send)
            try:
                await self._app(scope, _again(messages, receive), place.send)
            finally:
                place.leave()
        except Full:
            SHED.labels("full").inc()
            refusal = Unavailable("This server has as much to do as it can; ask again.", RETRY_AFTER)
            await refused(refusal, JSON, record_of(scope))(scope, receive, send)

    async def _whole(self, receive: Receive) -> list[Message]:
        """The messages of a request; of one that is too large, as many as show that it is."""
        messages = [await receive()]
        size = len(messages[0].get("body", b""))
        while messages[-1].get("more_body") and size <= self._most_bytes:
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
        return messages

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place while within; raises Full where none is free in time."""
        await self._take()
        try:
            yield
        finally:
            OPERATIONS_RUNNING.dec()
            self._places.leave()

    async def _take(self) -> None:
        turn = self._places.take()
        if turn is not None:
            await self._turn(turn)
        begin = self._places.passes.begin()
        if begin is not None:
            try:
                await begin
            except asyncio.CancelledError:
                self._places.leave()
                raise
        OPERATIONS_RUNNING.inc()

    async def _turn(self, turn: "asyncio.Future[None]") -> None:
        OPERATIONS_QUEUED.inc()
        try:
            async with asyncio.timeout(self._wait):
                await turn
        except TimeoutError:
            self._places.give_up(turn)
            raise Full from None
        except asyncio.CancelledError:
            self._places.give_up(turn)
            raise
        finally:
            OPERATIONS_QUEUED.dec()


def admitting(places: Places, wait: float) -> Callable[[Record], AbstractAsyncContextManager[None]]:
    """A place for each operation of a connection that stays, by the same rules; raises Unavailable where there is none."""
    admission = Admission(_nowhere, places, wait, 0)

    @asynccontextmanager
    async def admitted(record: Record) -> AsyncIterator[None]:
        record.asker.waiting = Patience(places)
        try:
            async with admission.place():
                yield
        except Full:
            SHED.labels("full").inc()
            raise Unavailable("This server has as much to do as it can; ask again.", RETRY_AFTER) from None

    return admitted


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """No request is passed on."""


def _again(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that gives these messages first."""
    waiting = deque(messages)

    async def next_message() -> Message:
        return waiting.popleft() if waiting else await receive()

    return next_message


class _Place:
    """A place that one request holds, and gives back where events follow: a subscription may last for days."""

    __slots__ = ("_held", "_places", "_send")

    def __init__(self, places: Places, send: Send) -> None:
        self._places = places
        self._send = send
        self._held = True

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_stream(message):
            self.leave()
        await self._send(message)

    def leave(self) -> None:
        if self._held:
            self._held = False
            OPERATIONS_RUNNING.dec()
            self._places.leave()


def _is_stream(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])
