"""Measures the history of concepts at the size of a real release and at a multiple of it: comparing two releases, and lookups.

While releases are compared in a thread, it also measures how late the event loop is.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.index import AFTER, BEFORE, SOURCE, WORKBOOKS, apart, index_workbook, machine, peak
from benchmarks.lateness import lateness
from graphql_api.competent.hal import Document
from graphql_api.index.concepts import Key, by_key
from graphql_api.index.index_file import IndexFile
from graphql_api.index.registry import IndexRegistry
from graphql_api.index.timeline import Timeline
from graphql_api.server.uvicorn_server import tune_gc

CONCEPTS, BATCH, TIMES = 500, 100, 30
"""Concepts that one request asks for, how many are looked up together, and requests."""

Rows = dict[str, str]


async def nothing_upstream(path: str) -> Document:
    """Fails: this benchmark loads no documents."""
    raise AssertionError(path)


async def measured(folder: Path) -> Rows:
    """The rows of the table for the indexes in a folder."""
    registry = IndexRegistry(
        nothing_upstream, folder, lambda _: SOURCE, mode="off", patient=False, page_size=500, concurrency=1
    )
    await registry.open_existing()
    memory, began, used = peak(), time.perf_counter(), time.process_time()
    async with lateness() as late:
        timeline = await registry.timelines.get()
    took, processor = time.perf_counter() - began, time.process_time() - used
    async with lateness() as idle:
        await asyncio.sleep(took)
    rows = {
        "comparing two releases, s": f"{took:.2f}",
        "the same, s of CPU": f"{processor:.2f}",
        "longest delay of the event loop meanwhile, ms": f"{max(late.delays) * 1000:.0f}",
        "the same for as long without comparing, ms": f"{max(idle.delays) * 1000:.0f}",
        "most CPU of the thread between two passes of the loop, ms": f"{max(late.others) * 1000:.0f}",
        "memory at its peak beyond that before, MB": f"{peak() - memory:.0f}",
        "entries that are cached": f"{len(timeline.diffs[0]):,}",
    }
    rows |= await look_ups(registry, timeline)
    await registry.aclose()
    return rows


async def look_ups(registry: IndexRegistry, timeline: Timeline) -> Rows:
    """`history` and `replacedBy` of random concepts of the earlier release; a fifth of them have ended."""
    before, after = registry.get_cached(BEFORE), registry.get_cached(AFTER)
    assert before is not None
    assert after is not None
    keys = await before.query(lambda connection: [*connection.execute("SELECT concept_type, uuid FROM concept")])
    ended = sorted(timeline.diffs[0].ended)
    choose = random.Random(1)  # noqa: S311  # a sample
    times: list[tuple[float, float]] = []
    for _ in range(TIMES):
        few = choose.sample(ended, min(len(ended), CONCEPTS // 5))
        sampled = [*few, *choose.sample(keys, CONCEPTS - len(few))]
        began, used = time.perf_counter(), time.process_time()
        list(answers(timeline, sampled))
        successors = {one.key for key in sampled for one in timeline.successors(BEFORE, key) or ()}
        replaced = sorted(successors)
        for start in range(0, len(replaced), BATCH):
            await after.query(by_key, replaced[start : start + BATCH])
        times.append((time.perf_counter() - began, time.process_time() - used))
    walls, processor = zip(*times, strict=True)
    return {
        f"`history` and `replacedBy` of {CONCEPTS} concepts, ms": f"{median(walls) * 1000:.1f}",
        "the same, ms of CPU": f"{median(processor) * 1000:.1f}",
    }


def answers(timeline: Timeline, keys: list[Key]) -> Iterator[object]:
    for key in keys:
        yield timeline.presence(BEFORE, key)


def run(folder: Path, size: int) -> Rows:
    """Measure one size; builds indexes that are missing."""
    for number in (BEFORE, AFTER):
        if not IndexFile(folder, SOURCE, number).is_there():
            apart(index_workbook, folder, size, number)
    return apart(measure, folder)


def measure(folder: Path) -> Rows:
    tune_gc()  # as the server does
    return asyncio.run(measured(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the history of concepts, and prints Markdown.")
    parser.add_argument("--size", type=int, default=10, help="how many times a real release, too; 1 for that alone")
    parser.add_argument("--folder", type=Path, help="keep the indexes in this folder, in one folder per size")
    options = parser.parse_args()
    if missing := [file.name for file in WORKBOOKS.values() if not file.is_file()]:
        print(f"Skipped: it measures {' and '.join(missing)}, and ../shared/data has no such file.")
        return
    print(machine(), end="\n\n", flush=True)
    with TemporaryDirectory(prefix="competent-benchmark-") as temporary:
        results = {}
        for size in sorted({1, options.size}):
            folder = (options.folder or Path(temporary)) / str(size)
            folder.mkdir(parents=True, exist_ok=True)
            results[size] = run(folder, size)
    print(f"| | {' | '.join(f'{size}×' for size in results)} |\n|---|{'---:|' * len(results)}")
    for name in results[1]:
        print(f"| {name} | {' | '.join(rows[name] for rows in results.values())} |")


if __name__ == "__main__":
    main()
