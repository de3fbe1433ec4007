"""Admission: which operations run, wait or are refused immediately; those that wait for upstream never take all slots."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from graphql_api.errors import UpstreamUnavailable
from graphql_api.http.admission import (
    MAX_PREDICTED_WAIT,
    AdmissionMiddleware,
    ConcurrencyLimiter,
    LoopBudget,
    Overloaded,
    UpstreamWaitGuard,
)
from graphql_api.http.admission.limiter import SMOOTHING_SLOTS
from graphql_api.http.admission.loop_budget import PASS_SECONDS
from graphql_api.observability.request_context import record_of
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import running


async def test_the_next_operation_is_refused_if_all_slots_and_the_queue_are_full() -> None:
    limiter = ConcurrencyLimiter(running=2, executing=2, queued=1)

    assert limiter.acquire() is None
    assert limiter.acquire() is None
    assert limiter.acquire() is not None
    assert limiter.full
    with pytest.raises(Overloaded):
        limiter.acquire()
    assert (limiter.running, limiter.queued) == (2, 1)


async def test_a_released_slot_goes_to_the_operation_that_waited_longest() -> None:
    limiter = ConcurrencyLimiter(running=1, executing=1, queued=2)
    limiter.acquire()
    first, second = limiter.acquire(), limiter.acquire()
    assert first is not None
    assert second is not None

    limiter.release()

    assert (first.done(), second.done(), limiter.running, limiter.queued) == (True, False, 1, 1)
    limiter.release()
    limiter.release()
    assert (second.done(), limiter.running, limiter.queued) == (True, 0, 0)


async def test_an_operation_with_a_long_predicted_wait_is_refused_immediately() -> None:
    now = 0.0
    limiter = ConcurrencyLimiter(
        running=9, executing=1, queued=100, queue_timeout=0.1 / MAX_PREDICTED_WAIT, clock=lambda: now
    )
    limiter.acquire()
    crowd = [limiter.acquire() for _ in range(SMOOTHING_SLOTS)]  # nothing is known yet
    for _ in crowd:
        now += 0.03
        limiter.release()
    assert limiter.queued == 0

    assert [limiter.acquire() is None for _ in range(3)] == [False] * 3  # 0.03, 0.06 and 0.09 seconds
    with pytest.raises(Overloaded):
        limiter.acquire()
    for _ in range(60):  # the operations are smaller now
        now += 0.01
        limiter.release()
        while not limiter.full:
            limiter.acquire()
    assert 6 <= limiter.queued <= 10


async def test_an_expired_estimate_rejects_no_operation() -> None:
    now = 0.0
    limiter = ConcurrencyLimiter(
        running=9, executing=1, queued=100, queue_timeout=0.1 / MAX_PREDICTED_WAIT, clock=lambda: now
    )
    limiter.acquire()
    for _ in range(SMOOTHING_SLOTS):
        assert limiter.acquire() is not None  # though the pace is 0.3 seconds
        now += 0.3
        limiter.release()
    limiter.acquire()
    assert limiter.full

    limiter.release()
    now += 6.0
    limiter.acquire()
    assert not limiter.full


async def test_a_burst_may_wait_longer_until_its_allowance_is_used_up() -> None:
    now = 0.0
    limiter = ConcurrencyLimiter(
        running=9, executing=1, queued=100, queue_timeout=0.1 / MAX_PREDICTED_WAIT, clock=lambda: now, burst=1.0
    )

    def next_in(seconds: float) -> None:
        nonlocal now
        now += seconds
        limiter.release()
        limiter.acquire()

    limiter.acquire()
    for _ in range(4):
        limiter.acquire()
    for _ in range(SMOOTHING_SLOTS):
        next_in(0.01)
    assert limiter.queued == 4
    assert not limiter.full  # 0.6 seconds of the allowance are left, and 0.05 expected
    assert limiter.max_wait == pytest.approx(0.1 / MAX_PREDICTED_WAIT + 2 * 0.6)
    for _ in range(30):
        next_in(0.03)
    assert limiter.full  # it is used up, and 0.15 seconds are expected

    for _ in range(4):
        limiter.release()
    now += 0.25  # no operation waits: half of it is regained
    assert limiter.max_wait == pytest.approx(0.1 / MAX_PREDICTED_WAIT + 2 * 0.5)


async def test_operations_that_finish_together_give_no_estimate() -> None:
    now = 0.0
    limiter = ConcurrencyLimiter(
        running=9, executing=4, queued=100, queue_timeout=0.1 / MAX_PREDICTED_WAIT, clock=lambda: now
    )
    for _ in range(50):
        limiter.acquire()
    now += 0.2
    for _ in range(4):
        limiter.release()

    assert not limiter.full


async def test_a_burst_of_cached_operations_lets_other_requests_run_in_between() -> None:
    now, events = 0.0, []

    async def synchronous(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal now
        now += 0.03  # as long as an operation of some size works
        events.append("operation")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def health() -> None:
        while events.count("operation") < 5:
            events.append("health")
            await asyncio.sleep(0)

    limiter = ConcurrencyLimiter(running=9, executing=9, queued=9, clock=lambda: now)
    app = AdmissionMiddleware(synchronous, limiter, max_bytes=100)
    asking = [send_task(app) for _ in range(5)]
    await asyncio.gather(health(), *asking)

    first = events.index("operation")
    assert events[first:].count("health") >= 4
    assert "operation, operation" not in ", ".join(events)
    assert limiter.running == 0


async def test_operations_start_in_order_and_cancelled_ones_are_skipped() -> None:
    now = 0.0
    loop_budget = LoopBudget(lambda: now)
    assert loop_budget.begin() is None
    assert loop_budget.begin() is None  # there is time for both
    now += 0.03
    first, second, third = (loop_budget.begin() for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    second.cancel()

    await asyncio.sleep(0)
    assert (first.done(), third.done()) == (True, False)
    now += 0.03
    assert (late := loop_budget.begin()) is not None  # though the pass is new
    await asyncio.sleep(0)
    assert (third.done(), late.done()) == (True, False)
    await asyncio.sleep(0)
    assert late.done()


async def test_small_deferred_operations_start_in_batches() -> None:
    now = 0.0
    loop_budget = LoopBudget(lambda: now)
    loop_budget.begin()
    now += 0.03
    later = [begin for _ in range(100) if (begin := loop_budget.begin()) is not None]
    assert len(later) == 100

    for _ in range(7):
        await asyncio.sleep(0)
        now += 0.001
    assert all(begin.done() for begin in later)


async def test_the_fast_path_gets_half_of_each_loop_pass_in_addition() -> None:
    now = 0.0
    loop_budget = LoopBudget(lambda: now, itertools.count(1.0).__next__)
    loop_budget.begin()
    now += 0.03
    later = [begin for _ in range(70) if (begin := loop_budget.begin()) is not None]

    for _ in range(7):
        assert loop_budget.has_time
        loop_budget.spend(PASS_SECONDS / 2)
        assert not loop_budget.has_time
        now += PASS_SECONDS / 2 + 0.001
        await asyncio.sleep(0)
    assert all(begin.done() for begin in later)  # as many at a time as without


async def test_a_cancelled_wait_neither_blocks_the_queue_nor_loses_a_slot() -> None:
    limiter = ConcurrencyLimiter(running=1, executing=1, queued=2)
    limiter.acquire()
    first, second = limiter.acquire(), limiter.acquire()
    assert first is not None
    assert second is not None

    limiter.cancel(first)  # still waiting
    limiter.release()
    assert second.done()
    limiter.cancel(second)  # the place was the caller's in the same moment

    assert (limiter.running, limiter.queued) == (0, 0)


async def test_an_operation_that_waits_upstream_lets_the_next_one_execute() -> None:
    limiter = ConcurrencyLimiter(running=4, executing=1, queued=2)
    limiter.acquire()
    second, third = limiter.acquire(), limiter.acquire()
    assert second is not None
    assert third is not None

    assert limiter.begin_waiting()
    assert (second.done(), third.done()) == (True, False)
    assert limiter.begin_waiting()
    assert third.done()
    assert not limiter.begin_waiting()  # half of the slots wait

    limiter.end_waiting()  # two execute now: a started operation continues
    limiter.release()
    assert (limiter.running, limiter.waiting) == (2, 1)


async def test_operations_that_wait_upstream_hold_at_most_half_of_the_slots() -> None:
    limiter = ConcurrencyLimiter(running=4, executing=4, queued=0)
    waits = [UpstreamWaitGuard(limiter) for _ in range(3)]

    with waits[0](), waits[0](), waits[1]():  # batches of one operation count once
        assert limiter.waiting == 2
        with pytest.raises(UpstreamUnavailable) as refused, waits[2]():
            pass
        with waits[1]():
            pass
    assert refused.value.retry_after == 1
    assert limiter.waiting == 0
    with waits[2]():
        assert limiter.waiting == 1


class Held:
    """An app that holds its responses until they are released; it counts its requests."""

    def __init__(self, content_type: bytes = b"application/json") -> None:
        self.started = 0
        self.go = asyncio.Event()
        self._content_type = content_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started += 1
        if self._content_type == b"application/json":
            await self.go.wait()
        headers = [(b"content-type", self._content_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"{}"})


def send_task(app: Any, path: str = "/graphql") -> "asyncio.Task[httpx.Response]":
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test") as client:
            return await client.post(path, content=b"{}")

    return asyncio.create_task(ask())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0)


async def test_a_refused_operation_gets_503_with_retry_after_immediately() -> None:
    held, limiter = Held(), ConcurrencyLimiter(running=2, executing=2, queued=1)
    app = AdmissionMiddleware(held, limiter, max_bytes=100)
    running = [send_task(app) for _ in range(3)]
    await until(lambda: held.started == 2 and limiter.queued == 1)

    response = await send_task(app)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "SERVER_UNAVAILABLE"
    assert error["extensions"]["retryAfter"] == 1
    held.go.set()
    assert [(await task).status_code for task in running] == [200, 200, 200]
    assert (held.started, limiter.running, limiter.queued) == (3, 0, 0)


async def test_an_operation_that_queues_too_long_gets_503() -> None:
    held = Held()
    app = AdmissionMiddleware(
        held, ConcurrencyLimiter(running=1, executing=1, queued=1, queue_timeout=0), max_bytes=100
    )
    first = send_task(app)
    await until(lambda: held.started == 1)

    assert (await send_task(app)).status_code == 503
    held.go.set()
    assert (await first).status_code == 200


async def test_health_responds_while_all_slots_are_taken() -> None:
    held = Held()
    app = AdmissionMiddleware(held, ConcurrencyLimiter(running=1, executing=1, queued=0), max_bytes=100)
    first = send_task(app)
    await until(lambda: held.started == 1)

    health = send_task(app, "/health/live")
    await until(lambda: held.started == 2)
    held.go.set()
    assert [(await item).status_code for item in (first, health)] == [200, 200]


async def test_a_subscription_over_server_sent_events_holds_no_slot() -> None:
    held, limiter = Held(b"text/event-stream; charset=utf-8"), ConcurrencyLimiter(running=1, executing=1, queued=0)
    app = AdmissionMiddleware(held, limiter, max_bytes=100)
    first, second = send_task(app), send_task(app)

    await until(lambda: held.started == 2)
    assert limiter.running == 0
    held.go.set()
    assert [(await item).status_code for item in (first, second)] == [200, 200]
    assert limiter.running == 0


def sending(*bodies: bytes, pause: Awaitable[Any] | None = None) -> Receive:
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": position < len(bodies) - 1}
        for position, body in enumerate(bodies)
    ]

    async def receive() -> Message:
        if pause is not None and len(messages) == 1:
            await pause
        return messages.pop(0)

    return receive


async def test_a_slow_upload_holds_no_slot_and_is_read_completely() -> None:
    limiter, rest = ConcurrencyLimiter(running=1, executing=1, queued=0), asyncio.Event()
    got = bytearray()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            got.extend(message["body"])
            more = message["more_body"]

    async def send(message: Message) -> None: ...

    app = AdmissionMiddleware(reading, limiter, max_bytes=100)
    slow = asyncio.create_task(app({"type": "http", "path": "/graphql"}, sending(b"a", b"b", pause=rest.wait()), send))
    await asyncio.sleep(0)
    assert limiter.running == 0
    rest.set()
    await slow
    assert bytes(got) == b"ab"


async def test_an_oversized_body_is_not_read_completely() -> None:
    left: list[Message] = []

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        left.append(await receive())

    async def send(message: Message) -> None: ...

    receive = sending(b"x" * 80, b"y" * 80, b"z" * 80)
    await AdmissionMiddleware(refusing, ConcurrencyLimiter(1, 1, 0), max_bytes=100)(
        {"type": "http", "path": "/graphql"}, receive, send
    )

    assert (await receive())["body"] == b"z" * 80


async def test_an_excessive_content_length_is_rejected_without_reading(releases: Releases, settings: Settings) -> None:
    """A client that declares 30 MB and sends nothing gets 413 immediately, not 408 when the time to send is over."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body is awaited")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", b"30000000"), (b"content-type", b"application/json")]
    async with running(releases, settings) as server:
        await server.app(
            {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers},
            receive,
            send,
        )

    assert sent[0]["status"] == 413


