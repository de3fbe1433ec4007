"""`python -m benchmarks.speed`: measures the requested parts, prints tables, and saves the results of whole runs.

Everything runs on this machine, over loopback, in a temporary folder.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.speed import (
    clients,
    cold,
    contestants,
    growth,
    machine,
    mixed,
    operations,
    report,
    results,
    start,
    varied,
    warm,
)
from benchmarks.speed.contestants import DEFAULTS, MERCURIUS, OURS, REFERENCE, RESPONSE_CACHE, SQLITE, Contestant
from benchmarks.speed.documents import write
from benchmarks.speed.equality import Unequal
from benchmarks.speed.processes import Missing
from benchmarks.speed.results import Part
from benchmarks.speed.upstream import serving
from benchmarks.speed.warm import Lasts
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.releases import open_workbook

WORKBOOK = Path(__file__).resolve().parents[3] / "shared" / "data" / "competent-export-3.27.xlsx"
FULL = Lasts(seconds=2, runs=5)
"""Shorter runs are for development: they print results but do not update the documentation."""


@contextmanager
def prepared() -> Iterator[tuple[ReleaseDocuments, Path]]:
    """Prepare the release, and a folder with its documents as files."""
    memory = Path("/dev/shm")  # noqa: S108  # many small files, which some disks write and remove slowly
    with TemporaryDirectory(prefix="competent-speed-", dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        release = open_workbook(WORKBOOK, folder / "workbook")
        write(release, folder / "documents", operations.shared(release))
        yield release, folder
        release.close()


def measure_warm(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure all servers with cached documents."""
    everybody = [*_own(OURS, SQLITE, REFERENCE, RESPONSE_CACHE), *contestants.peers(release.number)]
    own = _own(OURS, REFERENCE, RESPONSE_CACHE)
    with serving(folder / "documents", folder / "nginx-warm") as upstream:
        shared = warm.measure(everybody, operations.shared(release), upstream.url, folder / "shared", lasts)
        indexed = warm.measure(own, operations.indexed(release), upstream.url, folder / "indexed", lasts)
    return {"shared": shared, "indexed": indexed}


def measure_mixed(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure big responses, small ones beside them, filling after a start, bursts, and memory with an index."""
    bodies = varied.varied(release, Random(17)).bodies[: varied.MAX_REQUESTS]  # noqa: S311  # a sample
    big, every = operations.big_list(release), operations.shared(release, varied=100_000)
    sent = mixed.Operations(big.bodies[0], operations.shared(release)[0], every[1].bodies, bodies)
    everybody = [*_own(OURS, DEFAULTS), *_mercurius(release)]
    with (
        serving(folder / "documents", folder / "nginx-mixed") as upstream,
        serving(folder / "documents", folder / "nginx-late", mixed.DELAY) as late,
    ):
        result = mixed.measure(everybody, sent, upstream.url, late.url, folder / "mixed", lasts)
        indexed = contestants.ours(index="start")[OURS]
        memory = mixed.memory(indexed, sent, upstream.url, folder / "memory")
    return {"servers": result, "delay": mixed.DELAY, "memory": memory}


def measure_varied(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure requests of which no two are equal."""
    with serving(folder / "documents", folder / "nginx-varied") as upstream:
        servers, sizes = varied.measure(
            [*_own(OURS, RESPONSE_CACHE), *_mercurius(release)], release, upstream.url, folder / "varied", lasts
        )
    return {"servers": servers, "sizes": sizes}


def measure_cold(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure without cached documents, with a slow upstream."""
    everybody = [*_own(OURS, SQLITE, REFERENCE), *_with_memory(release)]
    with serving(folder / "documents", folder / "nginx-cold", cold.DELAY, logged=True) as upstream:
        return {"servers": cold.measure(everybody, release, upstream, folder), "ideal": cold.LEVELS * cold.DELAY * 1000}


def measure_clients(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure with a growing number of clients."""
    nested = operations.shared(release)[1]
    everybody = [*_own(OURS, REFERENCE, RESPONSE_CACHE), *_with_memory(release)]
    with serving(folder / "documents", folder / "nginx-clients") as upstream:
        result = clients.measure(everybody, nested, upstream.url, folder / "clients", lasts.shorter)
    return {"servers": result, "counts": clients.COUNTS}


def measure_growth(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure with growing releases."""
    everybody = [*_own(OURS, document_cache_bytes="4000000000"), *_with_memory(release)[:1]]
    return {"servers": growth.measure(everybody, read_workbook(WORKBOOK), folder / "growth", lasts.shorter)}


def measure_start(release: ReleaseDocuments, folder: Path, lasts: Lasts) -> Part:
    """Measure the time to the first response."""
    everybody = [*_own(OURS, SQLITE), *_with_memory(release)]
    with serving(folder / "documents", folder / "nginx-start") as upstream:
        return {"servers": start.measure(everybody, operations.shared(release)[0], upstream.url, folder, lasts.runs)}


def _own(*names: str, **options: str) -> list[Contestant]:
    return [value for name, value in contestants.ours(**options).items() if name in names]


def _mercurius(release: ReleaseDocuments) -> list[Contestant]:
    return [peer for peer in _with_memory(release) if peer.name == MERCURIUS]


def _with_memory(release: ReleaseDocuments) -> list[Contestant]:
    return [peer for peer in contestants.peers(release.number) if peer.in_memory]


PARTS = {
    "warm": measure_warm,
    "varied": measure_varied,
    "mixed": measure_mixed,
    "cold": measure_cold,
    "clients": measure_clients,
    "growth": measure_growth,
    "start": measure_start,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all of them otherwise")
    parser.add_argument("--seconds", type=int, default=FULL.seconds, help=f"of each run ({FULL.seconds})")
    parser.add_argument("--runs", type=int, default=FULL.runs, help=f"of which the median counts ({FULL.runs})")
    options = parser.parse_args()
    if not WORKBOOK.is_file():
        print(f"Skipped: it measures {WORKBOOK.name}, and ../shared/data has no such file.")
        return 0
    lasts = Lasts(options.seconds, options.runs)
    with prepared() as (release, folder):
        return max([_part(name, release, folder, lasts) for name in options.parts or PARTS])


def _part(name: str, release: ReleaseDocuments, folder: Path, lasts: Lasts) -> int:
    """Measure and print a part, and save the results of a whole run; return 1 if it could not be measured."""
    print(f"\n{name}", flush=True)
    began = {"machine": machine.describe(), "lasts": lasts}
    try:
        result = results.plain({**began, **PARTS[name](release, folder, lasts)})
    except (RuntimeError, Unequal) as error:
        print(f"{name} was not measured: {error}", file=sys.stderr)
        return 1
    print(*report.SECTIONS[name](result), sep="\n", flush=True)
    if lasts.seconds >= FULL.seconds and lasts.runs >= FULL.runs:
        results.write(name, result)
        report.write()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that all started programs end too
    try:
        sys.exit(main())
    except Missing as missing:
        sys.exit(str(missing))
