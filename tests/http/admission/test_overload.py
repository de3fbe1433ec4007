"""Bursts and sustained overload: a model of a server with one core, in virtual time, behind the real admission."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from graphql_api.http.admission import Overloaded, limiter_for
from graphql_api.http.admission.middleware import AdmissionGate
from graphql_api.observability.request_context import RequestContext
from graphql_api.settings import Settings
from tests.upstream.virtual_time import in_virtual_time

STRICT = Settings().queue_timeout


@dataclass
class Outcome:
    """Seconds from the arrival of each operation to its response or refusal."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


class Model:
    """Operations share a core: each runs in two steps and yields in between."""

    def __init__(self, service: Callable[[int], float]) -> None:
        self.limiter = limiter_for(Settings(), self.now)
        self._door = AdmissionGate(self.limiter)
        self._core = asyncio.Lock()
        self._service = service
        self._started = 0

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def ask(self, outcome: Outcome) -> None:
        arrived = self.now()
        try:
            if self.limiter.full:
                raise Overloaded
            await self._door.acquire(RequestContext())
        except Overloaded:
            outcome.refused.append(self.now() - arrived)
            return
        seconds = self._service(self._started)
        self._started += 1
        for _ in range(2):
            async with self._core:
                await asyncio.sleep(seconds / 2)
        self._door.release()
        outcome.answered.append(self.now() - arrived)

    async def burst(self, count: int) -> Outcome:
        """The results of operations that arrive together."""
        outcome = Outcome()
        await asyncio.gather(*(self.ask(outcome) for _ in range(count)))
        return outcome

    async def at_rate(self, per_second: float, seconds: float) -> Outcome:
        """The results of operations that arrive at equal intervals."""
        outcome = Outcome()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(int(per_second * seconds)):
                tasks.create_task(self.ask(outcome))
                await asyncio.sleep(1 / per_second)
        return outcome


@pytest.mark.parametrize(("count", "service"), [(400, 0.0015), (1000, 0.0015), (400, 0.008)])
def test_a_burst_on_an_idle_server_is_served_completely(count: int, service: float) -> None:
    async def run() -> tuple[Outcome, Outcome]:
        model = Model(lambda _: service)
        first = await model.burst(count)
        await asyncio.sleep(3)
        return first, await model.burst(count)

    for outcome in in_virtual_time(run()):
        assert (len(outcome.answered), outcome.refused) == (count, [])


def test_slow_first_operations_cause_no_rejections() -> None:
    async def run() -> Outcome:
        model = Model(lambda number: 0.03 if number < 30 else 0.0015)
        return await model.at_rate(400, 1.0)

    assert in_virtual_time(run()).refused == []


@pytest.mark.slow
def test_overload_at_five_times_the_rate_is_refused_immediately() -> None:
    async def run() -> tuple[Outcome, Outcome]:
        model = Model(lambda _: 0.0015)
        return await model.at_rate(5 / 0.0015, 6), await model.at_rate(5 / 0.0015, 4)

    begin, later = in_virtual_time(run())
    for outcome, seconds in ((begin, 6), (later, 4)):
        assert len(outcome.answered) >= 0.98 * seconds / 0.0015
        in_vain = [waited for waited in outcome.refused if waited]
        assert len(in_vain) <= 0.01 * len(outcome.refused)
    assert max(later.answered) <= STRICT


@pytest.mark.slow
def test_a_burst_under_sustained_overload_is_mostly_rejected() -> None:
    async def run() -> tuple[Outcome, Outcome, Outcome]:
        model = Model(lambda _: 0.0015)
        overload = asyncio.create_task(model.at_rate(2 / 0.0015, 8))
        await asyncio.sleep(7)
        during = await model.burst(400)
        outcome = await overload
        await asyncio.sleep(3)
        return outcome, during, await model.burst(400)

    _, during, after = in_virtual_time(run())
    assert len(during.refused) >= 300
    assert after.refused == []


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_load_below_the_capacity_is_served_completely(share: float) -> None:
    async def run() -> Outcome:
        return await Model(lambda number: 0.003 if number % 2 else 0.0).at_rate(share / 0.0015, 8)

    outcome = in_virtual_time(run())
    assert outcome.refused == []
    assert max(outcome.answered) <= STRICT
