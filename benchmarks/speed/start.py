"""The start part: time to the first response, and resources used."""

import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.speed.client import Client
from benchmarks.speed.contestants import Contestant
from benchmarks.speed.operations import Operation
from benchmarks.speed.processes import processor_time, resident


class Started(NamedTuple):
    """Results of one server: seconds and CPU seconds until the first response, memory in MB."""

    label: str
    ours: bool
    answered: float
    processor: float
    memory: float


def measure(
    contestants: Iterable[Contestant], operation: Operation, upstream: str, folder: Path, runs: int
) -> list[Started]:
    """Medians of `runs` starts, each with an empty folder."""
    return [
        _started(value, operation.bodies[0], upstream, folder / f"start-{at}", runs)
        for at, value in enumerate(contestants)
    ]


def _started(contestant: Contestant, body: bytes, upstream: str, folder: Path, runs: int) -> Started:
    results = list[tuple[float, float, float]]()
    for run in range(runs):
        start = time.perf_counter()
        with contestant.start(upstream, folder / str(run)) as serving, Client(serving.url) as client:
            client.data(body)
            results.append((time.perf_counter() - start, processor_time(serving.pid), resident(serving.pid)))
    return Started(contestant.label, contestant.ours, *(median(item) for item in zip(*results, strict=True)))
