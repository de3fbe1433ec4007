"""The mixed part: big responses, small ones beside them, a server that starts empty under load, and bursts of connections.

All operations are executed: the response cache is off, except where a row names it or the default settings.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks.speed.client import Client, ask_all
from benchmarks.speed.contestants import Contestant
from benchmarks.speed.load import Driver, Load, middle
from benchmarks.speed.operations import Operation
from benchmarks.speed.processes import Serving, processor_time, unique
from benchmarks.speed.warm import Lasts

BIG_RESPONSES = 20
"""Number of big responses, one after the other, of which the median counts."""
BESIDE_CLIENTS = 4
"""Number of clients with small operations beside the client with the big one."""
FILLING = (2, 5, 10)
"""Seconds of load on a server that was just started."""
FILLING_RUNS = 2
"""Maximum number of starts for each duration."""
DELAY = 0.004
"""Seconds that the late upstream adds to each response."""
INDEX_TIMEOUT = 300.0
"""Seconds in which an index has to be built; on an idle machine it takes some ten."""
CONNECTIONS = (50, 500)
VARIED_CLIENTS = 32


class Operations(NamedTuple):
    """What is sent: one big body, small ones, nested ones over all profiles, and bodies of which no two are equal."""

    big: bytes
    small: Operation
    nested: Sequence[bytes]
    varied: Sequence[bytes]


class Mixed(NamedTuple):
    """Results of one server.

    `big`: median and CPU time of a big response, in ms; `beside`: small operations meanwhile; `bursts`: nested operations by
    number of connections; `varied`: different operations of 32 clients, with the number of failed ones; `filling`: the
    responses of a server that was just started, by seconds of load.
    """

    label: str
    ours: bool
    big: float
    big_cpu: float
    beside: Load
    bursts: dict[str, Load]
    varied: Load
    filling: dict[str, float]
    filling_late: dict[str, float]


def measure(
    contestants: Sequence[Contestant], operations: Operations, upstream: str, late: str, folder: Path, lasts: Lasts
) -> list[Mixed]:
    """Measure all servers in turn; `late` is the URL of an upstream that delays its responses."""
    folder.mkdir()
    driver = Driver(folder)
    filled = [
        _filling(value, operations, upstream, driver, folder / f"fill-{at}", lasts)
        for at, value in enumerate(contestants)
    ]
    filled_late = [
        _filling(value, operations, late, driver, folder / f"late-{at}", lasts) for at, value in enumerate(contestants)
    ]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(value.start(upstream, folder / f"server-{at}")) for at, value in enumerate(contestants)
        ]
        for server in servers:
            ask_all(server.url, operations.nested)
        big = [_big(server, operations.big) for server in servers]
        beside = [_beside(server, operations, driver, lasts) for server in servers]
        bursts = [_bursts(server, operations.nested, driver, lasts) for server in servers]
        varied = [
            driver.run(server, operations.varied, lasts.seconds, VARIED_CLIENTS, may_fail=True) for server in servers
        ]
    return [
        Mixed(value.label, value.ours, *big[at], beside[at], bursts[at], varied[at], filled[at], filled_late[at])
        for at, value in enumerate(contestants)
    ]


def memory(indexed: Contestant, operations: Operations, upstream: str, folder: Path) -> float:
    """The unique memory in MB of a server that has built its index and has all profiles in memory.

    Raises RuntimeError if the index is not built in time.
    """
    with indexed.start(upstream, folder) as server:
        _wait_for_index(server)
        ask_all(server.url, operations.nested)
        time.sleep(1)  # freed memory is returned in the background
        return unique(server.pid)


def _wait_for_index(server: Serving) -> None:
    end = time.monotonic() + INDEX_TIMEOUT
    while (state := _index_state(server)) != "complete":
        if time.monotonic() > end:
            raise RuntimeError(f"the index is {state!r} after {INDEX_TIMEOUT:.0f} seconds")
        time.sleep(0.2)


def _index_state(server: Serving) -> str:
    try:
        with urlopen(server.url.replace("/graphql", "/health/ready")) as response:  # noqa: S310  # our own server
            health = json.load(response)
    except HTTPError as error:  # not ready yet
        health = json.load(error)
    return str(health.get("index", {}).get("state"))


def _filling(
    contestant: Contestant, operations: Operations, upstream: str, driver: Driver, folder: Path, lasts: Lasts
) -> dict[str, float]:
    """The number of responses in the first seconds of a server, by seconds; each run has a new server."""
    results = dict[str, float]()
    for seconds in FILLING:
        counts = list[float]()
        for run in range(min(FILLING_RUNS, lasts.runs)):
            with contestant.start(upstream, folder / f"{seconds}-{run}") as server:
                counts.append(driver.run(server, operations.nested, seconds, may_fail=True).answered * seconds)
        results[str(seconds)] = median(counts)
    print(f"filling  {contestant.label:50} {results}", flush=True)
    return results


def _big(server: Serving, body: bytes) -> tuple[float, float]:
    """Median time and mean CPU time of a big response, in milliseconds."""
    with Client(server.url) as client:
        client.timed(body)
        before = processor_time(server.pid)
        times = [client.timed(body) for _ in range(BIG_RESPONSES)]
        return median(times) * 1000, (processor_time(server.pid) - before) / BIG_RESPONSES * 1000


def _beside(server: Serving, operations: Operations, driver: Driver, lasts: Lasts) -> Load:
    """The load of small operations while another client repeats the big one."""
    driver.run(server, operations.small.bodies, 1, BESIDE_CLIENTS)
    with _repeating(server, operations.big):
        return middle(
            [driver.run(server, operations.small.bodies, lasts.seconds, BESIDE_CLIENTS) for _ in range(lasts.runs)]
        )


@contextmanager
def _repeating(server: Serving, body: bytes) -> Iterator[None]:
    """Repeat a request, one after the other, while the context is active. Raises RuntimeError if one failed."""
    ended, failures = Event(), list[Exception]()

    def repeat() -> None:
        try:
            with Client(server.url) as client:
                while not ended.is_set():
                    client.timed(body)
        except (RuntimeError, OSError) as error:
            failures.append(error)

    (thread := Thread(target=repeat)).start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise RuntimeError(f"a big request failed beside small ones: {failures[0]}")


def _bursts(server: Serving, bodies: Sequence[bytes], driver: Driver, lasts: Lasts) -> dict[str, Load]:
    """The load of nested operations by number of connections, the second right after the first."""
    return {str(count): driver.run(server, bodies, lasts.seconds, count, may_fail=True) for count in CONNECTIONS}
