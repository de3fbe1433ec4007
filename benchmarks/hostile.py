"""Measures how long hostile clients delay others: sends a small query every 10 ms during each attack, over real sockets.

Prints a Markdown table of the response times in milliseconds. The goal is at most 100 ms on an idle machine.

    python -m benchmarks.hostile [--seconds 5] [ATTACK ...]
"""

import argparse
import asyncio
import base64
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

from benchmarks.overload import Client, post
from benchmarks.servers import serving
from tests.security import largest_requests
from tests.security.hostile_requests import Hostile, asks

GOAL = 100.0
"""Maximum response time in milliseconds."""
INTERVAL = 0.01
PROBE = post('{ search(text: "zorg", first: 1) { totalCount } }')
Attack = Callable[[int], Awaitable[None]]
"""Sends the requests of an attack to a port once."""


def over_http(*requests: Hostile) -> Attack:
    """An attack that sends these requests simultaneously, each on its own connection."""

    texts = count()  # each document is new, because refusals are cached

    async def attack(port: int) -> None:
        await asyncio.gather(*(send(port, request, next(texts)) for request in requests))

    return attack


async def send(port: int, request: Hostile, number: int) -> None:
    """Send a request with this number in a comment of its document, and read the whole response."""
    client = Client(port)
    content = request.content.replace(b'"query":"', b'"query":"#%d\\n' % number, 1)
    length = len(content)
    head = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
    try:
        await client.ask(head + content)
    finally:
        client.close()


def frame(opcode: int, payload: bytes) -> bytes:
    """A client WebSocket frame, masked with zeros (RFC 6455, 5.2)."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


@asynccontextmanager
async def websocket(port: int) -> AsyncIterator[asyncio.StreamWriter]:
    """Open a graphql-transport-ws connection and complete its handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame(1, b'{"type":"connection_init"}'))
    await reader.readuntil(b"connection_ack")
    try:
        yield writer
    finally:
        writer.close()


def over_websocket(content: bytes) -> Attack:
    """An attack that sends these bytes as fast as the server reads them; the server may close the connection."""

    async def attack(port: int) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(10), websocket(port) as writer:
                writer.write(content)
                await writer.drain()
                await asyncio.sleep(0.2)

    return attack


def attacks() -> dict[str, Attack]:
    """All attacks by name."""
    executed, prepared = dict(largest_requests.executed()), dict(largest_requests.prepared())
    results = {name: over_http(request) for name, request in (executed | prepared).items()}
    introspection = "{__schema{" + largest_requests.INTROSPECTION + "}}" + largest_requests.TYPE
    results["10 introspections"] = over_http(*(asks(introspection + " " * n, "") for n in range(10)))
    results["8 times all of it"] = over_http(*[executed["49 times profiles for 500 competences"]] * 8)
    results["8 times 5 pages"] = over_http(*[executed["5 pages of 500 skills"]] * 8)
    results["1 MB of protocol pings"] = over_websocket(frame(9, b"") * (1_000_000 // 6))
    results["20,000 GraphQL pings"] = over_websocket(frame(1, b'{"type":"ping"}') * 20_000)
    results["20,000 subscribe messages"] = over_websocket(
        frame(1, b'{"type":"subscribe","id":"1","payload":{}}') * 20_000
    )
    return {"nothing": over_http()} | results


async def waits(port: int, attack: Attack, seconds: float) -> list[float]:
    """Response times of small queries, in milliseconds, while an attack is repeated for `seconds`."""
    results: list[float] = []
    client = Client(port)

    async def probe() -> None:
        began = time.perf_counter()
        await client.ask(PROBE)
        results.append((time.perf_counter() - began) * 1000)

    async def probing() -> None:
        async with asyncio.TaskGroup() as probes:
            while time.perf_counter() < end:
                probes.create_task(probe())
                await asyncio.sleep(INTERVAL)

    end = time.perf_counter() + seconds
    running = asyncio.create_task(probing())
    while time.perf_counter() < end:
        await attack(port)
        await asyncio.sleep(0.05)
    await running
    client.close()
    return results


async def measure(names: list[str], seconds: float) -> None:
    """Print a row for each attack."""
    print("| attack | queries | median, ms | p99, ms | longest, ms |\n|---|---:|---:|---:|---:|")
    worst = 0.0
    async with serving() as server:
        await waits(server.port, over_http(), 1.0)  # the index is built, the query is prepared
        for name, attack in attacks().items():
            if names and name not in names:
                continue
            result = await waits(server.port, attack, seconds)
            worst = max(worst, max(result))
            p99 = statistics.quantiles(result, n=100)[98]
            print(
                f"| {name} | {len(result)} | {statistics.median(result):.1f} | {p99:.1f} | {max(result):.1f} |",
                flush=True,
            )
    print(f"\nThe longest wait is {worst:.0f} ms; the goal is {GOAL:.0f} ms.")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK")
    options = parser.parse_args()
    asyncio.run(measure(options.attacks, options.seconds))


if __name__ == "__main__":
    main()
