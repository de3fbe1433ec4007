"""Prints the table row by row; exits with 1 if a promise does not hold."""

import asyncio
import sys
from argparse import ArgumentParser

from benchmarks.faults import calls, documents, known, memory, process, soak

WITH_SCENARIOS = (calls, documents, known, memory, process)


def main() -> None:
    """Run the named scenarios, or all."""
    parser = ArgumentParser(prog="python -m benchmarks.faults", description=soak.__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load in each scenario")
    parser.add_argument("promises", nargs="*", help="such as R4; all of them where none is named")
    chosen = parser.parse_args()
    kept = True
    print("| | promise | asked | reached | |\n|---|---|---|---|---|", flush=True)
    for promises, one, settings in sorted(soak.SCENARIOS, key=lambda each: (each[0][0][0], int(each[0][0][1:]))):
        if chosen.promises and not set(chosen.promises) & set(promises):
            continue
        for row in asyncio.run(soak.run(one, settings, chosen.seconds)):
            kept &= row.kept
            told = "kept" if row.kept else "**missed**"
            print(f"| {row.number} | {row.what} | {row.asked} | {row.reached} | {told} |", flush=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
