"""Prints the table row by row; exits with 1 if a promise does not hold."""

import asyncio
import sys
from argparse import ArgumentParser

from benchmarks.faults import cached, calls, documents, memory, process, soak

WITH_SCENARIOS = (calls, documents, cached, memory, process)


def main() -> None:
    """Run the named scenarios, or all."""
    parser = ArgumentParser(prog="python -m benchmarks.faults", description=soak.__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load in each scenario")
    parser.add_argument("promises", nargs="*", help="such as R4; all if omitted")
    options = parser.parse_args()
    all_met = True
    print("| | promise | required | measured | |\n|---|---|---|---|---|", flush=True)
    for promises, scenario, settings in sorted(soak.SCENARIOS, key=_number):
        if options.promises and not set(options.promises) & set(promises):
            continue
        for row in asyncio.run(soak.run(scenario, settings, options.seconds)):
            all_met &= row.met
            print(
                f"| {row.number} | {row.what} | {row.required} | {row.measured} | {'met' if row.met else '**missed**'} |",
                flush=True,
            )
    sys.exit(0 if all_met else 1)


def _number(registered: tuple[list[str], object, object]) -> tuple[str, int]:
    """The letter and number of the first promise of a scenario, to sort by."""
    first = registered[0][0]
    return first[0], int(first[1:])


if __name__ == "__main__":
    main()
