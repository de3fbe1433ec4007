"""The bulkhead: slots by priority and order of arrival, and deadlines of the calls that wait."""

import asyncio
import math

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.bulkhead import Bulkhead
from tests.upstream.virtual_time import in_virtual_time


def test_each_waiting_call_times_out_at_its_own_deadline() -> None:
    async def run() -> None:
        loop, bulkhead = asyncio.get_running_loop(), Bulkhead(1)
        await bulkhead.acquire(Priority.INTERACTIVE, math.inf)
        start = loop.time()
        ended: list[tuple[str, float]] = []

        async def call(name: str, seconds: float) -> None:
            try:
                await bulkhead.acquire(Priority.INTERACTIVE, start + seconds)
            except TimeoutError:
                ended.append((name, loop.time() - start))
            else:
                ended.append((f"{name} has a slot", loop.time() - start))

        waits = {"third": 3.0, "first": 1.0, "leaves": 1.5, "second": 2.0, "patient": math.inf, "late": 9.0}
        tasks = {name: asyncio.create_task(call(name, seconds)) for name, seconds in waits.items()}
        await asyncio.sleep(0.5)
        tasks["leaves"].cancel()
        await asyncio.sleep(3.5)
        assert ended == [("first", 1.0), ("second", 2.0), ("third", 3.0)]
        assert bulkhead.waiting(Priority.INTERACTIVE) == 2

        bulkhead.release()
        await asyncio.sleep(10)
        assert ended[3:] == [("patient has a slot", 4.0), ("late", 9.0)]
        assert (bulkhead.waiting(Priority.INTERACTIVE), bulkhead.in_use) == (0, 1)

    in_virtual_time(run())
