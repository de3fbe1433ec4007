"""Work between two passes of the event loop, counted in calls of functions: the same on a slow machine and on a busy one."""

import selectors
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from graphql_api.schema.time_slices import RoundRobin

CALL = 1e-7
"""Seconds that a call is taken to last, for time slices: about as long as on the machines that this was written on."""

_SELECT = selectors.DefaultSelector.select.__code__


class Work:
    """Counts calls, Python's and C's; `longest` is the largest number between two passes of the loop."""

    def __init__(self) -> None:
        self.calls = 0
        self.longest = 0
        self._at_last_pass = 0

    def clock(self) -> float:
        """Seconds, if each call lasted as long as the others."""
        return self.calls * CALL

    def _count(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is _SELECT:
            self._end_pass()
        elif event in ("call", "c_call"):
            self.calls += 1

    def _end_pass(self) -> None:
        self.longest = max(self.longest, self.calls - self._at_last_pass)
        self._at_last_pass = self.calls

    @contextmanager
    def counted(self, scheduler: RoundRobin) -> Iterator[None]:
        """Count what this thread does, and have the scheduler measure its time slices so."""
        clock, scheduler.clock = scheduler.clock, self.clock
        self._at_last_pass = self.calls
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._end_pass()
            scheduler.clock = clock
