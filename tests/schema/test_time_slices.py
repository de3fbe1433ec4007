"""Time slices: operations alternate, each waiter resumes once and in order, and none after its deadline."""

import asyncio
from collections.abc import Callable

import pytest

from graphql_api.errors import OperationTimeout
from graphql_api.schema.time_slices import TIME_SLICE, PassBudget, RoundRobin, TimeSlice
from tests.conftest import LONG, Clock, counting_turns


async def worker(operation: TimeSlice, clock: Clock, note: Callable[[], None], pieces: int = 1) -> None:
    """Does pieces of work of a quarter of a time slice each, the first after waiting for a turn."""
    for _ in range(pieces):
        await operation.turn()
        clock.now += TIME_SLICE / 4
        note()


async def test_a_loop_pass_has_one_time_slice_for_all_operations() -> None:
    clock = Clock()
    scheduler = RoundRobin(clock)
    first, second = TimeSlice(scheduler), TimeSlice(scheduler)

    assert not first.is_over
    clock.now += TIME_SLICE
    assert first.is_over
    assert second.is_over

    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not second.is_over


async def test_each_waiter_is_resumed_once_in_order_of_arrival() -> None:
    clock, order = Clock(), list[int]()
    operation = TimeSlice(RoundRobin(clock))
    resumed = 0
    turn = operation.turn

    async def waiting(number: int) -> None:
        nonlocal resumed
        await turn()
        resumed += 1
        clock.now += TIME_SLICE / 10
        order.append(number)

    async with counting_turns() as turns:
        await asyncio.gather(*(waiting(number) for number in range(1_000)))

    assert order == list(range(1_000))
    assert resumed == 1_000
    assert 1_000 / 20 <= turns.count <= 1_000


async def test_a_long_operation_alternates_with_short_ones() -> None:
    clock, order = Clock(), list[str]()
    scheduler = RoundRobin(clock)
    long, short = TimeSlice(scheduler), TimeSlice(scheduler)
    many = [asyncio.create_task(worker(long, clock, lambda: order.append("long"))) for _ in range(400)]
    await asyncio.sleep(0)
    await worker(short, clock, lambda: order.append("short"), pieces=3)
    done_before_the_last = order.count("long")
    await asyncio.gather(*many)

    assert order.count("short") == 3
    assert done_before_the_last < 40


async def test_a_slice_after_the_deadline_is_an_error_with_retry_after() -> None:
    operation = TimeSlice(RoundRobin(), deadline=asyncio.get_running_loop().time())

    with pytest.raises(OperationTimeout) as raised:
        await operation.turn()
    assert raised.value.extensions["retryAfter"] == 1.0


async def test_a_cancelled_waiter_passes_its_slice_to_the_next() -> None:
    clock, order = Clock(), list[str]()
    operation = TimeSlice(RoundRobin(clock))
    gone = asyncio.create_task(worker(operation, clock, lambda: order.append("gone")))
    stays = asyncio.create_task(worker(operation, clock, lambda: order.append("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    await stays

    assert order == ["stays"]


async def test_a_loop_pass_admits_work_up_to_its_budget_and_larger_work_alone() -> None:
    budget, batches = PassBudget(100), list[list[int]]()

    async def work(amount: int) -> None:
        await budget.turn(amount)
        batches[-1].append(amount)

    async def watch() -> None:
        while True:
            batches.append([])
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    amounts = [60, 40, 1, 99, 5_000, 70, 70, 0, 30]
    await asyncio.gather(*(work(amount) for amount in amounts))
    watching.cancel()

    assert [result for batch in batches for result in batch] == amounts
    assert all(sum(batch) <= 100 or len(batch) == 1 for batch in batches)
    assert len([batch for batch in batches if batch]) == 6


async def test_a_spent_budget_is_restored_in_the_next_loop_pass() -> None:
    budget = PassBudget(10)
    for _ in range(3):
        await asyncio.wait_for(budget.turn(10), LONG)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
