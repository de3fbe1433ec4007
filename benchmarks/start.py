"""Measures how long `competent-graphql serve` takes until the first response from the index, with workbooks as arguments.

Each start is a process on a free port. The first start has an empty cache folder, later ones use the files in it.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx

COMMAND = (sys.executable, "-m", "graphql_api", "serve", "--port", "0")
QUERY = '{ search(text: "verpleegkundige", first: 1) { totalCount } }'
TIMEOUT = 120.0  # seconds


class Start(NamedTuple):
    """Seconds from process start until it listens and until the index responds; total CPU seconds."""

    listening: float
    answered: float
    processor: float


def start(workbooks: Sequence[Path], cache: Path) -> Start:
    """Measure one start with this cache folder."""
    before, began = _processor(), time.perf_counter()
    with _serving(workbooks, cache) as url:
        listening = time.perf_counter() - began
        answer = httpx.post(f"{url}/graphql", json={"query": QUERY}, timeout=TIMEOUT).json()
        answered = time.perf_counter() - began
    if not answer["data"]["search"]["totalCount"]:
        raise SystemExit(f"the index found nothing: {answer}")
    return Start(listening, answered, _processor() - before)


@contextmanager
def _serving(workbooks: Sequence[Path], cache: Path) -> Iterator[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPETENT_")}
    environment |= {"COMPETENT_CACHE_DIR": str(cache), "PYTHONUNBUFFERED": "1"}
    data = [word for workbook in workbooks for word in ("--data", str(workbook))]
    command = [*COMMAND, *data]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        try:
            assert process.stdout
            match = re.search(r"http://[\w.:\[\]]+", process.stdout.readline())
            if match is None:
                raise SystemExit("the server did not start")
            yield match[0]
        finally:
            process.terminate()


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(workbooks: Sequence[Path], times: int) -> tuple[list[Start], list[Start]]:
    """First starts, and one later start for each of them."""
    first, later = [], []
    for _ in range(times):
        with TemporaryDirectory(prefix="competent-start-") as cache:
            first.append(start(workbooks, Path(cache)))
            later.append(start(workbooks, Path(cache)))
    return first, later


def row(name: str, starts: Sequence[Start]) -> str:
    """A Markdown table row: medians, and minimum and maximum time until the response."""
    middle = Start(*(median(item) for item in zip(*starts, strict=True)))
    answered = sorted(start.answered for start in starts)
    figures = f"{middle.listening:.2f} | {middle.answered:.2f} | {answered[0]:.2f} to {answered[-1]:.2f}"
    return f"| {name} | {figures} | {middle.processor:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures starts over workbooks, and prints Markdown.")
    parser.add_argument("workbooks", nargs="+", type=Path, help="Competent's Excel exports, one release each")
    parser.add_argument("--times", type=int, default=5, help="starts of each sort (5)")
    options = parser.parse_args()
    size = sum(workbook.stat().st_size for workbook in options.workbooks) / 1e6
    print(
        f"{len(options.workbooks)} workbook(s), {size:.0f} MB; {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}\n"
    )
    print(
        "| start | listening, s | index answers, s | range | processor time, s |\n|---|---:|---:|---:|---:|", flush=True
    )
    for name, starts in zip(("first", "later"), measured(options.workbooks, options.times), strict=True):
        print(row(name, starts))


if __name__ == "__main__":
    main()
