"""Concurrency limiter for operations: which run now, which queue, which are rejected, and how many may wait for upstream."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graphql_api.errors import UpstreamUnavailable
from graphql_api.http.admission.loop_budget import LoopBudget
from graphql_api.observability.metrics import OVERLOAD_REJECTIONS

REFILL_RATE = 2.0
"""Seconds of allowance regained per second without a queue."""


class BurstAllowance:
    """Queueing time allowed beyond the limit for sustained overload, in seconds: a token bucket over time.

    It starts full with `capacity` seconds, drains one second per second while operations queue, and refills twice as fast. A
    burst on an idle server finds it full; after `capacity` seconds with a queue that never empties it is used up.
    """

    __slots__ = ("_capacity", "_clock", "_queueing", "_remaining", "_updated_at")

    def __init__(self, clock: Callable[[], float], capacity: float) -> None:
        self._clock = clock
        self._capacity = self._remaining = capacity
        self._updated_at = clock()
        self._queueing = False

    @property
    def seconds(self) -> float:
        """The allowance left now, in seconds."""
        elapsed = self._clock() - self._updated_at
        if self._queueing:
            return max(self._remaining - elapsed, 0.0)
        return min(self._remaining + elapsed * REFILL_RATE, self._capacity)

    def queueing(self, is_queueing: bool) -> None:
        """Record that the queue became non-empty (True) or empty (False)."""
        self._remaining, self._updated_at, self._queueing = self.seconds, self._clock(), is_queueing


SMOOTHING_SLOTS = 40
"""Number of released slots that the mean covers; the latest weigh most."""
SHORT_SMOOTHING_SLOTS = 10
"""The same for a second, shorter mean, so that the first, slow operations soon stop counting."""
ESTIMATE_TTL = 5.0
"""Seconds after which an estimate expires."""


class ServiceTimeEstimator:
    """Estimates the time between released slots while operations queue."""

    __slots__ = ("_clock", "_last_release", "_mean", "_min_samples", "_samples", "_short_mean", "_updated_at")

    def __init__(self, clock: Callable[[], float], min_samples: int) -> None:
        self._clock = clock
        self._min_samples = min_samples
        self._samples = 0
        self._last_release: float | None = None
        self._updated_at = -math.inf
        self._mean = self._short_mean = 0.0

    @property
    def seconds(self) -> float:
        """Seconds between released slots; 0 until enough were seen, because operations that start together end together."""
        return min(self._mean, self._short_mean) if self._samples >= self._min_samples else 0.0

    def begin(self) -> None:
        """Start measuring, as the queue became non-empty. An expired estimate is dropped."""
        self._last_release = self._clock()
        if self._last_release - self._updated_at > ESTIMATE_TTL:
            self._samples, self._mean, self._short_mean = 0, 0.0, 0.0

    def step(self) -> None:
        """Record a released slot."""
        if self._last_release is None:
            return
        now = self._clock()
        self._samples += 1
        step = now - self._last_release
        self._mean += (step - self._mean) / min(self._samples, SMOOTHING_SLOTS)
        self._short_mean += (step - self._short_mean) / min(self._samples, SHORT_SMOOTHING_SLOTS)
        self._last_release = self._updated_at = now

    def end(self) -> None:
        """Stop measuring, as the queue is empty: idle time says nothing about service time."""
        self._last_release = None


RETRY_AFTER = 1.0
"""Seconds after which a rejected client may retry: a queue empties in less."""


MAX_PREDICTED_WAIT = 0.3
"""Reject on arrival if the predicted wait exceeds this fraction of the queue timeout.

Slots come free less evenly than predicted; the margin keeps operations from being rejected after they have queued.
"""


class Overloaded(Exception):
    """No slot is free, and none will be in time."""


class ConcurrencyLimiter:
    """Decides which operations run now, which queue and which are rejected.

    Does no I/O: the caller awaits its turn, for at most `max_wait` seconds. `queue_timeout` is the limit under
    sustained overload; for a burst that meets an idle server, the predicted wait may be up to `burst` seconds longer.

    At most `running` operations are in progress. At most half of these wait for the Competent API, and at most `executing`
    of the others execute: executing delays the next event-loop turn, and with it health checks and rejections.
    """

    def __init__(
        self,
        running: int,
        executing: int,
        queued: int,
        queue_timeout: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        burst: float = 0.0,
    ) -> None:
        self.max_running = running
        self.max_waiting = max(1, running // 2)
        self.max_executing = min(executing, running)
        self.max_queued = queued
        self.running = 0
        self.waiting = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self.loop_budget = LoopBudget(clock)
        self._service_time = ServiceTimeEstimator(clock, max(2 * self.max_executing, SMOOTHING_SLOTS))
        self._burst = BurstAllowance(clock, burst)
        self._queue_timeout = queue_timeout

    @property
    def queued(self) -> int:
        """The number of operations waiting for a slot."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether an operation that arrives now is rejected: the queue is full, or the predicted wait is too long."""
        if self._has_room():
            return False
        return self.queued >= self.max_queued or self._is_late()

    def _is_late(self) -> bool:
        # An empty queue always accepts one operation, so that the estimate is updated when service gets faster.
        predicted_wait = (self.queued + 1) * self._service_time.seconds
        return self.queued > 0 and predicted_wait > self._queue_timeout * MAX_PREDICTED_WAIT + self._burst.seconds

    @property
    def max_wait(self) -> float:
        """Maximum wait of an operation that queues now, in seconds: at least twice the longest wait that is predicted for one."""
        return self._queue_timeout + 2 * self._burst.seconds

    def _has_room(self) -> bool:
        return self.running < self.max_running and self.running - self.waiting < self.max_executing

    def acquire(self) -> "asyncio.Future[None] | None":
        """Take a slot (returns None), or queue for one: returns a future that is done when the slot is the caller's.

        Raises Overloaded if `full`.
        """
        if self._has_room():
            self.running += 1
            return None
        if self.full:
            raise Overloaded
        if not self._queue:
            self._service_time.begin()
            self._burst.queueing(True)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        return turn

    def cancel(self, turn: "asyncio.Future[None]") -> None:
        """Leave the queue; a slot that was already assigned to this turn goes to the next in the queue."""
        if turn in self._queue:
            self._queue.remove(turn)
            self._note_empty_queue()
        elif not turn.cancelled():
            self.release()

    def release(self) -> None:
        """Release the slot; it goes to the operation that has queued longest."""
        self.running -= 1
        self._assign_slots()

    def begin_waiting(self) -> bool:
        """Count the caller as waiting for the Competent API; returns False if half of the slots already do."""
        if self.waiting >= self.max_waiting:
            return False
        self.waiting += 1
        self._assign_slots()
        return True

    def end_waiting(self) -> None:
        """Resume executing; may exceed `max_executing` by one."""
        self.waiting -= 1

    def _assign_slots(self) -> None:
        self._service_time.step()
        while self._queue and self._has_room():
            turn = self._queue.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)
        self._note_empty_queue()

    def _note_empty_queue(self) -> None:
        if not self._queue:
            self._service_time.end()
            self._burst.queueing(False)


class UpstreamWaitGuard:
    """Context manager for one operation's waits for the Competent API; nested and concurrent waits count once."""

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self._limiter = limiter
        self._depth = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Wait for upstream inside the block; raises UpstreamUnavailable if too many operations do."""
        if self._depth == 0 and not self._limiter.begin_waiting():
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
                self._limiter.end_waiting()
