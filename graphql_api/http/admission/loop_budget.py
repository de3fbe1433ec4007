"""How many operations begin in one pass of the event loop: what is done in one go is not to be heaped up."""

import asyncio
from collections import deque
from collections.abc import Callable

MOST = 64
"""Of those who were put off, as many as begin together where they are small."""
A_PASS = 0.02
"""Seconds for which operations begin in one pass of the event loop."""


class LoopBudget:
    """Has operations begin in their order, and in one pass of the event loop only as many as do not take long.

    An operation that needs nothing from elsewhere is done in one go. A crowd of them would be done in one pass, however many have
    come, and neither refusals nor health would be heard of before its end.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self._later: deque[asyncio.Future[None]] = deque()
        self._at_once = 1
        self.most_aside = A_PASS / 2
        """Seconds of each pass for what is over at once."""
        self._aside = 0.0
        """Seconds of this pass that were spent on what is over at once."""
        self._beside = 0.0
        """The same since the operations of this pass began."""

    # What is known to be over at once needs no turn, and is done while others wait for theirs: it has half of each pass.

    @property
    def has_time(self) -> bool:
        """Whether there is time in this pass for what is over at once."""
        return self._aside < self.most_aside

    def spend(self, seconds: float) -> None:
        """So much was spent on it."""
        if not self._aside:
            asyncio.get_running_loop().call_soon(self._renew)
        self._aside += seconds
        self._beside += seconds

    def _renew(self) -> None:
        self._aside = 0.0

    def begin(self) -> "asyncio.Future[None] | None":
        """None to begin now, else a future that is done when it is the caller's turn."""
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
        # Small operations are not worth a pass each.
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