async def test_an_operation_reports_its_wait_through_its_fetch_context() -> None:
    limiter = ConcurrencyLimiter(running=2, executing=2, queued=0)
    scopes: list[Scope] = []

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        with record_of(scope).fetch_context.wait_guard():
            assert limiter.waiting == 1
        scopes.append(scope)

    async def send(message: Message) -> None: ...

    await AdmissionMiddleware(waiting, limiter, max_bytes=9)({"type": "http", "path": "/graphql"}, sending(b""), send)
    assert len(scopes) == 1
    assert limiter.waiting == 0


@pytest.mark.parametrize(
    ("path", "slots"),
    [
        *((path, 1) for path in ("/graphql", "/", "/nl/", "/id/3.11", "/releases.atom", "/llms.txt")),
        *((path, 0) for path in ("/health/live", "/assets/style.css", "/docs/")),
    ],
)
async def test_routes_that_run_operations_take_a_slot(path: str, slots: int) -> None:
    limiter = ConcurrencyLimiter(running=2, executing=2, queued=0)
    taken: list[int] = []

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        taken.append(limiter.running)

    async def send(message: Message) -> None: ...

    await AdmissionMiddleware(counting, limiter, max_bytes=9)({"type": "http", "path": path}, sending(b""), send)
    assert (taken, limiter.running) == ([slots], 0)


async def test_admission_limits_follow_the_settings(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, max_executing=1, max_queue=0)) as server:
        answers = await asyncio.gather(*(server.post("{ releases { number } }") for _ in range(5)))
        pages = await asyncio.gather(*(server.client.get("/nl/isco") for _ in range(5)))
        after = await server.post("{ __typename }")

    assert sorted(answer.status_code for answer in answers) == [200, 503, 503, 503, 503]
    assert sorted(page.status_code for page in pages) == [200, 503, 503, 503, 503]
    assert after.status_code == 200
