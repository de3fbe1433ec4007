"""Admission: which operations run, wait or are refused immediately; those that wait for upstream never take all slots."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from graphql_api.errors import UpstreamUnavailable
from graphql_api.http.admission import (
    FORESEEN,
    Admission,
    ConcurrencyLimiter,
    LoopBudget,
    Overloaded,
    UpstreamWaitGuard,
)
from graphql_api.http.admission.limiter import PACE_OF
from graphql_api.http.admission.loop_budget import A_PASS
from graphql_api.observability.request_context import record_of
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import running


async def test_so_many_run_so_many_wait_and_the_next_is_refused() -> None:
    places = ConcurrencyLimiter(running=2, working=2, queued=1)

    assert places.take() is None
    assert places.take() is None
    assert places.take() is not None
    assert places.full
    with pytest.raises(Overloaded):
        places.take()
    assert (places.running, places.queued) == (2, 1)


async def test_a_place_that_is_given_back_goes_to_who_has_waited_longest() -> None:
    places = ConcurrencyLimiter(running=1, working=1, queued=2)
    places.take()
    first, second = places.take(), places.take()
    assert first is not None
    assert second is not None

    places.leave()

    assert (first.done(), second.done(), places.running, places.queued) == (True, False, 1, 1)
    places.leave()
    places.leave()
    assert (second.done(), places.running, places.queued) == (True, 0, 0)


async def test_who_would_wait_too_long_by_the_pace_of_those_before_is_refused_at_once() -> None:
    now = 0.0
    places = ConcurrencyLimiter(running=9, working=1, queued=100, wait=0.1 / FORESEEN, clock=lambda: now)
    places.take()
    crowd = [places.take() for _ in range(PACE_OF)]  # nothing is known yet
    for _ in crowd:
        now += 0.03
        places.leave()
    assert places.queued == 0

    assert [places.take() is None for _ in range(3)] == [False] * 3  # 0.03, 0.06 and 0.09 seconds
    with pytest.raises(Overloaded):
        places.take()
    for _ in range(60):  # the operations are smaller now
        now += 0.01
        places.leave()
        while not places.full:
            places.take()
    assert 6 <= places.queued <= 10


async def test_a_pace_of_some_time_ago_refuses_nobody_and_one_may_always_wait() -> None:
    now = 0.0
    places = ConcurrencyLimiter(running=9, working=1, queued=100, wait=0.1 / FORESEEN, clock=lambda: now)
    places.take()
    for _ in range(PACE_OF):
        assert places.take() is not None  # though the pace is 0.3 seconds
        now += 0.3
        places.leave()
    places.take()
    assert places.full

    places.leave()
    now += 6.0
    places.take()
    assert not places.full


async def test_a_burst_may_wait_longer_until_its_allowance_is_used_up() -> None:
    now = 0.0
    places = ConcurrencyLimiter(running=9, working=1, queued=100, wait=0.1 / FORESEEN, clock=lambda: now, burst=1.0)

    def next_in(seconds: float) -> None:
        nonlocal now
        now += seconds
        places.leave()
        places.take()

    places.take()
    for _ in range(4):
        places.take()
    for _ in range(PACE_OF):
        next_in(0.01)
    assert places.queued == 4
    assert not places.full  # 0.6 seconds of the allowance are left, and 0.05 expected
    assert places.patience == pytest.approx(0.1 / FORESEEN + 2 * 0.6)
    for _ in range(30):
        next_in(0.03)
    assert places.full  # it is used up, and 0.15 seconds are expected

    for _ in range(4):
        places.leave()
    now += 0.25  # no operation waits: half of it is regained
    assert places.patience == pytest.approx(0.1 / FORESEEN + 2 * 0.5)


async def test_those_worked_on_together_end_together_and_tell_little() -> None:
    now = 0.0
    places = ConcurrencyLimiter(running=9, working=4, queued=100, wait=0.1 / FORESEEN, clock=lambda: now)
    for _ in range(50):
        places.take()
    now += 0.2
    for _ in range(4):
        places.leave()

    assert not places.full


async def test_a_crowd_of_operations_that_wait_for_nothing_lets_others_run_between_them() -> None:
    now, told = 0.0, []

    async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal now
        now += 0.03  # as long as an operation of some size works
        told.append("operation")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def health() -> None:
        while told.count("operation") < 5:
            told.append("health")
            await asyncio.sleep(0)

    places = ConcurrencyLimiter(running=9, working=9, queued=9, clock=lambda: now)
    app = Admission(at_once, places, most_bytes=100)
    asking = [asked(app) for _ in range(5)]
    await asyncio.gather(health(), *asking)

    first = told.index("operation")
    assert told[first:].count("health") >= 4
    assert "operation, operation" not in ", ".join(told)
    assert places.running == 0


async def test_operations_begin_in_the_order_in_which_they_came_and_who_has_left_holds_nobody_up() -> None:
    now = 0.0
    passes = LoopBudget(lambda: now)
    assert passes.begin() is None
    assert passes.begin() is None  # there is time for both
    now += 0.03
    first, second, third = (passes.begin() for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    second.cancel()

    await asyncio.sleep(0)
    assert (first.done(), third.done()) == (True, False)
    now += 0.03
    assert (late := passes.begin()) is not None  # though the pass is new
    await asyncio.sleep(0)
    assert (third.done(), late.done()) == (True, False)
    await asyncio.sleep(0)
    assert late.done()


async def test_small_operations_that_were_put_off_begin_many_at_a_time() -> None:
    now = 0.0
    passes = LoopBudget(lambda: now)
    passes.begin()
    now += 0.03
    later = [begin for _ in range(100) if (begin := passes.begin()) is not None]
    assert len(later) == 100

    for _ in range(7):
        await asyncio.sleep(0)
        now += 0.001
    assert all(begin.done() for begin in later)


async def test_what_is_over_at_once_has_half_of_each_pass_and_takes_nothing_from_the_operations() -> None:
    now = 0.0
    passes = LoopBudget(lambda: now)
    passes.begin()
    now += 0.03
    later = [begin for _ in range(70) if (begin := passes.begin()) is not None]

    for _ in range(7):
        assert passes.has_time
        passes.spend(A_PASS / 2)
        assert not passes.has_time
        now += A_PASS / 2 + 0.001
        await asyncio.sleep(0)
    assert all(begin.done() for begin in later)  # as many at a time as without


async def test_who_gives_up_leaves_no_hole_in_the_queue_and_loses_no_place() -> None:
    places = ConcurrencyLimiter(running=1, working=1, queued=2)
    places.take()
    first, second = places.take(), places.take()
    assert first is not None
    assert second is not None

    places.give_up(first)  # still waiting
    places.leave()
    assert second.done()
    places.give_up(second)  # the place was the caller's in the same moment

    assert (places.running, places.queued) == (0, 0)


async def test_who_waits_upstream_is_not_worked_on_and_lets_the_next_begin() -> None:
    places = ConcurrencyLimiter(running=4, working=1, queued=2)
    places.take()
    second, third = places.take(), places.take()
    assert second is not None
    assert third is not None

    assert places.begin_waiting()
    assert (second.done(), third.done()) == (True, False)
    assert places.begin_waiting()
    assert third.done()
    assert not places.begin_waiting()  # half of the places wait

    places.end_waiting()  # two are worked on now: who has begun goes on
    places.leave()
    assert (places.running, places.waiting) == (2, 1)


async def test_who_waits_upstream_holds_at_most_half_of_the_places() -> None:
    places = ConcurrencyLimiter(running=4, working=4, queued=0)
    waits = [UpstreamWaitGuard(places) for _ in range(3)]

    with waits[0](), waits[0](), waits[1]():  # batches of one operation count once
        assert places.waiting == 2
        with pytest.raises(UpstreamUnavailable) as refused, waits[2]():
            pass
        with waits[1]():
            pass
    assert refused.value.retry_after == 1
    assert places.waiting == 0
    with waits[2]():
        assert places.waiting == 1


class Held:
    """An app that holds its responses until they are released; it counts its requests."""

    def __init__(self, content_type: bytes = b"application/json") -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self._content_type = content_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        if self._content_type == b"application/json":
            await self.go.wait()
        headers = [(b"content-type", self._content_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"{}"})


def asked(app: Any, path: str = "/graphql") -> "asyncio.Task[httpx.Response]":
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test") as client:
            return await client.post(path, content=b"{}")

    return asyncio.create_task(ask())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0)


async def test_who_finds_no_room_is_told_at_once_when_to_come_again() -> None:
    held, places = Held(), ConcurrencyLimiter(running=2, working=2, queued=1)
    app = Admission(held, places, most_bytes=100)
    running = [asked(app) for _ in range(3)]
    await until(lambda: held.begun == 2 and places.queued == 1)

    response = await asked(app)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "SERVER_UNAVAILABLE"
    assert error["extensions"]["retryAfter"] == 1
    held.go.set()
    assert [(await each).status_code for each in running] == [200, 200, 200]
    assert (held.begun, places.running, places.queued) == (3, 0, 0)


async def test_who_waits_too_long_for_a_place_is_told_so() -> None:
    held = Held()
    app = Admission(held, ConcurrencyLimiter(running=1, working=1, queued=1, wait=0), most_bytes=100)
    first = asked(app)
    await until(lambda: held.begun == 1)

    assert (await asked(app)).status_code == 503
    held.go.set()
    assert (await first).status_code == 200


async def test_health_answers_while_all_places_are_taken() -> None:
    held = Held()
    app = Admission(held, ConcurrencyLimiter(running=1, working=1, queued=0), most_bytes=100)
    first = asked(app)
    await until(lambda: held.begun == 1)

    health = asked(app, "/health/live")
    await until(lambda: held.begun == 2)
    held.go.set()
    assert [(await each).status_code for each in (first, health)] == [200, 200]


async def test_a_subscription_over_events_holds_no_place() -> None:
    held, places = Held(b"text/event-stream; charset=utf-8"), ConcurrencyLimiter(running=1, working=1, queued=0)
    app = Admission(held, places, most_bytes=100)
    first, second = asked(app), asked(app)

    await until(lambda: held.begun == 2)
    assert places.running == 0
    held.go.set()
    assert [(await each).status_code for each in (first, second)] == [200, 200]
    assert places.running == 0


def sending(*bodies: bytes, pause: Awaitable[Any] | None = None) -> Receive:
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": place < len(bodies) - 1}
        for place, body in enumerate(bodies)
    ]

    async def receive() -> Message:
        if pause is not None and len(messages) == 1:
            await pause
        return messages.pop(0)

    return receive


async def test_a_client_that_sends_slowly_holds_no_place_and_loses_nothing() -> None:
    places, rest = ConcurrencyLimiter(running=1, working=1, queued=0), asyncio.Event()
    got = bytearray()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            got.extend(message["body"])
            more = message["more_body"]

    async def send(message: Message) -> None: ...

    app = Admission(reading, places, most_bytes=100)
    slow = asyncio.create_task(app({"type": "http", "path": "/graphql"}, sending(b"a", b"b", pause=rest.wait()), send))
    await asyncio.sleep(0)
    assert places.running == 0
    rest.set()
    await slow
    assert bytes(got) == b"ab"


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    left: list[Message] = []

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        left.append(await receive())

    async def send(message: Message) -> None: ...

    receive = sending(b"x" * 80, b"y" * 80, b"z" * 80)
    await Admission(refusing, ConcurrencyLimiter(1, 1, 0), most_bytes=100)(
        {"type": "http", "path": "/graphql"}, receive, send
    )

    assert (await receive())["body"] == b"z" * 80


async def test_an_operation_says_that_it_waits_by_its_asker() -> None:
    places = ConcurrencyLimiter(running=2, working=2, queued=0)
    scopes: list[Scope] = []

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        with record_of(scope).fetch_context.wait_guard():
            assert places.waiting == 1
        scopes.append(scope)

    async def send(message: Message) -> None: ...

    await Admission(waiting, places, most_bytes=9)({"type": "http", "path": "/graphql"}, sending(b""), send)
    assert len(scopes) == 1
    assert places.waiting == 0


async def test_the_server_admits_as_its_settings_say(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, max_executing=1, max_queue=0)) as server:
        answers = await asyncio.gather(*(server.post("{ releases { number } }") for _ in range(5)))
        after = await server.post("{ __typename }")

    assert sorted(answer.status_code for answer in answers) == [200, 503, 503, 503, 503]
    assert after.status_code == 200
