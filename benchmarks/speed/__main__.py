"""`python -m benchmarks.speed`: measures the parts that are asked for, prints tables, and keeps what a whole run found.

Everything runs on this machine, over loopback, and in a temporary folder.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed import contestants, machine, operations, report, results, warm
from benchmarks.speed.documents import write
from benchmarks.speed.processes import Missing
from benchmarks.speed.upstream import serving
from benchmarks.speed.warm import Lasts
from graphql_api.sandbox.documents import Documents
from graphql_api.sandbox.releases import open_workbook

WORKBOOK = Path(__file__).resolve().parents[3] / "shared" / "data" / "competent-export-3.27.xlsx"
WHOLE = Lasts(seconds=2, runs=5)
"""Shorter runs are for developing: they print what they find, and leave the documentation as it is."""


@contextmanager
def prepared() -> Iterator[tuple[Documents, Path]]:
    """The release, and a folder with its documents as files."""
    with TemporaryDirectory(prefix="competent-speed-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        release = open_workbook(WORKBOOK, folder / "workbook")
        write(release, folder / "documents", operations.SPREAD)
        yield release, folder
        release.close()


def measure_warm(release: Documents, folder: Path, lasts: Lasts) -> results.Part:
    """Every server with what it needs in memory."""
    with serving(folder / "documents", folder / "nginx-warm") as upstream:
        everybody = [*contestants.ours(), *contestants.peers(release.number)]
        shared = warm.measure(everybody, operations.shared(release), upstream.url, folder / "shared", lasts)
        own = contestants.ours()
        indexed = warm.measure(own, operations.indexed(release), upstream.url, folder / "indexed", lasts)
    return {"shared": shared, "indexed": indexed}


PARTS = {"warm": measure_warm}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all of them otherwise")
    parser.add_argument("--seconds", type=int, default=WHOLE.seconds, help=f"of each run ({WHOLE.seconds})")
    parser.add_argument("--runs", type=int, default=WHOLE.runs, help=f"of which the median counts ({WHOLE.runs})")
    options = parser.parse_args()
    if not WORKBOOK.is_file():
        print(f"Skipped: it measures {WORKBOOK.name}, and ../shared/data has no such file.")
        return 0
    lasts = Lasts(options.seconds, options.runs)
    with prepared() as (release, folder):
        for name in options.parts or PARTS:
            found = results.plain(
                {"machine": machine.describe(), "lasts": lasts, **PARTS[name](release, folder, lasts)}
            )
            print(*report.SECTIONS[name](found), sep="\n", flush=True)
            if lasts >= WHOLE:
                results.keep(name, found)
                report.write()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        sys.exit(str(missing))
