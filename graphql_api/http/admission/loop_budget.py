"""Limits how many operations start in one event-loop pass, so that synchronous work does not pile up."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import thread_time

MAX_STARTS_PER_PASS = 64
"""Maximum number of deferred operations started per event-loop pass."""
PASS_SECONDS = 0.02
"""Seconds per event-loop pass in which operations may start."""


class LoopBudget:
    """Starts operations in order of arrival, and defers those that exceed the time budget of an event-loop pass.

    An operation on cached data runs to completion without suspending. Without a budget, a burst of them would all run in one
    pass and delay rejections and health checks until its end.
    """

    def __init__(self, clock: Callable[[], float], cpu_clock: Callable[[], float] = thread_time) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._pass_started_at: float | None = None
        self._deferred: deque[asyncio.Future[None]] = deque()
        self._batch = 1
        self.max_fast_path_seconds = PASS_SECONDS / 2
        """Seconds per pass for requests that the fast path answers."""
        self._fast_path_seconds = 0.0
        """Seconds of this pass spent on them."""
        self._cpu_start = 0.0
        """CPU time of the thread when the last pass with such requests ended."""
        self._fast_path_since_start = 0.0
        """Seconds spent on them since the operations of this pass started."""

    # The fast path needs no turn and overtakes deferred operations; it may use half of each pass.

    @property
    def has_time(self) -> bool:
        """Whether the fast path has time left in this pass."""
        return self._fast_path_seconds < self.max_fast_path_seconds

    def spend(self, seconds: float) -> None:
        """Record time that the fast path spent, by the clock; at most the CPU time since the last pass counts."""
        if not self._fast_path_seconds:
            asyncio.get_running_loop().call_soon(self._reset)
        self._fast_path_since_start += seconds
        self._fast_path_seconds += seconds
        if self._fast_path_seconds >= self.max_fast_path_seconds:
            self._fast_path_seconds = min(self._fast_path_seconds, self._cpu_clock() - self._cpu_start)

    def _reset(self) -> None:
        self._fast_path_seconds, self._cpu_start = 0.0, self._cpu_clock()

    def begin(self) -> "asyncio.Future[None] | None":
        """Returns None if the caller may start now, else a future that is done when it is the caller's turn."""
        now = self._clock()
        if self._pass_started_at is None:
            self._pass_started_at, self._fast_path_since_start = now, 0.0
            asyncio.get_running_loop().call_soon(self._start_deferred)
        if not self._deferred and now - self._pass_started_at <= PASS_SECONDS:
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deferred.append(turn)
        return turn

    def _start_deferred(self) -> None:
        now, started_at = self._clock(), self._pass_started_at
        self._pass_started_at = None
        # Start more per pass while operations are short, and one per pass once they exceed the budget.
        elapsed = now - (now if started_at is None else started_at) - self._fast_path_since_start
        if elapsed > PASS_SECONDS:
            self._batch = 1
        elif elapsed < PASS_SECONDS / 2:
            self._batch = min(self._batch * 2, MAX_STARTS_PER_PASS)
        started = 0
        while self._deferred and started < self._batch:
            turn = self._deferred.popleft()
            if not turn.done():
                turn.set_result(None)
                started += 1
        if started:
            self._pass_started_at, self._fast_path_since_start = now, 0.0
            asyncio.get_running_loop().call_soon(self._start_deferred)
