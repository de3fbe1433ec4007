"""One timer for whatever is waited for: it looks again when its time has come, and is not set anew with every change."""

import asyncio
from collections.abc import Callable


class Watch:
    """Calls something once a time is over, unless something else was set or it was cleared by then."""

    __slots__ = ("_due", "_late", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: float | None = None
        self._late: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, late: Callable[[], None]) -> None:
        """Call `late` in so many seconds, in place of what was set."""
        self._due, self._late = self._loop.time() + seconds, late
        if self._timer is None or self._timer.when() > self._due:
            self._stop()
            self._timer = self._loop.call_at(self._due, self._look)

    def clear(self) -> None:
        """Call nothing."""
        self._due = None

    def close(self) -> None:
        """Call nothing any more."""
        self._due = None
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._timer = self._loop.call_at(self._due, self._look)
        else:
            self._due = None
            self._late()
