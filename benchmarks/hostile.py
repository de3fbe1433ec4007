"""How long hostile requests keep everybody else waiting: the longest block of the event loop, by family, in one process.

A clock in the same loop looks at the time whenever it is its turn; the longest while between two looks is what any other request
would have waited. Nothing goes over a network. The promise is 250 ms; the corpus is that of the security tests, and a few
operations that are as large as is allowed.

Run from the project's folder: .venv/bin/python -m benchmarks.hostile
"""

import argparse
import asyncio
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from graphql_api.sandbox import bundled_releases
from graphql_api.settings import Settings
from tests.conftest import Server
from tests.security.hostile import FAMILIES, Hostile, asks, many

PROMISE = 250
"""Milliseconds."""


def allowed() -> Iterable[Hostile]:
    """As much as one operation may ask."""
    yield asks("{" + many("a#:skills(first:500){nodes{id code}}", 49) + "}", "")
    yield asks("{" + many("a#:__schema{types{fields{name}}}", 49) + "}", "")
    yield asks("{skills(first:500){nodes{usedInOccupationalProfiles(first:30){nodes{id code}}}}}", "")
    yield asks("{occupationalProfiles(first:500){nodes{essentialCompetences{code skill{description{nl}}}}}}", "")
    yield asks("{" + many('a#:competenceGap(from:"x",to:"y"){coverage}', 50) + "}", "")


async def longest_block(server: Server, hostile: Hostile) -> float:
    """Milliseconds for which nobody else could run while a request was answered."""
    longest, last = 0.0, time.perf_counter()

    async def look() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    await server.client.request(hostile.method, hostile.path, content=hostile.content, headers=hostile.headers)
    await asyncio.sleep(0)
    looking.cancel()
    return longest * 1000


async def measure(folder: Path, times: int) -> None:
    """Print a table: each request is sent anew to an empty cache of documents, and the least of its times counts."""
    releases = bundled_releases()
    settings = replace(Settings(), index="need", cache_dir=folder, store="memory:")
    warm = Server(releases, settings)
    await warm.ask("{ skills { totalCount } }")
    families: dict[str, Callable[[], Iterable[Hostile]]] = {**FAMILIES, "as large as is allowed": allowed}
    print(f"{platform.python_version()}, least of {times}\n")
    print("| family | requests | longest block, ms | of |\n|---|---:|---:|---|")
    worst = 0.0
    for name, family in families.items():
        found: list[tuple[float, Hostile]] = []
        for hostile in family():
            blocks = []
            for _ in range(times):
                server = Server(releases, settings)
                await server.ask("{ skills { totalCount } release { number } }")
                blocks.append(await longest_block(server, hostile))
            found.append((min(blocks), hostile))
        block, hostile = max(found, key=lambda each: each[0])
        worst = max(worst, block)
        start = (
            hostile.content[:40].decode("utf-8", "replace").replace("|", "/") or f"{hostile.method} {hostile.path[:30]}"
        )
        print(f"| {name} | {len(found)} | {block:.1f} | `{start}…` |", flush=True)
    print(f"\nThe longest is {worst:.0f} ms; promised are {PROMISE} ms.")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    with TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), parser.parse_args().times))


if __name__ == "__main__":
    main()
