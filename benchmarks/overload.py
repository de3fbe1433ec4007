"""Load shedding: measures a server at five times its capacity, over real sockets on this machine.

Prints Markdown: if a burst on an idle server is served, goodput at 1 and 5 times the capacity, and response times of
rejections and of health checks.

    python -m benchmarks.overload [--seconds 10]
"""

import argparse
import asyncio
import re
import statistics
import sys
import time
from dataclasses import dataclass, field

import orjson

from benchmarks.servers import serving

QUERY = """query Overload { occupationalProfiles(first: 30) { nodes {
  code title { nl fr } essentialCompetences { code skill { description { nl } } knowledgeItems { description { nl } } }
} } }"""
MOST_CONNECTIONS = 600
BURST = 400
WORKING = {"COMPETENT_RESPONSE_CACHE_BYTES": "0"}
"""Disables the response caches: cached responses are so cheap that these clients could not overload the server."""


@dataclass
class Seen:
    """Responses: seconds of each, by status."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0
    unasked: int = 0
    unsaid: int = 0
    """Number of rejections without Retry-After."""

    @property
    def good(self) -> int:
        """Number of responses with data."""
        return self.count(200)

    def add(self, status: int, seconds: float) -> None:
        self.seconds.setdefault(status, []).append(seconds)

    def count(self, status: int) -> int:
        return len(self.seconds.get(status, ()))

    def p99(self, status: int) -> float:
        times = self.seconds.get(status, [])
        return statistics.quantiles(times, n=100)[98] if len(times) > 1 else 0.0

    def median(self, status: int) -> float:
        times = self.seconds.get(status, [])
        return statistics.median(times) if times else 0.0


class Client:
    """A client with keep-alive connections and minimal work per request."""

    def __init__(self, port: int) -> None:
        self.unsaid = 0
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.open = 0

    async def ask(self, request: bytes) -> int:
        """Send a request, read the whole response and return its status."""
        reader, writer = self._reused() or await self._connect()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
        except BaseException:
            writer.close()
            self.open -= 1
            raise
        self._idle.append((reader, writer))
        status = int(head[9:12])
        self.unsaid += status == 503 and b"\r\nretry-after:" not in head.lower()
        return status

    def _reused(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """An idle connection that is still open, or None; the server closes idle ones after a while."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
            self.open -= 1
        return None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.open += 1
        try:
            return await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        except BaseException:
            self.open -= 1
            raise

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


def post(query: str) -> bytes:
    """A request for an operation, as bytes."""
    body = orjson.dumps({"query": query})
    return b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


HEALTH = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


async def capacity(port: int, seconds: float) -> float:
    """Operations per second with enough sequential clients to keep the server busy."""
    client, done, end = Client(port), 0, time.perf_counter() + seconds

    async def loop() -> None:
        nonlocal done
        while time.perf_counter() < end:
            status = await client.ask(post(QUERY))
            done += status == 200

    await asyncio.gather(*(loop() for _ in range(16)))
    client.close()
    return done / seconds


async def at_rate(port: int, rate: float, seconds: float) -> tuple[Seen, Seen]:
    """Responses to requests at a constant rate, sent without waiting for responses; and to health checks meanwhile."""
    seen, health, client = Seen(), Seen(), Client(port)
    request = post(QUERY)

    async def one(body: bytes, into: Seen, due: float) -> None:
        try:
            async with asyncio.timeout(10):
                into.add(await client.ask(body), time.perf_counter() - due)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            into.lost += 1

    start, sent, probes = time.perf_counter(), 0, 0
    tasks: set[asyncio.Task[None]] = set()
    while (passed := time.perf_counter() - start) < seconds:
        while sent < passed * rate:
            sent += 1
            if len(tasks) >= MOST_CONNECTIONS:
                seen.unasked += 1
                continue
            task = asyncio.create_task(one(request, seen, time.perf_counter()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if probes < passed * 10:
            probes += 1
            task = asyncio.create_task(one(HEALTH, health, time.perf_counter()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    client.close()
    seen.unsaid = client.unsaid
    return seen, health


async def most_of(port: int, seconds: float) -> float:
    """The capacity of a warm server, in operations per second."""
    await Client(port).ask(post("{ release { number } }"))
    await capacity(port, 1.0)
    return await capacity(port, seconds / 2)


async def compared(port: int, seconds: float) -> tuple[float, dict[int, Seen]]:
    """The capacity of a server in operations per second, and its responses at 1 and 5 times that rate."""
    most = await most_of(port, seconds)
    return most, {times: (await at_rate(port, most * times, seconds))[0] for times in (1, 5)}


async def burst(port: int) -> Seen:
    """Responses to a burst of different operations."""
    seen, client = Seen(), Client(port)

    async def one(number: int) -> None:
        start = time.perf_counter()
        seen.add(await client.ask(post(QUERY.replace("Overload", f"Burst{number}"))), time.perf_counter() - start)

    await asyncio.gather(*(one(number) for number in range(BURST)))
    client.close()
    return seen


async def measure(seconds: float) -> int:
    async with serving(**WORKING) as server:
        port = server.port
        simultaneous = await burst(port)
        longest = max(simultaneous.seconds.get(200, [0.0]))
        print(
            f"Of {BURST} simultaneous operations {simultaneous.count(503)} were refused; the last answer took {longest:.2f} s."
        )
        most = await most_of(port, seconds)
        print(f"The server does {most:.0f} operations a second for 16 clients that wait for each other.\n")
        print(
            "| rate | asked a second | good a second | p99 good, ms | refused | p99 refused, ms | lost | p99 health, ms |"
        )
        print("|---|---|---|---|---|---|---|---|")
        good = {}
        for times in (1, 5):
            seen, health = await at_rate(port, most * times, seconds)
            good[times] = seen.count(200) / seconds
            print(
                f"| {times} | {most * times:.0f} | {good[times]:.0f} | {seen.p99(200) * 1000:.0f} | {seen.count(503)} "
                f"| {seen.p99(503) * 1000:.0f} | {seen.lost} | {health.p99(200) * 1000:.0f} |",
                flush=True,
            )
            if seen.unasked:
                print(f"\n{seen.unasked} more arrivals were not sent: {MOST_CONNECTIONS} were under way.\n")
    ratio = good[5] / good[1] if good[1] else 0.0
    print(f"\nGood work at 5 times the rate, of that at 1 time: {ratio:.0%} (promised: 70 %).")
    return 0 if ratio >= 0.7 and not simultaneous.count(503) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate lasts")
    sys.exit(asyncio.run(measure(parser.parse_args().seconds)))
