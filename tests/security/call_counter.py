"""Measures work between two event-loop passes in function calls, which does not depend on the speed or load of the machine."""

import selectors
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from graphql_api.schema.time_slices import RoundRobin

CALL = 1e-7
"""Assumed seconds per call, for time slices; about the time on a developer's machine."""

_SELECT = selectors.DefaultSelector.select.__code__


class Work:
    """Counts calls of Python and C functions; `longest` is the largest number between two event-loop passes."""

    def __init__(self) -> None:
        self.calls = 0
        self.longest = 0
        self._at_last_pass = 0

    def clock(self) -> float:
        """The time in seconds, if each call takes CALL seconds."""
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
        """Count calls of this thread, and have the scheduler measure its time slices in them."""
        clock, scheduler.clock = scheduler.clock, self.clock
        self._at_last_pass = self.calls
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._end_pass()
            scheduler.clock = clock
