"""The server as a process: overload, starting while upstream is down, stopping."""

import asyncio
import signal
import time
from dataclasses import replace

import aiohttp

from benchmarks import overload
from benchmarks.faults.soak import ONE_COMPETENCE, SETTINGS, Row, Soak, failed, p99, scenario, until_ok, upstream_on
from benchmarks.servers import Serving, free_port, serving


@scenario("R8")
async def too_much(soak: Soak) -> list[Row]:
    async with serving(**overload.WORKING) as server:
        most, seen = await overload.compared(server.port, soak.seconds / 2)
    good = {times: value.good / (soak.seconds / 2) for times, value in seen.items()}
    share = good[5] / good[1] if good[1] else 0.0
    refused = seen[5]
    return [
        Row(
            "R8",
            f"5 times the sustainable rate ({most:.0f} per second): successful operations, as a share of those at 1 time",
            ">= 70 %",
            f"{share:.0%}",
            share >= 0.7,
        ),
        Row(
            "R8",
            "5 times the rate: refused within (p99)",
            "<= 250 ms, with `Retry-After`",
            f"{1000 * refused.p99(503):.0f} ms (median {1000 * refused.median(503):.0f} ms), "
            f"{refused.count(503)} refused, {refused.unsaid} without; {refused.lost} lost",
            refused.p99(503) <= 0.25 and not refused.unsaid and not refused.lost,
        ),
    ]


@scenario("R8", COMPETENT_MAX_OPERATIONS="40")
async def stored_last(soak: Soak) -> list[Row]:
    """Run fifty clients with a limit of twenty that may wait for upstream."""
    await soak.warm()
    await soak.fail("hang", ONE_COMPETENCE)
    seen = await soak.load(unknown=200, cached=30, seconds=min(soak.seconds, 20))
    shed = sum(response.codes == ["UPSTREAM_UNAVAILABLE"] for response in seen if not response.cached)
    return [
        Row(
            "R8",
            "upstream hangs, more operations than may wait for it: readers of cached data refused",
            "<= 1 %",
            f"{failed(seen, True):.1f} %, p99 {p99(seen):.0f} ms ({shed} others were refused)",
            failed(seen, True) <= 1 and shed > 0,
        )
    ]


@scenario("R14")
async def stopping(soak: Soak) -> list[Row]:
    await soak.fail("hang", ONE_COMPETENCE)
    asking = [asyncio.ensure_future(soak.ask(soak.new())) for _ in range(10)]
    await asyncio.sleep(0.5)
    took = await stopped(soak.server)
    broken = sum(item.codes != ["UPSTREAM_TIMEOUT"] for item in await asyncio.gather(*asking))
    async with serving(COMPETENT_UPSTREAM_URL=soak.upstream, **SETTINGS) as idle:
        idling = [await asyncio.open_connection("127.0.0.1", idle.port) for _ in range(40)]
        for _, writer in idling[:20]:  # half of them have sent a request
            writer.write(overload.HEALTH)
        await asyncio.gather(*(reader.readuntil(b"}") for reader, _ in idling[:20]))
        idle_took = await stopped(idle)
        for _, writer in idling:
            writer.close()
    return [
        Row(
            "R14",
            "SIGTERM with a hung upstream",
            "<= 12 s, nothing broken",
            f"{took:.1f} s, {broken} broken",
            took <= 12 and not broken,
        ),
        Row("R14", "SIGTERM with 40 idle connections", "<= 2 s", f"{idle_took:.1f} s", idle_took <= 2),
    ]


async def stopped(server: Serving) -> float:
    """Stop a server and return the seconds that it took."""
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await server.process.wait()
    return time.monotonic() - began


@scenario("R15")
async def health(soak: Soak) -> list[Row]:
    """Check readiness with default settings, and an upstream that is down at first."""
    port, http = free_port(), soak.http
    began = time.monotonic()
    async with serving(**SETTINGS | {"COMPETENT_UPSTREAM_URL": f"http://127.0.0.1:{port}"}) as server:
        await until_ok(http, f"{server.url}/health/live")
        up = time.monotonic() - began
        live: list[int] = []
        watching = asyncio.ensure_future(watch(http, f"{server.url}/health/live", live))
        before, _ = await ready(http, server)
        async with upstream_on(port):
            second = await until_ok(http, f"{server.url}/health/ready")
            answer = await replace(soak, server=server).ask(soak.new())  # the same clients
            server.process.send_signal(signal.SIGTERM)
            draining, why = await ready(http, server)
            lived = list(live)  # while requests were accepted
            await server.process.wait()
            watching.cancel()
    return [
        Row("R15", "start with upstream down: responds after", "<= 10 s", f"{up:.1f} s", up <= 10),
        Row(
            "R15",
            "upstream comes back: ready without restart after",
            "<= 5 s; 503 before",
            f"{second:.1f} s; {before} before",
            second <= 5 and before == 503 and not answer.codes,
        ),
        Row(
            "R15",
            "liveness meanwhile; readiness after SIGTERM",
            "always 200; 503",
            f"{set(lived)} in {len(lived)} looks; {draining}, {why}",
            set(lived) == {200} and draining == 503,
        ),
    ]


async def ready(http: aiohttp.ClientSession, server: Serving) -> tuple[int, str]:
    """Status and reasons of the readiness check."""
    async with http.get(f"{server.url}/health/ready") as response:
        return response.status, ", ".join((await response.json())["reasons"])


async def watch(http: aiohttp.ClientSession, url: str, seen: list[int]) -> None:
    """Record the status of a URL ten times per second, until it is unreachable."""
    while True:
        try:
            async with http.get(url) as response:
                seen.append(response.status)
        except aiohttp.ClientError:
            return
        await asyncio.sleep(0.1)
