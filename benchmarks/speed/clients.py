"""The clients part: the nested operation, warm, with a growing number of clients."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.client import ask_all
from benchmarks.speed.contestants import Contestant
from benchmarks.speed.load import Driver, Load
from benchmarks.speed.operations import Operation

COUNTS = (1, 2, 4, 8, 16, 32, 64)


class Crowd(NamedTuple):
    """Results of one server: the load for each number of clients."""

    label: str
    ours: bool
    loads: list[Load]


def measure(
    contestants: Iterable[Contestant], operation: Operation, upstream: str, folder: Path, seconds: int
) -> Sequence[Crowd]:
    """Measure one server after the other."""
    folder.mkdir()
    driver, results = Driver(folder), list[Crowd]()
    for position, contestant in enumerate(contestants):
        with contestant.start(upstream, folder / f"server-{position}") as serving:
            ask_all(serving.url, operation.bodies)
            driver.run(serving, operation.bodies, seconds)
            loads = [driver.run(serving, operation.bodies, seconds, clients) for clients in COUNTS]
            results.append(Crowd(contestant.label, contestant.ours, loads))
            print(f"{contestant.label:60} {' '.join(f'{load.per_second:,.0f}' for load in loads)}", flush=True)
    return results
