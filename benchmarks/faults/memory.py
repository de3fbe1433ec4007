"""Memory of the server while upstream repeatedly sends unusable bodies."""

import asyncio
import time

from benchmarks.faults.bombs import BODIES, ENDLESS
from benchmarks.faults.soak import Row, Seen, Soak, failed, p99, scenario

PATIENT = {"COMPETENT_QUEUE_TIMEOUT": "60", "COMPETENT_MAX_EXECUTING": "300", "COMPETENT_OPERATION_TIMEOUT": "60"}
"""Settings so that even a slow machine causes no rejections or timeouts."""


async def bombard(soak: Soak, prefixes: list[str], a_second: float, until: float) -> list[Seen]:
    """Request unusable documents at this rate, each one new."""
    asking: list[asyncio.Task[Seen]] = []
    for number in range(10**9):
        if time.monotonic() >= until:
            break
        asking.append(asyncio.ensure_future(soak.ask(soak.new(prefixes[number % len(prefixes)]))))
        await asyncio.sleep(1 / a_second)
    return await asyncio.gather(*asking)


async def highest(soak: Soak, results: list[float]) -> None:
    """Record the memory of the server a hundred times per second, until cancelled."""
    while True:
        results.append(soak.server.megabytes)
        await asyncio.sleep(0.01)


@scenario("S5 R20", **PATIENT)
async def bombs_again_and_again(soak: Soak) -> list[Row]:
    rows: list[Row] = []
    for what, prefixes in (("gzip bombs of 64 MB", ["b0b0"]), ("unusable bodies of seven kinds", [*BODIES, ENDLESS])):
        await soak.warm()
        before, memory = soak.server.megabytes, list[float]()
        watching = asyncio.ensure_future(highest(soak, memory))
        bombed = asyncio.ensure_future(bombard(soak, prefixes, 10, time.monotonic() + soak.seconds))
        seen = await soak.load(unknown=10)
        refused = await bombed
        await asyncio.sleep(2)
        after = soak.server.megabytes
        watching.cancel()
        grown = max(memory) - before
        rows.append(
            Row(
                "S5, R20",
                f"{what}, 10 per second: memory",
                "<= 80 MB more; known 0 failed",
                f"{before:.0f} MB, at most {grown:.0f} MB more, {after - before:.0f} MB more after it; "
                f"{sum(bool(item.codes) for item in refused)} of {len(refused)} refused; "
                f"known {failed(seen, True):.1f} % failed, p99 {p99(seen):.0f} ms",
                grown <= 80 and failed(seen, True) == 0 and all(item.codes for item in refused),
            )
        )
    return rows
