"""Two connections to one server, one with the fast path and one without.

Responses, metrics and log lines must be the same on both.
"""

import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from prometheus_client import REGISTRY

from graphql_api.server.protocol import BoundedConfig, FastPathHandler
from tests.conftest import LONG, Clock, Server
from tests.server.fast_path.memory_transport import Answer, Line, Spy

OF_A_REQUEST = ("request_id", "duration_ms")
"""Log fields that differ in every line."""


class RecordingHandler(logging.Handler):
    """A logging handler that collects records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def recorded_logs(name: str, level: int) -> Iterator[RecordingHandler]:
    """Collect what a logger logs from this level up."""
    logger, handler = logging.getLogger(name), RecordingHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def counts() -> Counter[tuple[str, tuple[tuple[str, str], ...]]]:
    """All metrics of the server, without durations."""
    return Counter(
        {
            (sample.name, tuple(sample.labels.items())): int(sample.value)
            for metric in REGISTRY.collect()
            if metric.name.startswith("competent_")
            for sample in metric.samples
            if sample.name.endswith(("_total", "_count"))
        }
    )


def remove_time_limits(fast_path: Any) -> None:
    """Remove all time limits of a fast path, so that a busy machine does not change its decisions."""
    fast_path.max_seconds = fast_path._loop_budget.max_fast_path_seconds = math.inf
    fast_path._endpoint.engine.scheduler.clock = Clock()


class Both:
    """The two connections; compares response, metrics and log lines of each request that is sent on both."""

    def __init__(
        self, server: Server, config: BoundedConfig, fast_path: FastPathHandler, log: RecordingHandler
    ) -> None:
        self.server = server
        self.fast_path: Any = fast_path
        remove_time_limits(self.fast_path)
        self._config = config
        self._log = log
        self.lines: list[Line] = []
        self.fast = self.line()
        self.long = self.line(fast=False)

    def line(self, fast: bool = True, clock: Any = None, path: FastPathHandler | None = None) -> Line:
        """Open another connection, with its own clock or another fast path."""
        spy = Spy(path or self.fast_path) if fast else None
        self.lines.append(Line(self._config, spy, clock))
        return self.lines[-1]

    async def ask_uncached(self, *pieces: bytes) -> Answer:
        """Send a request twice, so that everything is cached, and return the second response."""
        await self.fast.ask(*pieces)
        return await self.fast.ask(*pieces)

    async def ask(self, *pieces: bytes, of_long: tuple[bytes, ...] = ()) -> tuple[Answer, bool]:
        """The response, which must be the same on both connections, and whether the fast path served it.

        If set, `of_long` is sent on the connection without the fast path instead.
        """
        self.take_lines()
        before = counts()
        fast, was_fast = await self.fast.ask_fast(*pieces)
        lines, between = self.take_lines(), counts()
        long = await self.long.ask(*(of_long or pieces))
        assert fast.seen == long.seen, f"{fast.seen}\n{long.seen}"
        assert lines == (its := self.take_lines()), f"{lines}\n{its}"
        counted, its_counted = between - before, counts() - between
        assert counted == its_counted, f"{counted - its_counted}\n{its_counted - counted}"
        return fast, was_fast

    async def ask_repeated(self, *pieces: bytes) -> tuple[Answer, bool]:
        """Like `ask`, after the request was sent before."""
        await self.ask_uncached(*pieces)
        return await self.ask(*pieces)

    def take_lines(self) -> list[dict[str, Any]]:
        """Log lines about requests since the last call, without the fields that always differ."""
        lines = [{"event": record.getMessage()} | record.__dict__.get("fields", {}) for record in self._log.records]
        self._log.records.clear()
        return [{name: item for name, item in line.items() if name not in OF_A_REQUEST} for line in lines]


@asynccontextmanager
async def both(server: Server, **bounds: Any) -> AsyncIterator[Both]:
    """Run a server with both connections. The fast path may decline a request but must never fail."""
    limits: dict[str, Any] = {"arrival_timeout": LONG, "max_head_bytes": 32_768, "timeout_keep_alive": LONG} | bounds
    config = BoundedConfig(server.app, log_config=None, access_log=False, lifespan="off", ws="none", **limits)
    config.load()
    with (
        recorded_logs("graphql_api.requests", logging.INFO) as log,
        recorded_logs("graphql_api.server.fast_path", logging.DEBUG) as failed,
        recorded_logs("asyncio", logging.ERROR) as unheard,
    ):
        async with server.client, server.app.router.lifespan_context(server.app) as state:
            assert state is not None
            pair = Both(server, config, state["fast_path"], log)
            try:
                yield pair
            finally:
                for item in pair.lines:
                    item.protocol.connection_lost(None)
    for item in (*failed.records, *unheard.records):
        raise AssertionError(logging.Formatter().format(item))
