"""Waiting for results: until half has arrived, or a required one fails."""

import asyncio

import pytest

from graphql_api.asyncio_tools import Failed
from graphql_api.execution.compiled.pending import LOADING, PendingResults

Loads = dict[str, "asyncio.Future[str]"]


@pytest.fixture
async def loads() -> Loads:
    """Four pending results."""
    return {key: asyncio.get_running_loop().create_future() for key in "abcd"}


async def pending_with_waiter(loads: Loads, tolerant: bool = False) -> tuple[PendingResults, "asyncio.Task[None]"]:
    """All of them pending, and a task that waits for half."""
    pending = PendingResults()
    for key, load in loads.items():
        pending.start(key, load, tolerant)
    waiting = asyncio.ensure_future(pending.half_of_the_rest())
    await asyncio.sleep(0)
    return pending, waiting


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_hanging_load_does_not_delay_the_others(loads: Loads) -> None:
    pending, waiting = await pending_with_waiter(loads)
    loads["a"].set_result("A")
    await turns()
    assert not waiting.done()
    loads["b"].set_result("B")
    await waiting

    assert pending.results == {"a": "A", "b": "B", "c": LOADING, "d": LOADING}
    pending.arrived = 0
    loads["c"].set_result("C")
    await pending.half_of_the_rest()
    assert pending.results["d"] is LOADING
    pending.cancel()


@pytest.mark.parametrize("tolerant", [False, True])
async def test_an_error_ends_the_wait_unless_it_is_tolerated(loads: Loads, tolerant: bool) -> None:
    pending, waiting = await pending_with_waiter(loads, tolerant)
    loads["a"].set_exception(LookupError())
    await turns()

    assert isinstance(pending.results["a"], Failed)
    assert waiting.done() is not tolerant
    waiting.cancel()
    pending.cancel()


async def test_there_is_no_wait_once_all_results_have_arrived(loads: Loads) -> None:
    pending = PendingResults()
    pending.start("a", loads["a"])
    loads["a"].set_result("A")
    await turns()

    await pending.half_of_the_rest()
    assert pending.results == {"a": "A"}
