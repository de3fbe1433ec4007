"""All faults at the same time, for minutes, over real sockets: bombs, hangs and an upstream that goes down and up.

It counts answers and memory, never seconds. `make test-soak MINUTES=10` is longer.
"""

import asyncio
import os
import time
from collections import Counter
from itertools import cycle
from typing import Any

import pytest

from benchmarks.faults.bombs import BODIES, ENDLESS
from benchmarks.faults.memory import PATIENT, bombard, highest
from benchmarks.faults.soak import ONE_COMPETENCE, Row, Seen, Soak, run

pytestmark = pytest.mark.soak

SECONDS = 60 * float(os.environ.get("SOAK_MINUTES", "2"))
MEGABYTES = 80
SETTINGS = PATIENT | {"COMPETENT_RELEASE_TTL": "2"}
"""What is known is asked for again all the time."""
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "match": "**"},
    {"kind": "hang", "match": "**"},
    {"kind": "html", "match": ONE_COMPETENCE},
    {"kind": "status", "match": ONE_COMPETENCE, "status": 429, "retryAfter": 1},
    {"kind": "cut", "match": ONE_COMPETENCE},
    {"kind": "hang", "match": ONE_COMPETENCE, "rate": 0.3},
    {"kind": "broken", "match": "**"},
]


async def flap(soak: Soak, until: float) -> None:
    """One fault after the other, each for three seconds, and three seconds without any after it."""
    for fault in cycle(FAULTS):
        await soak.fail(**fault)
        await asyncio.sleep(3)
        await soak.heal()
        await asyncio.sleep(3)
        if time.monotonic() > until:
            return


async def run_everything(soak: Soak) -> tuple[list[Seen], list[Seen], list[float]]:
    """What clients saw, what those saw who asked for bombs, and the memory of the server all the while."""
    memory = list[float]()
    until = time.monotonic() + soak.seconds
    watching = asyncio.ensure_future(highest(soak, memory))
    try:
        seen, bombed, _ = await asyncio.gather(
            soak.load(unknown=20, cached=20), bombard(soak, [*BODIES, ENDLESS], 10, until), flap(soak, until)
        )
    finally:
        watching.cancel()
    return seen, bombed, memory


async def good_again(soak: Soak) -> int:
    """How many of ten new documents are still refused after the faults have ended, checked every second."""
    left = [soak.new() for _ in range(10)]
    for _ in range(30):
        left = [uuid for uuid in left if (await soak.ask(uuid)).codes]
        if not left:
            break
        await asyncio.sleep(1)
    return len(left)


def test_combined_faults_leak_no_memory_and_lose_no_response() -> None:
    async def scenario(soak: Soak) -> list[Row]:
        await soak.warm()
        start = soak.server.megabytes
        seen, bombed, memory = await run_everything(soak)

        cached = [response for response in seen if response.cached]
        unknown = Counter(bool(response.codes) for response in seen if not response.cached)
        print(
            f"{len(cached)} known; {unknown} unknown, failed or not; {len(bombed)} bombs; {start:.0f} MB, {max(memory):.0f}"
        )
        assert Counter(code for document in cached for code in document.codes) == {}
        assert not any(response.wrong for response in (*seen, *bombed))
        assert all(item.codes for item in bombed)
        assert max(memory) <= start + MEGABYTES
        assert min(unknown[True], unknown[False]) > 0  # there were faults, and not all failed by them
        assert await good_again(soak) == 0
        assert soak.server.process.returncode is None
        return []

    assert asyncio.run(run(scenario, SETTINGS, SECONDS)) == []
