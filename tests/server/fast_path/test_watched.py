"""A connection is watched after a fast answer as after any other: for how long it is idle, and how long a request takes to arrive.

Time passes here only when it is moved.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import LONG
from tests.server.fast_path.memory_transport import Line
from tests.server.fast_path.requests import PLAIN
from tests.server.fast_path.two_connections import Both

ARRIVAL = IDLE = LONG
"""Seconds, as `both` has them."""


class Timer:
    """The handle of a scheduled call."""

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self._when = when
        self.call = call
        self.cancelled = False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """The part of an event loop that timers use; all else is delegated to the real loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, call))
        return self.timers[-1]

    def create_task(self, coroutine: Any, **how: Any) -> "asyncio.Task[Any]":
        return asyncio.get_running_loop().create_task(coroutine, **how)

    def move(self, seconds: float) -> None:
        """Advance time and run the calls that are due."""
        end = self.now + seconds
        while due := sorted((item for item in self._waiting() if item.when() <= end), key=Timer.when):
            self.timers.remove(due[0])
            self.now = due[0].when()
            due[0].call()
        self.now = end

    def _waiting(self) -> list[Timer]:
        self.timers = [timer for timer in self.timers if not timer.cancelled]
        return self.timers


@pytest.fixture
async def connections_after_response(two: Both) -> list[tuple[Line, Clock]]:
    """A connection after a fast response, one after a regular response, and their clocks."""
    await two.ask_uncached(PLAIN)
    results = []
    for fast in (True, False):
        clock = Clock()
        line = two.line(fast, clock)
        await line.ask(PLAIN)
        assert line.spy is None or line.spy.served == [True]
        results.append((line, clock))
    return results


async def test_an_idle_connection_is_closed_without_a_response(
    connections_after_response: list[tuple[Line, Clock]],
) -> None:
    for line, clock in connections_after_response:
        clock.move(IDLE - 0.1)
        assert not line.wire.closed
        clock.move(0.2)
        assert (line.wire.closed, line.wire.pieces) == (True, [])


async def test_a_connection_with_regular_requests_is_not_closed(
    connections_after_response: list[tuple[Line, Clock]],
) -> None:
    for line, clock in connections_after_response:
        for _ in range(3):
            clock.move(IDLE - 0.1)
            assert (await line.ask(PLAIN)).status == 200
        assert not line.wire.closed
        assert len([timer for timer in clock.timers if not timer.cancelled]) == 1


@pytest.mark.parametrize("start", [PLAIN[:1], PLAIN[:30], PLAIN[:-1]])
async def test_an_incomplete_request_gets_408(
    connections_after_response: list[tuple[Line, Clock]], start: bytes
) -> None:
    for line, clock in connections_after_response:
        clock.move(IDLE - 1)
        line.send(start)
        clock.move(ARRIVAL - 0.1)
        assert not line.wire.closed
        clock.move(0.2)
        assert line.wire.closed
        assert line.wire.pieces[0].startswith(b"HTTP/1.1 408 ")


async def test_a_request_completed_in_time_is_answered(connections_after_response: list[tuple[Line, Clock]]) -> None:
    for line, clock in connections_after_response:
        clock.move(IDLE - 1)
        line.send(PLAIN[:30])
        clock.move(ARRIVAL - 1)
        assert (await line.ask(PLAIN[30:])).status == 200
        clock.move(IDLE - 1)
        assert not line.wire.closed


async def test_empty_lines_do_not_extend_the_idle_timeout(connections_after_response: list[tuple[Line, Clock]]) -> None:
    for line, clock in connections_after_response:
        for _ in range(4):
            line.send(b"\r\n")
            clock.move(ARRIVAL / 3)
        assert (line.wire.closed, line.wire.pieces) == (True, [])


async def test_only_a_client_that_stops_reading_is_disconnected(
    connections_after_response: list[tuple[Line, Clock]],
) -> None:
    for line, clock in connections_after_response:
        for unsent in (900, 800, 700):
            line.wire.unsent = unsent
            clock.move(IDLE)
            assert not line.wire.closed
        clock.move(IDLE)
        assert line.wire.closed


async def test_responses_of_both_paths_count_as_requests_of_the_server(two: Both) -> None:
    await two.ask_uncached(PLAIN)
    for fast in (True, False):
        line = two.line(fast)
        for _ in range(3):
            await line.ask(PLAIN)

        assert line.protocol.server_state.total_requests == 3


async def test_shutdown_closes_a_connection_with_only_fast_responses(
    connections_after_response: list[tuple[Line, Clock]],
) -> None:
    for line, _ in connections_after_response:
        line.protocol.shutdown()

        assert line.wire.closed


async def test_a_lost_connection_leaves_no_timer_behind(connections_after_response: list[tuple[Line, Clock]]) -> None:
    for line, clock in connections_after_response:
        connections = line.protocol.connections
        line.protocol.connection_lost(ConnectionResetError())

        assert connections == set()
        assert all(timer.cancelled for timer in clock.timers)
