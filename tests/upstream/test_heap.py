"""Freed memory is returned to the system soon but rarely, if the C library can."""

import asyncio
import threading

from graphql_api.upstream.heap import HeapTrimmer


class Trims:
    """A fake `malloc_trim` that records the threads of its calls."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.called = threading.Event()

    def __call__(self, pad: int) -> int:
        self.threads.append(threading.current_thread())
        self.called.set()
        return 1


async def test_a_hundred_rejected_bodies_cause_one_trim_in_a_separate_thread() -> None:
    trims = Trims()
    trimmer = HeapTrimmer(trims)
    for _ in range(100):
        trimmer.trim_soon()
    assert trims.threads == []

    assert await asyncio.to_thread(trims.called.wait, 30)
    assert len(trims.threads) == 1
    assert trims.threads[0] not in (threading.main_thread(), threading.current_thread())

    trims.called.clear()
    trimmer.trim_soon()
    assert await asyncio.to_thread(trims.called.wait, 30)
    assert len(trims.threads) == 2


async def test_no_trim_runs_without_glibc_or_after_close() -> None:
    HeapTrimmer(None).trim_soon()
    trims = Trims()
    trimmer = HeapTrimmer(trims)
    trimmer.trim_soon()
    trimmer.close()
    handles = [item for item in [trimmer._timer] if item and not item.cancelled()]

    assert handles == trims.threads == []
