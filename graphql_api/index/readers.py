"""The reader threads of one index file, with a bounded queue and a deadline per query.

A query whose deadline passes in the queue is not run; a running one is interrupted within STEPS steps of SQLite.
"""

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import SimpleQueue
from typing import Concatenate, ParamSpec, TypeVar

from graphql_api.errors import ServerBusy, UpstreamTimeout
from graphql_api.observability.metrics import INDEX_QUERIES

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2
"""Reader threads per index."""
QUEUE = 200
"""Maximum queries per index that run or wait. An operation has one at a time."""
STEPS = 20_000
"""Steps of SQLite's virtual machine between checks of the deadline: about two milliseconds."""
RETRY_AFTER = 1.0
"""Seconds before a client retries; a full queue empties sooner."""


class _Late(Exception):
    """The deadline of the query has passed, or its caller has left."""


class _PendingQuery:
    """A pending query; `deadline` is a time of `time.monotonic`, set to -inf when its caller leaves."""

    __slots__ = ("deadline",)

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline


class Readers:
    """Runs queries (functions of a connection) in threads. `connect` is called immediately, for a connection per thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], threads: int = THREADS, queue: int = QUEUE) -> None:
        self._pool = ThreadPoolExecutor(threads, "index")
        self._queue = queue
        self._pending = 0
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        with ExitStack() as opened:
            for _ in range(threads):
                self._idle.put(opened.enter_context(closing(connect())))
            self._connections = opened.pop_all()

    async def run(
        self,
        deadline: float,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a query in a thread; `deadline` is a time of the event loop's clock, which threads cannot read.

        Raises ServerBusy if the queue is full, UpstreamTimeout if the deadline passes first.
        """
        if self._pending >= self._queue:
            INDEX_QUERIES.labels("rejected").inc()
            raise ServerBusy("Too many queries are waiting for the index. Try again.", retry_after=RETRY_AFTER)
        loop = asyncio.get_running_loop()
        left = deadline - loop.time()
        pending = _PendingQuery(time.monotonic() + left)
        self._pending += 1
        future = loop.run_in_executor(self._pool, lambda: self._run(pending, query, *args, **kwargs))
        try:
            if left < math.inf:
                await asyncio.wait([future], timeout=max(left, 0))
                if not future.done():
                    raise _Late
            result = await future
        except _Late:
            INDEX_QUERIES.labels("timeout").inc()
            raise UpstreamTimeout("The index did not respond in time.", retry_after=RETRY_AFTER) from None
        finally:
            self._pending -= 1
            pending.deadline = -math.inf
            future.cancel()
        INDEX_QUERIES.labels("ok").inc()
        return result

    def _run(
        self,
        pending: _PendingQuery,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def is_late() -> bool:
            return time.monotonic() >= pending.deadline

        if is_late():
            raise _Late
        connection = self._idle.get()
        connection.set_progress_handler(is_late, STEPS)
        try:
            return query(connection, *args, **kwargs)
        except sqlite3.OperationalError:
            if is_late():
                raise _Late from None
            raise
        finally:
            connection.set_progress_handler(None, 0)
            self._idle.put(connection)

    def close(self) -> None:
        """Wait for running queries, and close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._connections.close()
