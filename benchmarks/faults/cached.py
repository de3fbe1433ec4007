"""Cached documents while upstream fails: served immediately, and marked if stale."""

import asyncio
import time

from benchmarks.faults.soak import COMPETENCES, Row, Soak, failed, p99, scenario


@scenario("R0")
async def untroubled(soak: Soak) -> list[Row]:
    """The baseline of this machine without faults."""
    await soak.warm()
    seen = await soak.load()
    summary = (
        f"known {failed(seen, True):.1f} % failed, p99 {p99(seen):.0f} ms; unknown {failed(seen, False):.1f} % failed"
    )
    return [Row("", "no fault, for comparison", "", summary, True)]


@scenario("R4 R6 R10 R20", COMPETENT_RELEASE_TTL="2")
async def dead(soak: Soak) -> list[Row]:
    await soak.warm()
    await asyncio.sleep(2.5)
    await soak.book()
    before = soak.server.megabytes
    await soak.fail()
    seen = await soak.load()
    book = await soak.book()
    grown = soak.server.megabytes - before
    unknown = [path for _, path, *_ in book["calls"] if path.removeprefix(COMPETENCES) not in soak.cached]
    later = [response for response in seen if not response.cached and response.at > seen[0].at + 5]
    quick = sorted(item.seconds for item in later)[int(len(later) * 0.95)]
    stale = [response for response in seen if response.cached and not response.codes]
    await soak.heal()
    healed = time.monotonic()
    well = [item.at - healed for item in await soak.load(seconds=8) if item.codes]
    recovered = max(well, default=0.0)
    return [
        Row(
            "R4",
            "dead upstream, 30 unknown per second: calls per second for them",
            "<= 5",
            f"{len(unknown) / soak.seconds:.1f} ({len(book['calls']) / soak.seconds:.1f} with revalidations)",
            len(unknown) / soak.seconds <= 5,
        ),
        Row("R6", "breaker open: unknown fails within (p95)", "<= 300 ms", f"{1000 * quick:.0f} ms", quick <= 0.3),
        Row("R6", "recovers after the fault", "<= 5 s", f"{recovered:.1f} s", recovered <= 5),
        Row(
            "R10, R11",
            "503: known data",
            "0 failed, p99 <= 150 ms, marked as stale",
            f"{failed(seen, True):.1f} % failed, {p99(seen):.0f} ms, "
            f"{100 * sum(item.stale for item in stale) / max(len(stale), 1):.0f} % said so",
            failed(seen, True) == 0 and p99(seen) <= 150 and all(item.stale for item in stale),
        ),
        Row("R20", "memory grown during the fault", "<= 80 MB", f"{grown:.0f} MB", grown <= 80),
    ]


@scenario("R11", COMPETENT_RELEASE_TTL="1")
async def stale_if_error(soak: Soak) -> list[Row]:
    await soak.warm()
    rows: list[Row] = []
    for what, fault in (
        ("hangs", {"kind": "hang"}),
        ("429", {"status": 429, "retryAfter": 5}),
        ("HTML", {"kind": "html"}),
    ):
        await asyncio.sleep(1.5)
        await soak.fail(**fault)
        seen = await soak.load(unknown=0.001, cached=60, seconds=max(soak.seconds / 3, 3))
        await soak.heal()
        stale = [response for response in seen if response.cached]
        rows.append(
            Row(
                "R11",
                f"upstream {what}: known, no longer fresh",
                "0 failed, p99 <= 150 ms, marked as stale",
                f"{failed(seen, True):.1f} % failed, {p99(seen):.0f} ms, {100 * sum(e.stale for e in stale) / len(stale):.0f} %",
                failed(seen, True) == 0 and p99(seen) <= 150,
            )
        )
    return rows
