"""Writes log lines in a separate thread, so that a full pipe or disk or a slow terminal never blocks a request or the stop.

`logging.handlers.QueueListener` has no bound in bytes, writes one line at a time and joins its thread without a timeout, so a
blocked pipe would hold up the stop of the process.
"""

import os
import time
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from typing import Protocol

QUEUE_BYTES = 4_000_000
"""Maximum bytes of queued lines; further lines are dropped."""
CHUNK_BYTES = 4096
"""Maximum bytes per write. A pipe writes up to PIPE_BUF bytes atomically, so lines of several processes do not mix."""
PAUSE = 0.01
"""Seconds between two batches under load; waking the thread for each line would cost more than writing the lines."""
NOT_READY = 0.05
"""Seconds until the next attempt if a non-blocking stream accepts nothing."""

Entry = bytes | int
"""A line with its newline, or the number of lines dropped at this position."""


class Raw(Protocol):
    """An unbuffered binary stream, such as `sys.stderr.buffer.raw`."""

    def write(self, data: bytes, /) -> int | None:
        """Write as many bytes as fit and return their number; None if a non-blocking stream accepts nothing."""


class LogWriter:
    """Accepts lines from any thread without blocking, and writes them in order.

    Lines are dropped and counted if the queue is full or writing fails. Once writing works again, a line rendered by `notice`
    reports the number of dropped lines.
    """

    def __init__(self, raw: Raw, notice: Callable[[int], bytes], capacity: int = QUEUE_BYTES) -> None:
        self._raw = raw
        self._notice = notice
        self._capacity = capacity
        self._reset()
        _writers.append(self)

    def _reset(self) -> None:
        self.dropped = 0
        """Lines dropped so far."""
        self._queue: list[Entry] = []
        self._queued_bytes = 0
        self._unreported = 0
        self._torn = False
        self._idle = True
        self._changed = Condition()
        self._thread: Thread | None = None

    def put(self, line: bytes) -> None:
        """Queue a line, or drop it if the queue is full."""
        with self._changed:
            if self._queued_bytes + len(line) > self._capacity:
                self._drop()
            else:
                self._queue.append(line)
                self._queued_bytes += len(line)
            if self._idle:
                self._idle = False
                self._changed.notify_all()
                if self._thread is None:
                    self._thread = Thread(target=self._run, name="log", daemon=True)
                    self._thread.start()

    def _count_dropped(self, lines: int) -> None:
        self.dropped += lines
        for observer in _observers:
            observer(lines)

    def _drop(self) -> None:
        self._count_dropped(1)
        if self._queue and isinstance(self._queue[-1], int):
            self._queue[-1] += 1
        else:
            self._queue.append(1)

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until all lines are written; return False if some are left."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, timeout)

    def _run(self) -> None:
        while True:
            for chunk in _chunks(self._next_batch()):
                self._write(chunk)
            time.sleep(PAUSE)

    def _next_batch(self) -> list[Entry]:
        with self._changed:
            while not self._queue:
                self._idle = True
                self._changed.notify_all()
                self._changed.wait()
            batch, self._queue = self._queue, []
            return batch

    def _write(self, chunk: Entry) -> None:
        """Write a chunk of lines, preceded by a notice if lines were dropped before it; or count a gap."""
        if isinstance(chunk, int):
            self._unreported += chunk
        if self._unreported and self._write_lines(self._notice(self._unreported)) == 0:
            self._unreported = 0
        if isinstance(chunk, bytes):
            lost = self._write_lines(chunk)
            self._unreported += lost
            with self._changed:
                self._queued_bytes -= len(chunk)
                if lost:
                    self._count_dropped(lost)

    def _write_lines(self, lines: bytes) -> int:
        """Write lines, and return the number of those that could not be written completely."""
        data = left = (b"\n" if self._torn else b"") + lines
        try:
            while left:
                size = self._raw.write(left)
                if size is None:
                    time.sleep(NOT_READY)
                    continue
                left = left[size:]
                self._torn = not data[: -len(left) or None].endswith(b"\n")
        except (OSError, ValueError):  # reader gone, disk full, or stream closed here
            return min(left.count(b"\n"), lines.count(b"\n"))
        return 0


def _chunks(batch: list[Entry]) -> Iterator[Entry]:
    """The entries, with consecutive lines joined up to the size of a chunk."""
    lines: list[bytes] = []
    size = 0
    for entry in batch:
        if lines and (isinstance(entry, int) or size + len(entry) > CHUNK_BYTES):
            yield b"".join(lines)
            lines, size = [], 0
        if isinstance(entry, int):
            yield entry
        else:
            lines.append(entry)
            size += len(entry)
    if lines:
        yield b"".join(lines)


_writers: list[LogWriter] = []
_observers: list[Callable[[int], None]] = []


def on_dropped_lines(observer: Callable[[int], None]) -> None:
    """Call `observer` with the number of lines that this process has dropped so far, and with each further number.

    It is called while a line is queued or written, so it must neither block nor log.
    """
    _observers.append(observer)
    observer(sum(writer.dropped for writer in _writers))


def _after_fork() -> None:
    """Reset the writers in a child process; its parent writes what was queued before the fork."""
    for writer in _writers:
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
