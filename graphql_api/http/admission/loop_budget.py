"""Limits how many operations start in one event-loop pass, so that synchronous work does not pile up."""

import asyncio
from collections import deque
from collections.abc import Callable

MOST = 64
"""Maximum number of deferred operations started per event-loop pass."""
A_PASS = 0.02
"""Seconds per event-loop pass in which operations may start."""


class LoopBudget:
    """Starts operations in order of arrival, and defers those that exceed the time budget of an event-loop pass.

    An operation on cached data runs to completion without suspending. Without a budget, a burst of them would all run in one
    pass and delay rejections and health checks until its end.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self._later: deque[asyncio.Future[None]] = deque()
        self._at_once = 1
        self.most_aside = A_PASS / 2
        """Seconds per pass for requests that the fast path answers."""
        self._aside = 0.0
        """Seconds of this pass spent on them."""
        self._beside = 0.0
        """Seconds spent on them since the operations of this pass started."""

    # The fast path needs no turn and overtakes deferred operations; it may use half of each pass.

    @property
    def has_time(self) -> bool:
        """Whether the fast path has time left in this pass."""
        return self._aside < self.most_aside

    def spend(self, seconds: float) -> None:
        """Record time that the fast path spent."""
        if not self._aside:
            asyncio.get_running_loop().call_soon(self._renew)
        self._aside += seconds
        self._beside += seconds

    def _renew(self) -> None:
        self._aside = 0.0

    def begin(self) -> "asyncio.Future[None] | None":
        """Returns None if the caller may start now, else a future that is done when it is the caller's turn."""
        now = self._clock()
        if self._began is None:
            self._began, self._beside = now, 0.0
            asyncio.get_running_loop().call_soon(self._next)
        if not self._later and now - self._began <= A_PASS:
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._later.append(turn)
        return turn

    def _next(self) -> None:
        now, began = self._clock(), self._began
        self._began = None
        # Start more per pass while operations are short, and one per pass once they exceed the budget.
        took = now - (now if began is None else began) - self._beside
        self._at_once = 1 if took > A_PASS else min(self._at_once * 2, MOST) if took < A_PASS / 2 else self._at_once
        begun = 0
        while self._later and begun < self._at_once:
            turn = self._later.popleft()
            if not turn.done():
                turn.set_result(None)
                begun += 1
        if begun:
            self._began, self._beside = now, 0.0
            asyncio.get_running_loop().call_soon(self._next)
