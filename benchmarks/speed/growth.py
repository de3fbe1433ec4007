"""The growth part: releases several times as large, with all their documents in memory and queried evenly."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from benchmarks.larger import copies
from benchmarks.speed import documents
from benchmarks.speed.client import ask_all
from benchmarks.speed.contestants import Contestant
from benchmarks.speed.load import Driver, Load
from benchmarks.speed.operations import Operation, drawn, shared
from benchmarks.speed.processes import Serving, resident
from benchmarks.speed.upstream import serving
from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.document_store import ReleaseDocuments, read_documents, write_documents
from graphql_api.sandbox.serializers import PROFILES

TIMES = (1, 3, 10)
"""Sizes of releases, as multiples of the real one."""
EVERY, MANY = 1_000_000, 500
"""Number of sets of variables: all for operations on profiles, some for the fan-out, which needs a list for each."""


class Grown(NamedTuple):
    """Results of one server at one size: the load of each operation over the whole release, and memory in MB."""

    label: str
    ours: bool
    profiles: int
    documents: float
    memory: float
    loads: dict[str, Load]


def measure(contestants: Iterable[Contestant], dataset: Dataset, folder: Path, seconds: int) -> list[Grown]:
    """Measure one server after the other at each size."""
    everybody = list(contestants)
    folder.mkdir()
    driver, results = Driver(folder), list[Grown]()
    for times in TIMES:
        with (
            _release(copies(dataset, times), folder) as (release, size, operations),
            serving(folder / "documents", folder / f"nginx-{times}") as upstream,
        ):
            for position, value in enumerate(everybody):
                with value.start(upstream.url, folder / f"server-{times}-{position}") as server:
                    loads, memory = _measure(server, driver, operations, seconds)
                results.append(Grown(value.label, value.ours, release.count(PROFILES), size, memory, loads))
                print(f"{times:3}× {value.label:50} {memory:6.0f} MB  {_row(loads)}", flush=True)
    return results


def _row(loads: dict[str, Load]) -> str:
    return "  ".join(f"{name} {load.per_second:,.0f}/s ({load.per_cpu_second:,.0f})" for name, load in loads.items())


def _measure(
    server: Serving, driver: Driver, operations: list[Operation], seconds: int
) -> tuple[dict[str, Load], float]:
    for operation in (*operations, *operations):  # first to load documents, then to fill caches of repeated operations
        ask_all(server.url, operation.bodies)
    memory = resident(server.pid)
    return {operation.name: driver.run(server, operation.bodies, seconds) for operation in operations}, memory


@contextmanager
def _release(dataset: Dataset, folder: Path) -> Iterator[tuple[ReleaseDocuments, float, list[Operation]]]:
    """A release, the size of its documents in MB, and the operations; its files for the upstream exist inside the context."""
    write_documents(dataset, path := folder / "release.sqlite", "speed")
    release = read_documents(path, "speed")
    assert release, "they were just written"
    tiny, nested, fan_out, wide = shared(release, EVERY)
    operations = [tiny, nested, fan_out._replace(variables=drawn(fan_out.variables, MANY)), wide]
    documents.write(release, folder / "documents", operations)
    yield release, path.stat().st_size / 1e6, operations
    release.close()
    path.unlink()
    rmtree(folder / "documents")
