"""Places for operations: who runs now, who waits, who is refused, and who of those that run waits for the Competent API."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graphql_api.errors import UpstreamUnavailable
from graphql_api.http.admission.burst import BurstAllowance
from graphql_api.http.admission.loop_budget import LoopBudget
from graphql_api.http.admission.service_time import PACE_OF, ServiceTimeEstimator
from graphql_api.observability.metrics import OVERLOAD_REJECTIONS

RETRY_AFTER = 1.0
"""Seconds after which another try makes sense: a queue is empty in less."""


FORESEEN = 0.3
"""The share of the longest wait for a place that may be foreseen for who comes: places come free less evenly than foreseen, and
nobody is to be refused after having waited."""


class Overloaded(Exception):
    """There is no place, and none will be free in time."""


class ConcurrencyLimiter:
    """Decides who runs now, who waits and who is refused. No I/O: waiting is the caller's, for `patience` seconds at most.

    Under sustained overload that is `wait`; `burst` seconds more are allowed where a burst meets an idle server.

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
        burst: float = 0.0,
    ) -> None:
        self.most_running = running
        self.most_waiting = max(1, running // 2)
        self.most_working = min(working, running)
        self.most_queued = queued
        self.running = 0
        self.waiting = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self.passes = LoopBudget(clock)
        self._pace = ServiceTimeEstimator(clock, max(2 * self.most_working, PACE_OF))
        self._burst = BurstAllowance(clock, burst)
        self._wait = wait

    @property
    def queued(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether who comes now is refused: the queue is long, or its end would be reached too late to wait for it."""
        if self._has_room():
            return False
        return self.queued >= self.most_queued or self._is_late()

    def _is_late(self) -> bool:
        # One may always try, so that the pace is known when it has become a better one.
        expected = (self.queued + 1) * self._pace.seconds
        return self.queued > 0 and expected > self._wait * FORESEEN + self._burst.seconds

    @property
    def patience(self) -> float:
        """Longest wait for a place of an operation that begins to wait now, in seconds; it is expected to be half of that."""
        return self._wait + 2 * self._burst.seconds

    def _has_room(self) -> bool:
        return self.running < self.most_running and self.running - self.waiting < self.most_working

    def take(self) -> "asyncio.Future[None] | None":
        """Take a place (None), or one in the queue: a future that is done when the place is the caller's. Raises Full."""
        if self._has_room():
            self.running += 1
            return None
        if self.full:
            raise Overloaded
        if not self._queue:
            self._pace.begin()
            self._burst.queueing(True)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        return turn

    def give_up(self, turn: "asyncio.Future[None]") -> None:
        """Leave the queue; where the place had just become the caller's, it goes to the next."""
        if turn in self._queue:
            self._queue.remove(turn)
            self._note_end()
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
        self._note_end()

    def _note_end(self) -> None:
        if not self._queue:
            self._pace.end()
            self._burst.queueing(False)


class UpstreamWaitGuard:
    """Of one operation: entered each time that it begins to wait for the Competent API, counted once."""

    def __init__(self, places: ConcurrencyLimiter) -> None:
        self._places = places
        self._depth = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Wait within; raises UpstreamUnavailable where too many wait."""
        if self._depth == 0 and not self._places.begin_waiting():
            OVERLOAD_REJECTIONS.labels("upstream_busy").inc()
            raise UpstreamUnavailable(
                "Too many operations are waiting for the Competent API. Try again.",
                retry_after=RETRY_AFTER,
                detail="shed",
            )
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._places.end_waiting()
