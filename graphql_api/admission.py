"""Admission: so many operations run at once, and so many wait for a place as will get one soon; all others are told at once.

Who waits for the Competent API holds at most half of the places, so that questions about what is stored are refused last.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.endpoint import JSON, Unavailable, refused
from graphql_api.errors import UpstreamUnavailable
from graphql_api.metrics import OPERATIONS_QUEUED, OPERATIONS_RUNNING, SHED
from graphql_api.record import Record, record_of

RETRY_AFTER = 1.0
"""Seconds after which another try makes sense: a queue is empty in less."""


FORESEEN = 0.3
"""The share of the longest wait for a place that may be foreseen for who comes: places come free less evenly than foreseen, and
nobody is to be refused after having waited."""
PACE_OF = 40
"""Places that came free which the pace is taken from, the latest counting most."""
PACE_HOLDS = 5.0
"""Seconds after which it is learnt anew."""


class Full(Exception):
    """There is no place, and none will be free in time."""


class Pace:
    """How soon one place after the other is free while all are taken."""

    __slots__ = ("_clock", "_last", "_learnt", "_least", "_mean", "_steps")

    def __init__(self, clock: Callable[[], float], least: int) -> None:
        self._clock = clock
        self._least = least
        self._steps = 0
        self._last: float | None = None
        self._learnt = -math.inf
        self._mean = 0.0

    @property
    def seconds(self) -> float:
        """From one to the next; 0 as long as too few came free to tell: those worked on together end together."""
        return self._mean if self._steps >= self._least else 0.0

    def begin(self) -> None:
        """All places are taken now. What was learnt some time ago was about other operations."""
        self._last = self._clock()
        if self._last - self._learnt > PACE_HOLDS:
            self._steps, self._mean = 0, 0.0

    def step(self) -> None:
        """A place is free now."""
        if self._last is None:
            return
        now = self._clock()
        self._steps = min(self._steps + 1, PACE_OF)
        self._mean += (now - self._last - self._mean) / self._steps
        self._last = self._learnt = now

    def end(self) -> None:
        """There is room: the time until the next place is free tells nothing."""
        self._last = None


class Places:
    """Decides who runs now, who waits and who is refused. No I/O: waiting is the caller's, for `wait` seconds at most.

    `running` operations are under way at once. At most half of them wait for the Competent API, and of the others at most
    `working` are worked on: what works keeps the event loop, and with it health and refusals, from its next turn.
    """

    def __init__(
        self,
        running: int,
        working: int,
        queued: int,
        wait: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most_running = running
        self.most_waiting = max(1, running // 2)
        self.most_working = min(working, running)
        self.most_queued = queued
        self.running = 0
        self.waiting = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._pace = Pace(clock, 2 * self.most_working)
        self._foreseen = wait * FORESEEN

    @property
    def queued(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether who comes now is refused: the queue is long, or its end would be reached too late to wait for it."""
        if self._has_room():
            return False
        return self.queued >= self.most_queued or (self.queued + 1) * self._pace.seconds > self._foreseen

    def _has_room(self) -> bool:
        return self.running < self.most_running and self.running - self.waiting < self.most_working

    def take(self) -> "asyncio.Future[None] | None":
        """Take a place (None), or one in the queue: a future that is done when the place is the caller's. Raises Full."""
        if self._has_room():
            self.running += 1
            if not self._has_room():
                self._pace.begin()
            return None
        if self.full:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        return turn

    def give_up(self, turn: "asyncio.Future[None]") -> None:
        """Leave the queue; where the place had just become the caller's, it goes to the next."""
        if turn in self._queue:
            self._queue.remove(turn)
        elif not turn.cancelled():
            self.leave()

    def leave(self) -> None:
        """Give the place back: who has waited longest gets it."""
        self.running -= 1
        self._freed()

    def begin_waiting(self) -> bool:
        """Count the caller among those that wait for the Competent API; False where half of all do already."""
        if self.waiting >= self.most_waiting:
            return False
        self.waiting += 1
        self._freed()
        return True

    def end_waiting(self) -> None:
        """The caller works again; this may be one more than may begin to."""
        self.waiting -= 1

    def _freed(self) -> None:
        self._pace.step()
        while self._queue and self._has_room():
            turn = self._queue.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)
        if self._has_room():
            self._pace.end()


class Patience:
    """Of one operation: entered each time that it begins to wait for the Competent API, counted once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._depth = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Wait within; raises UpstreamUnavailable where too many wait."""
        if self._depth == 0 and not self._places.begin_waiting():
            SHED.labels("upstream").inc()
            raise UpstreamUnavailable(
                "Too many operations wait for the Competent API; ask again.", retry_after=RETRY_AFTER, detail="shed"
            )
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._places.end_waiting()


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
