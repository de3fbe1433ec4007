"""Large documents are interned in steps between other work; every byte is counted, whatever happens in between."""

import asyncio
import copy
from random import Random
from typing import Any

import orjson
import pytest

from graphql_api.observability.fetch_context import FetchContext
from graphql_api.store import Store, interning
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.interning import STEP, Interner
from graphql_api.store.memory import Memory
from graphql_api.store.steps import run_steps
from tests.conftest import counting_turns
from tests.store.fakes import PROFILE, SHELF, UUID, Upstream


def profile(id_: str, parts: int, prefix: str = "") -> dict[str, Any]:
    skills = [{"id": f"{prefix or 'f'}{n:07x}{UUID[8:]}", "description": {"nl": "Koken"}} for n in range(parts)]
    return {"id": id_, "softSkills": skills}


def entry_of(document: dict[str, Any], at: float = 0.0) -> CacheEntry:
    return CacheEntry(copy.deepcopy(document), at, len(orjson.dumps(document)))


@pytest.mark.parametrize("seed", range(30))
def test_interleaved_puts_leave_the_same_memory_as_sequential_ones(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interning, "STEP", 2)
    random, parts = Random(seed), Interner()
    memory = Memory(30_000, interner=parts)
    under_way, ended = [], []
    for n in range(60):
        document = profile(f"op-{n % 7}", random.randrange(12), random.choice("abc"))
        put = random.choice([memory.put_steps, memory.put_if_room_steps])
        under_way.append((document, put(f"/{random.randrange(10)}", entry_of(document, at=n))))
        for _ in range(random.randrange(20)):
            if under_way:
                document, steps = random.choice(under_way)
                try:
                    next(steps)
                except StopIteration as end:
                    ended.append((document, end.value.document))
                    under_way.remove((document, steps))
        if random.random() < 0.2:
            memory.drop(f"/{random.randrange(10)}")
    ended += [(document, run_steps(steps).document) for document, steps in under_way]

    assert all(as_kept == document for document, as_kept in ended)
    memory.put("/last", entry_of({}))
    assert memory.bytes <= 30_000
    for path in tuple(memory):
        memory.drop(path)
    assert (memory.bytes, len(parts)) == (0, 0)


def test_of_two_interleaved_puts_the_newer_document_wins() -> None:
    memory = Memory(10_000_000, interner=Interner())
    older = memory.put_steps("/a", entry_of(profile("op-1", 2 * STEP), at=1.0))
    next(older)
    memory.put("/a", entry_of(profile("op-1", 1), at=2.0))
    run_steps(older)

    assert memory.peek("/a") == entry_of(profile("op-1", 1), at=2.0)
    memory.drop("/a")
    assert memory.bytes == 0


async def test_putting_and_evicting_a_large_document_yields_to_the_event_loop() -> None:
    upstream, memory = Upstream(), Memory(20_000_000, interner=Interner())
    upstream.documents[PROFILE] = profile(PROFILE[-36:], 20_000)
    store = Store(upstream.fetch, SHELF, memory)

    async with counting_turns() as turns:
        documents = await store.get_many([PROFILE], FetchContext())
    assert documents[PROFILE] == profile(PROFILE[-36:], 20_000)
    assert turns.count >= 20_000 / STEP

    assert sum(1 for _ in memory.put_steps("/b", entry_of(profile("op-2", 20_000, "b")))) >= 2 * 20_000 / STEP
    assert PROFILE not in memory


@pytest.mark.slow
async def test_a_put_completes_although_its_reader_was_cancelled() -> None:
    upstream, parts = Upstream(), Interner()
    upstream.documents[PROFILE] = profile(PROFILE[-36:], 20_000)
    memory = Memory(100_000_000, interner=parts)
    store = Store(upstream.fetch, SHELF, memory)
    reading = asyncio.ensure_future(store.get_many([PROFILE], FetchContext()))
    while not len(parts):
        await asyncio.sleep(0)
    assert PROFILE not in memory
    reading.cancel()
    while PROFILE not in memory:
        await asyncio.sleep(0)

    assert (await store.get_many([PROFILE], FetchContext()))[PROFILE] == profile(PROFILE[-36:], 20_000)
    memory.drop(PROFILE)
    assert (memory.bytes, len(parts)) == (0, 0)
