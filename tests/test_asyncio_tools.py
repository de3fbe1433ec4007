"""Eagerly started coroutines: they suspend only if they must, and share awaited work."""

import asyncio
import logging
from collections.abc import Awaitable

import pytest

from graphql_api.asyncio_tools import (
    Completed,
    Failed,
    Suspended,
    cancel_and_wait,
    gather_settled,
    gather_started,
    start_eagerly,
)


async def double_of(future: "asyncio.Future[int]") -> int:
    return 2 * await future


def done_future(value: int) -> "asyncio.Future[int]":
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


async def test_a_coroutine_that_never_suspends_completes_immediately() -> None:
    started = start_eagerly(double_of(done_future(4)))

    assert isinstance(started, Completed)
    assert await started == 8


async def test_an_exception_is_raised_when_the_result_is_awaited() -> None:
    async def fails() -> int:
        raise ValueError("no")

    started = start_eagerly(fails())

    assert isinstance(started, Failed)
    with pytest.raises(ValueError, match="no"):
        await started


async def test_a_suspended_coroutine_resumes() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    started = start_eagerly(double_of(future))
    assert isinstance(started, Suspended)

    waiting = asyncio.ensure_future(started)
    await asyncio.sleep(0)
    future.set_result(3)

    assert await waiting == 6


async def test_several_coroutines_share_one_future() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    started = [start_eagerly(double_of(future)) for _ in range(3)]
    plain = asyncio.ensure_future(double_of(future))

    gathered = asyncio.ensure_future(gather_started(started))
    await asyncio.sleep(0)
    future.set_result(5)

    assert await gathered == [10, 10, 10]
    assert await plain == 10


async def test_a_coroutine_can_suspend_repeatedly() -> None:
    async def turns() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        return "over"

    assert await start_eagerly(turns()) == "over"


async def test_a_cancelled_wait_is_raised_in_the_coroutine() -> None:
    events = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    waiting = asyncio.ensure_future(start_eagerly(waits()))
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert events == ["cancelled"]


async def test_gathering_completed_results_takes_no_event_loop_pass() -> None:
    turns: list[None] = []
    asyncio.get_running_loop().call_soon(turns.append, None)

    awaitables: list[Awaitable[int]] = [Completed(1), done_future(2)]

    assert await gather_started(awaitables) == [1, 2]
    assert turns == []


async def test_gather_settled_returns_exceptions_as_results(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("no")
    failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    failed.set_exception(error)

    started: list[Awaitable[int]] = [Completed(1), Failed(error), failed]

    with caplog.at_level(logging.ERROR):
        assert await gather_settled(started) == [1, error, error]
    assert caplog.records == []


async def test_a_task_that_fails_while_it_is_cancelled_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("cannot close")

    task, other = asyncio.create_task(fails_at_the_end()), asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)

    await cancel_and_wait([task, other])

    (record,) = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "cannot close"
    assert other.cancelled()


async def test_the_exception_of_an_already_failed_task_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("no")

    task = asyncio.create_task(fails())
    await asyncio.wait([task])

    await cancel_and_wait([task])

    assert caplog.records == []
    with pytest.raises(ValueError, match="no"):
        task.result()
