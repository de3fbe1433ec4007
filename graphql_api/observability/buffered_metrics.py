"""Metrics that every request updates: buffered in plain numbers, and added to Prometheus metrics at each scrape (decision 30)."""

from collections import deque
from collections.abc import Iterable
from threading import Lock

from prometheus_client import REGISTRY, Counter, Histogram, Metric
from prometheus_client.registry import Collector

MAX_BUFFERED = 64
"""Maximum number of buffered observations of a histogram. Adding one takes a microsecond, in which other requests wait."""


class BufferedCounter:
    """A counter for hot paths: `count` is a plain number, which `flush` adds to the Prometheus counter."""

    __slots__ = ("_counter", "_flushed", "_lock", "count")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._lock = Lock()
        self._flushed = 0
        self.count = 0
        _buffered.append(self)

    def flush(self) -> None:
        """Update the Prometheus counter; may be called from any thread."""
        with self._lock:
            count = self.count
            if count > self._flushed:
                self._counter.inc(count - self._flushed)
            self._flushed = count


class BufferedHistogram:
    """A histogram for hot paths, whose observations `flush` adds to the Prometheus histogram."""

    __slots__ = ("_histogram", "_lock", "_values")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._lock = Lock()
        self._values: deque[float] = deque()
        _buffered.append(self)

    def observe(self, value: float) -> None:
        """Add an observation."""
        self._values.append(value)
        if len(self._values) >= MAX_BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Update the Prometheus histogram; may be called from any thread."""
        with self._lock:
            while self._values:
                self._histogram.observe(self._values.popleft())


_buffered: list[BufferedCounter | BufferedHistogram] = []


class Flushing(Collector):
    """Flushes the buffered metrics at each scrape; registered before them, so that they are collected after it."""

    def collect(self) -> Iterable[Metric]:
        """Flush the buffered metrics; returns no metrics of its own."""
        flush()
        return ()


def flush() -> None:
    """Update the Prometheus metrics from the buffered ones. With several processes, each does so for its own metrics."""
    for metric in _buffered:
        metric.flush()


REGISTRY.register(Flushing())
