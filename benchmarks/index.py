"""Measures cost and speed of the index, for a release of real size and for a multiple of it.

Each step at each size runs in a separate process, so that memory and caches do not mix. Files are written only to a temporary
folder.
"""

import argparse
import asyncio
import gc
import os
import platform
import resource
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, ParamSpec, TypeVar

import orjson

from benchmarks.larger import copies
from benchmarks.lookups import everyday
from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.competent.normalise import normalise
from graphql_api.index import Index
from graphql_api.index.crawler import Crawler, CrawlProgress
from graphql_api.index.diff import changes
from graphql_api.index.index_file import IndexFile
from graphql_api.index.indexer import Indexer
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.document_store import read_documents, write_documents
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.serializers import Bodies
from graphql_api.services import Services
from graphql_api.settings import Settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BEFORE, AFTER = "3.26", "3.27"
WORKBOOKS = {release: DATA / f"competent-export-{release}.xlsx" for release in (BEFORE, AFTER)}
DOCUMENTS, SOURCE = "documents.sqlite", "benchmark"
CONCURRENCY, GARBAGE = 32, (100_000, 50, 50)  # crawl concurrency and gc thresholds, as in `competent-graphql serve`
STEPS = ("workbook read, s", "documents written, s", "walk, s", "finish, s")

P = ParamSpec("P")
T = TypeVar("T")
Costs = dict[str, float]


class Timing(NamedTuple):
    """Timing of one kind of query: queries per second, and median and 99th percentile in milliseconds."""

    per_second: float
    p50: float
    p99: float


class Run(NamedTuple):
    """Measurements at one size."""

    costs: Costs
    timings: dict[str, Timing]


class Effort(NamedTuple):
    """Number of repetitions of the steps at real size; each kind of query runs `seconds`, and at least `least` queries."""

    repeat: int
    seconds: float
    least: int


def convert(folder: Path, size: int) -> Costs:
    """Convert a workbook to documents; larger sizes are copies of it."""
    costs: Costs = {}
    (path := folder / DOCUMENTS).unlink(missing_ok=True)
    with timed(costs, STEPS[0]):
        dataset = read_workbook(WORKBOOKS[AFTER])
    if size > 1:
        costs.clear()
        dataset = copies(dataset, size)
    with timed(costs, STEPS[1]):
        write_documents(dataset, path, SOURCE)
    return costs | {"peak memory of these two, MB": peak()}


def index(folder: Path) -> Costs:
    """Build the index from documents, as the server does with the sandbox."""
    costs: Costs = {}
    file = IndexFile(folder, SOURCE, AFTER)
    file.path.unlink(missing_ok=True)
    with closing(file.begin()) as connection:
        with timed(costs, STEPS[2]):
            asyncio.run(crawl(folder, connection))
        costs["peak memory of the crawl, MB"] = peak()
        with timed(costs, STEPS[3]):
            file.finish(connection)
    return costs | {"peak memory with finish, MB": peak(), "index file, MB": file.path.stat().st_size / 1e6}


async def crawl(folder: Path, connection: sqlite3.Connection) -> None:
    documents = read_documents(folder / DOCUMENTS, SOURCE)
    assert documents, "the step before wrote them"
    services = Services(settings := Settings(index="off", store="memory:"), create_sandbox(Releases([documents])))
    await Crawler(
        connection, services.store.get_uncached, AFTER, settings.upstream_page_size, CONCURRENCY, CrawlProgress()
    ).run()
    await services.aclose()


def index_workbook(folder: Path, size: int, number: str = BEFORE) -> None:
    """Build the index of a workbook directly; not measured."""
    file = IndexFile(folder, SOURCE, number)
    with closing(file.begin()) as connection:
        write(Indexer(connection), copies(read_workbook(WORKBOOKS[number]), size))
        file.finish(connection)


def write(writer: Indexer, dataset: Dataset) -> None:
    bodies = Bodies(dataset)
    for type in reversed(CONCEPT_TYPES):
        if type.route is not None:
            for uuid, body, _ in bodies.collection(type.name):
                writer.add(type, normalise(type.route.path(dataset.number, uuid), orjson.loads(body)))
    writer.commit()


def answer(folder: Path, effort: Effort) -> Run:
    costs: Costs = {}
    with timed(costs, "opening the index, s"):
        after = Index(IndexFile(folder, SOURCE, AFTER))
    with closing(after), closing(Index(IndexFile(folder, SOURCE, BEFORE))) as before:
        return Run(costs, asyncio.run(ask_all(before, after, costs, effort)))


