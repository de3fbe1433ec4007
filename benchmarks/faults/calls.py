"""Calls to a failing upstream: deadlines, retries, Retry-After, concurrency, rate limit and disconnected clients."""

import asyncio
import time

from benchmarks.faults.soak import CLIENTS, COMPETENCES, ONE_COMPETENCE, Row, Soak, failed, keys, p99, scenario


@scenario("R1")
async def hanging(soak: Soak) -> list[Row]:
    await soak.warm()
    await soak.fail("hang", ONE_COMPETENCE)
    seen = await soak.load()
    slowest = max(response.seconds for response in seen)
    return [
        Row(
            "R1",
            "upstream hangs: slowest response",
            "<= 5.5 s",
            f"{slowest:.2f} s; known {failed(seen, True):.1f} % failed, p99 {p99(seen):.0f} ms",
            slowest <= 5.5 and failed(seen, True) == 0,
        )
    ]


async def brownout(soak: Soak, name: str, errors: float, hangs: float, most: float, calls: float) -> list[Row]:
    await soak.warm()
    await soak.book()
    await soak.fail(rate=errors)
    await soak.fail("hang", rate=hangs / (1 - errors))
    seen = await soak.load()
    count = sum(path.removeprefix(COMPETENCES) not in soak.cached for _, path, *_ in (await soak.book())["calls"])
    each_key = count / keys(seen)
    return [
        Row(
            name,
            f"{errors:.0%} 503, {hangs:.0%} timeouts",
            f"known 0 failed, p99 <= 150 ms; unknown <= {most:g} % failed at <= {calls:g} calls a key",
            f"{failed(seen, True):.1f} %, {p99(seen):.0f} ms; {failed(seen, False):.2f} % at {each_key:.2f} ({keys(seen)} keys)",
            failed(seen, True) == 0 and failed(seen, False) <= most and each_key <= calls and p99(seen) <= 150,
        )
    ]


@scenario("R2")
async def brownout_light(soak: Soak) -> list[Row]:
    return await brownout(soak, "R2", 0.10, 0.03, 1.0, 1.2)


@scenario("R3")
async def brownout_heavy(soak: Soak) -> list[Row]:
    return await brownout(soak, "R3", 0.30, 0.10, 10.0, 1.65)


async def flap(soak: Soak, fault: str, every: float, until: float) -> None:
    """Alternate between upstream down and up, `every` seconds each."""
    down = False
    while time.monotonic() < until:
        down = not down
        await (soak.fail(fault) if down else soak.heal())
        await asyncio.sleep(every)


@scenario("R21")
async def flapping(soak: Soak) -> list[Row]:
    await soak.warm()
    rows: list[Row] = []
    for fault, every in (("status", 3.0), ("hang", 3.0), ("status", 1.0)):
        flapped = asyncio.ensure_future(flap(soak, fault, every, time.monotonic() + soak.seconds))
        seen = await soak.load()
        await flapped
        await soak.heal()
        await asyncio.sleep(5)
        slowest = max(response.seconds for response in seen)
        rows.append(
            Row(
                "R21",
                f"upstream down ({fault}) and up every {every:g} s: unknown failed",
                "<= 40 %; known 0 failed",
                f"{failed(seen, False):.1f} %, slowest {slowest:.1f} s; known {failed(seen, True):.1f} %, p99 {p99(seen):.0f} ms",
                failed(seen, False) <= 40 and failed(seen, True) == 0,
            )
        )
    return rows


@scenario("R5")
async def retry_after(soak: Soak) -> list[Row]:
    await soak.warm()
    await soak.book()
    await soak.fail(match=ONE_COMPETENCE, status=429, retryAfter=3, rate=0.02)
    seen = await soak.load()
    calls = (await soak.book())["calls"]
    # Calls in flight when upstream responded get 0.1 seconds.
    refused_at = [at for *_, status, at in calls if status == 429]
    inside = sum(
        path.startswith(COMPETENCES) and at + 0.1 < came < at + 2.9 for at in refused_at for came, path, *_ in calls
    )
    windows = len(refused_at)
    return [
        Row(
            "R5",
            "calls inside a `Retry-After`",
            "0",
            f"{inside} in {windows} windows; known {failed(seen, True):.1f} % failed",
            inside == 0,
        )
    ]


@scenario("R7")
async def bulkhead(soak: Soak) -> list[Row]:
    await soak.fail("slow", ONE_COMPETENCE, seconds=0.5)
    await soak.book()
    await soak.load(unknown=200, cached=0)
    most = (await soak.book())["most"]
    return [Row("R7", "concurrent calls", "<= 40", str(most), most <= 40)]


@scenario("R9")
async def coalescing(soak: Soak) -> list[Row]:
    await soak.warm(1)
    rows: list[Row] = []
    for what, most in (("unknown", 1), ("failing", 6)):
        if what == "failing":
            await soak.fail(match=ONE_COMPETENCE)
        await soak.book()
        uuid = soak.new()
        for _ in range(6):
            await asyncio.gather(*(soak.ask(uuid) for _ in range(CLIENTS)))
        calls = sum(uuid in path for _, path, *_ in (await soak.book())["calls"])
        rows.append(Row("R9", f"300 clients, one {what} key: calls", f"<= {most}", str(calls), calls <= most))
    return rows


@scenario("R12")
async def missing(soak: Soak) -> list[Row]:
    ids = [soak.new("dead") for _ in range(10)]
    await soak.book()
    for _ in range(18):
        await asyncio.gather(*map(soak.ask, ids))
    calls = sum("/dead" in path for _, path, *_ in (await soak.book())["calls"])
    return [Row("R12", "10 missing ids, 180 requests: calls", "<= 20", str(calls), calls <= 20)]


@scenario("R13", COMPETENT_UPSTREAM_RATE_LIMIT="300")
async def plan(soak: Soak) -> list[Row]:
    await soak.book()
    await soak.load(unknown=60, cached=0)
    times = [at for at, path, *_ in (await soak.book())["calls"] if path.startswith(COMPETENCES)]
    most = max(sum(at <= other < at + 60 for other in times) for at in times)
    return [
        Row("R13", "rate limit of 300, 60 requested per second: calls in any 60 s", "<= 300", str(most), most <= 300)
    ]


@scenario("R19")
async def leaving(soak: Soak) -> list[Row]:
    await soak.fail("hang", ONE_COMPETENCE)
    asking = [asyncio.ensure_future(soak.ask(soak.new())) for _ in range(30)]
    await asyncio.sleep(0.5)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0.5)
    under_way = (await soak.book())["under_way"]
    return [Row("R19", "clients disconnected: calls in progress after 0.5 s", "0", str(under_way), under_way == 0)]
