"""Measures exports of a release of real size and of one ten times as large: time, memory and size of each format.

Each export runs in a process of its own, which opens the index, and writes a file. Prints a table in Markdown.
"""

import argparse
import asyncio
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.index import AFTER, SOURCE, WORKBOOKS, apart, index_workbook, peak
from graphql_api.export import FORMATS, Format, Options, ReleaseFacts, export
from graphql_api.index import Index
from graphql_api.index.index_file import IndexFile

OPTIONS = Options(base="https://competent.example.org/id/")
FACTS = ReleaseFacts(AFTER, "2026-06-25", None, "https://example.org/licence", "VDAB")


class Measured(NamedTuple):
    """One export: seconds, seconds of processor time, MB of memory with the index open and at the peak, MB of the file."""

    seconds: float
    cpu: float
    opened: float
    peak: float
    size: float


def measure(folder: Path, number: int) -> Measured:
    """Export in one format, by its position in FORMATS."""
    format, path = FORMATS[number], folder / f"export{FORMATS[number].suffix}"
    with closing(Index(IndexFile(folder, SOURCE, AFTER))) as index:
        opened, started_at, used = peak(), time.perf_counter(), time.process_time()
        asyncio.run(write(index, format, path))
        seconds, cpu, highest = time.perf_counter() - started_at, time.process_time() - used, peak()
    return Measured(seconds, cpu, opened, highest, path.stat().st_size / 1e6)


async def write(index: Index, format: Format, path: Path) -> None:
    with path.open("wb") as file:
        async for piece in export(index, FACTS, format, OPTIONS):
            file.write(piece)


def main() -> None:
    """Measure all formats at both sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10, help="the multiple of a real release to measure besides it")
    sizes = [1, parser.parse_args().size]
    if not (workbook := WORKBOOKS[AFTER]).is_file():
        print(f"Skipped: it measures {workbook.name}, and ../shared/data has no such file.")
        return
    print("| format | size | time, s | processor time, s | memory before, MB | peak memory, MB | file, MB |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for size in dict.fromkeys(sizes):
        with TemporaryDirectory(prefix="competent-benchmark-") as name:
            apart(index_workbook, folder := Path(name), size, AFTER)
            for number, format in enumerate(FORMATS):
                figures = apart(measure, folder, number)
                print(f"| {format.name} | {size}× | {' | '.join(f'{figure:,.1f}' for figure in figures)} |", flush=True)


if __name__ == "__main__":
    main()