async def ask_all(before: Index, after: Index, costs: Costs, effort: Effort) -> dict[str, Timing]:
    with timed(costs, "first search, which reads the vocabulary, s"):
        await after.query(partial(after.search.search, text="x", types=None, languages=None, start=0, stop=20))
    results: dict[str, Timing] = {}
    for name, lookups in (await after.query(everyday, after.search)).items():
        results[name] = await timing([partial(after.query, lookup) for lookup in lookups], effort)
    costs["peak memory of answering, MB"] = peak()
    with before.comparison_connection() as other:
        compared = partial(after.query, lambda connection: changes(other, connection))
        results[f"changes from {BEFORE} to {AFTER}"] = await timing([compared] * effort.least, effort._replace(least=3))
    return results


async def timing(lookups: Sequence[Callable[[], Awaitable[object]]], effort: Effort) -> Timing:
    took: list[float] = []
    for lookup in lookups:
        start = time.perf_counter()
        await lookup()
        took.append(time.perf_counter() - start)
        if len(took) >= effort.least and sum(took) > effort.seconds:
            break
    took.sort()
    return Timing(len(took) / sum(took), took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000)


def run(size: int, effort: Effort) -> Run:
    """Measure all steps at one size."""
    with TemporaryDirectory(prefix="competent-benchmark-") as name:
        folder = Path(name)
        repeat = effort.repeat if size == 1 else 1
        costs = best([build(folder, size) for _ in range(repeat)])
        apart(index_workbook, folder, size)
        answering, timings = apart(answer, folder, effort)
    return Run(costs | answering, timings)


def build(folder: Path, size: int) -> Costs:
    costs = apart(convert, folder, size) | apart(index, folder)
    return costs | {"all four, s": sum(costs[step] for step in STEPS)} if size == 1 else costs


def best(runs: Sequence[Costs]) -> Costs:
    """The minimum of each cost, because other work on the machine only adds to it."""
    return {name: min(run[name] for run in runs) for name in runs[0]}


def apart(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a step in a separate process and return its result."""
    with ProcessPoolExecutor(1, get_context("spawn"), gc.set_threshold, GARBAGE) as process:
        return process.submit(step, *args, **kwargs).result()


@contextmanager
def timed(costs: Costs, name: str) -> Iterator[None]:
    start, used = time.perf_counter(), time.process_time()
    yield
    costs[name] = time.perf_counter() - start
    costs[f"{name} of CPU"] = time.process_time() - used


def peak() -> float:
    """The peak memory of this process, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


def machine() -> str:
    system = f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}), Python {platform.python_version()}"
    return f"{system}, SQLite {sqlite3.sqlite_version}; load when it began: {os.getloadavg()[0]:.1f}."


def report(runs: dict[int, Run]) -> Iterator[str]:
    """Two Markdown tables; ratios are of the largest size to the real one."""
    real, large = runs[1], runs[max(runs)]
    yield f"| | {' | '.join(f'{size}×' for size in runs)} | ratio |\n|---|{'---:|' * (len(runs) + 1)}"
    for name in real.costs:
        figures = [figure(run.costs[name]) if name in run.costs else "" for run in runs.values()]
        yield f"| {name} | {' | '.join(figures)} | {ratio(real.costs.get(name), large.costs.get(name))} |"
    heads = (f"{size}×: a second | p50, ms | p99, ms" for size in runs)
    yield f"\n| lookup | {' | '.join(heads)} | ratio of p50 |\n|---|{'---:|' * (3 * len(runs) + 1)}"
    for name, timing in real.timings.items():
        cells = [
            f"{figure(t.per_second)} | {t.p50:.2f} | {t.p99:.2f}" for t in (r.timings[name] for r in runs.values())
        ]
        yield f"| {name} | {' | '.join(cells)} | {ratio(timing.p50, large.timings[name].p50)} |"


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def ratio(real: float | None, large: float | None) -> str:
    return f"{large / real:.1f}" if real and large else ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the index of a release, and prints Markdown.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--size", type=int, default=10, help="how many times a real release, too; 1 for that alone")
    if (options := parser.parse_args()).size < 1:
        parser.error("--size is at least 1")
    if missing := [file.name for file in WORKBOOKS.values() if not file.is_file()]:
        print(f"Skipped: it measures {' and '.join(missing)}, and ../shared/data has no such file.")
        return
    print(machine(), end="\n\n", flush=True)
    effort = Effort(1, 0.2, 5) if options.quick else Effort(3, 0.7, 20)
    print(*report({size: run(size, effort) for size in sorted({1, options.size})}), sep="\n")


if __name__ == "__main__":
    main()
