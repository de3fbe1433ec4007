"""The progress of a thread that works in the background, which rests after each step so that others get their turn."""

import threading
import time

REST = 0.5
"""Seconds of rest per second of work."""


class Stopped(Exception):
    """The server stops: the work ends without a result."""


class VectorProgress:
    """The number of texts that have a vector, and of all; 0 until they are counted."""

    def __init__(self, stopping: threading.Event) -> None:
        self.done = self.total = 0
        self._stopping = stopping
        self._since = time.monotonic()

    @property
    def share(self) -> float:
        """From 0 to 1 (all have one)."""
        return self.done / self.total if self.total else 0.0

    def update(self, done: int, total: int) -> None:
        """Set the progress after a step, then rest in proportion to the time it took. Raises Stopped if the server stops."""
        self.done, self.total = done, total
        self.wait((time.monotonic() - self._since) * REST)
        self._since = time.monotonic()

    def finish(self, total: int) -> None:
        """Set the progress: all have one."""
        self.done = self.total = total

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped if the server stops."""
        if self._stopping.wait(seconds):
            raise Stopped
