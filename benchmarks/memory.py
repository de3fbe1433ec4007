"""Measures memory for the documents of a whole release in a server, and pauses of the garbage collector.

The sandbox serves a workbook in a separate process on a free port. Each row is another process, which loads all documents of
the release through `Services`: lists, profiles, competences, and the profiles that use each competence.
"""

import argparse
import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from graphql_api.app import create_app
from graphql_api.competent import routes
from graphql_api.competent.hal import Document
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.values import as_uuid
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.server.uvicorn_server import tune_gc
from graphql_api.services import Services
from graphql_api.settings import Settings
from graphql_api.store.memory import Memory

BATCH = 40
ROWS = {
    "as Python comes": "each document parsed for itself, the collector as Python sets it",
    "services shared": "equal services are one object, the collector as Python sets it",
    "as served": "equal services are one object, and the collector looks at few objects at a time",
}


class Pauses:
    """CPU time of each run of the garbage collector, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self.seconds.append(time.thread_time() - self._began)


async def load(services: Services) -> list[Document]:
    """Load all documents of the current release."""
    loaders = services.loaders()
    number = await loaders.release_number(CURRENT)
    profiles = await loaders.listing(routes.OCCUPATIONAL_PROFILES.path(number)).all()
    competences = await loaders.listing(routes.TECHNICAL_COMPETENCES.path(number)).all()
    paths = [
        route.path(number, uuid)
        for route, listed in (
            (routes.OCCUPATIONAL_PROFILE, profiles),
            (routes.TECHNICAL_COMPETENCE, competences),
            (routes.USED_IN_PROFILES, competences),
        )
        for entry in listed
        if (uuid := as_uuid(entry.get("id")))
    ]
    results: list[Document] = []
    for start in range(0, len(paths), BATCH):
        documents = await services.store.get_many(paths[start : start + BATCH], FetchContext())
        failed = [item for item in documents.values() if isinstance(item, Exception)]
        if failed:
            raise failed[0]
        results += [item for item in documents.values() if not isinstance(item, Exception)]
    return results


async def measure(row: str, url: str) -> None:
    """Measure one row and print it as JSON."""
    settings = replace(
        Settings(), upstream_url=url, store="memory:", index="off", upstream_rate_limit=0, document_cache_bytes=10**9
    )
    services: Services = create_app(settings).state.services
    if row == "as Python comes":
        services.store._memory = Memory(10**9)
    if row == "as served":
        tune_gc()
    gc.callbacks.append(pauses := Pauses())
    before, began = _resident(), time.process_time()
    result = await load(services)
    processor = time.process_time() - began
    gc.callbacks.remove(pauses)
    figures = {
        "documents": len(result),
        "text": services.store._memory.bytes if row == "as Python comes" else None,
        "counted": None if row == "as Python comes" else services.store._memory.bytes,
        "before": before,
        "after": _resident(),
        "longest": max(pauses.seconds),
        "collecting": sum(pauses.seconds),
        "processor": processor,
    }
    print(json.dumps(figures), flush=True)
    await services.aclose()


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def sandbox(workbook: Path) -> Iterator[str]:
    """Run a sandbox that serves this workbook and yield its URL."""
    command = [sys.executable, "-m", "graphql_api", "sandbox", "--port", "0", "--data", str(workbook)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        try:
            assert process.stdout
            address = next((match[0] for line in process.stdout if (match := re.search(r"http://[\w.:]+", line))), None)
            if address is None:
                raise SystemExit("the sandbox did not start")
            yield address
        finally:
            process.terminate()


def table(workbook: Path, rows: Sequence[str]) -> None:
    """Measure all rows and print them as a Markdown table."""
    print(
        "| | documents | counted, MB | process before and after, MB | longest pause, ms | collecting, s | processor time, s |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    with sandbox(workbook) as url:
        for row in rows:
            command = [sys.executable, "-m", "benchmarks.memory", str(workbook), "--row", row, "--url", url]
            run = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)  # noqa: S603
            counted = f"{run['counted'] / 1e6:.0f}" if run["counted"] else f"{run['text'] / 1e6:.0f} of text"
            print(
                f"| {row} | {run['documents']:,} | {counted} | {run['before'] / 1e6:.0f} → {run['after'] / 1e6:.0f} "
                f"| {run['longest'] * 1e3:.0f} | {run['collecting']:.1f} | {run['processor']:.1f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the memory of a release's documents, and prints Markdown.")
    parser.add_argument("workbook", type=Path, help="Competent's Excel export of one release")
    parser.add_argument("--row", choices=ROWS, help="measure this row only, in this process")
    parser.add_argument("--url", default="", help="the sandbox to ask, with --row")
    options = parser.parse_args()
    if options.row:
        asyncio.run(measure(options.row, options.url))
    else:
        table(options.workbook, list(ROWS))


if __name__ == "__main__":
    main()
