"""The warm part: all operations on all servers with cached documents, interleaved so that conditions are equal."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import orjson

from benchmarks.speed.contestants import Contestant
from benchmarks.speed.equality import answers, compare
from benchmarks.speed.load import Driver, Load, middle
from benchmarks.speed.operations import Operation
from benchmarks.speed.processes import Serving, resident

BRIEF = 2
"""Number of runs of servers without a goal."""


class Warm(NamedTuple):
    """Results of one server: the load of each operation, and its memory at the end in MB."""

    name: str
    in_memory: bool
    ours: bool
    label: str
    loads: dict[str, Load]
    memory: float


class Measured(NamedTuple):
    """The servers, and the mean size of responses in bytes by operation."""

    servers: list[Warm]
    sizes: dict[str, float]


class Lasts(NamedTuple):
    """Duration and number of runs; the median counts."""

    seconds: int
    runs: int

    @property
    def shorter(self) -> int:
        """Seconds of a run that is one point of a curve."""
        return max(1, self.seconds // 2)


def measure(
    contestants: Iterable[Contestant], operations: Sequence[Operation], upstream: str, folder: Path, lasts: Lasts
) -> Measured:
    """Start all servers, and run each operation on them in turn, several times. Raises Unequal if responses differ."""
    folder.mkdir()
    driver, sizes = Driver(folder), {}
    with ExitStack() as stack:
        started = [
            (value, stack.enter_context(value.start(upstream, folder / f"server-{position}")), dict[str, Load]())
            for position, value in enumerate(contestants)
        ]
        for operation in operations:
            sizes[operation.name] = _check([(value, serving) for value, serving, _ in started], operation)
            for (item, _, loads), load in zip(started, _turns(driver, started, operation, lasts), strict=True):
                loads[operation.name] = load
                print(
                    f"{operation.name:8} {item.label:60} {load.per_second:10,.0f}/s {load.per_cpu_second:10,.0f}/s of processor",
                    flush=True,
                )
        servers = [Warm(*_what(value), loads, resident(serving.pid)) for value, serving, loads in started]
    return Measured(servers, sizes)


def _what(contestant: Contestant) -> tuple[str, bool, bool, str]:
    return contestant.name, contestant.in_memory, contestant.ours, contestant.label


def _turns(
    driver: Driver, started: Sequence[tuple[Contestant, Serving, Any]], operation: Operation, lasts: Lasts
) -> list[Load]:
    """The load of each server; they take turns, and the first turn is warm-up."""
    bodies = operation.bodies
    for _, serving, _ in started:
        driver.run(serving, bodies, 1)
    results: list[list[Load]] = [[] for _ in started]
    for turn in range(lasts.runs):
        for (contestant, serving, _), loads in zip(started, results, strict=True):
            if turn < BRIEF or not contestant.brief:
                loads.append(driver.run(serving, bodies, lasts.seconds))
    return list(map(middle, results))


def _check(started: Sequence[tuple[Contestant, Serving]], operation: Operation) -> float:
    """The mean size of response data in bytes. Raises Unequal if responses differ."""
    first: tuple[str, list[Any]] | None = None
    for contestant, serving in started:
        result = (contestant.label, answers(serving.url, operation))
        first = first or result
        compare(first, result, operation)
    assert first
    return mean(len(orjson.dumps(data)) for data in first[1])
