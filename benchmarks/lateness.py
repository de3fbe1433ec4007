"""How late the event loop is while something runs in other threads."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Lateness:
    """Of passes of the event loop, which should come every millisecond: delays, and processor time of other threads between two.

    In seconds. On a busy machine only the second says how long a thread holds the interpreter.
    """

    delays: list[float] = field(default_factory=lambda: [0.0])
    others: list[float] = field(default_factory=lambda: [0.0])


def of_other_threads() -> float:
    """Processor time of all threads but this one, in seconds."""
    return time.process_time() - time.thread_time()


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """Measures until the block ends."""
    late = Lateness()

    async def watch() -> None:
        while True:
            due, used = time.perf_counter() + 0.001, of_other_threads()
            await asyncio.sleep(0.001)
            late.delays.append(time.perf_counter() - due)
            late.others.append(of_other_threads() - used)

    task = asyncio.create_task(watch())
    try:
        yield late
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
