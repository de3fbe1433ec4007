"""The contract of the rate limiter, also for the one that replicas share."""

from collections.abc import Callable
from typing import Any

import pytest

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream import local_limiter
from graphql_api.upstream.limiter import SERVER, BlockScope, CallLimiter, Permit, Reason, Rejection
from graphql_api.upstream.local_limiter import LocalLimiter
from graphql_api.upstream.rate_limit_config import RateLimit
from tests.conftest import Clock

ROUTE, OTHER = "/releases/{release}", "/releases"
PLAN = RateLimit(max_calls=20, probe_span=1.5)


class Limited:
    """A rate limiter and its clock."""

    def __init__(self, make: Callable[[RateLimit, Clock], CallLimiter], plan: RateLimit = PLAN) -> None:
        self.clock = Clock(1000.0)
        self.limiter = make(plan, self.clock)

    async def take(self, account: str = SERVER, route: str = ROUTE, **more: Any) -> Permit | Rejection:
        return await self.limiter.acquire(account, route, more.pop("urgency", Priority.INTERACTIVE), **more)

    async def calls_granted(self, count: int, **of: Any) -> int:
        return sum([isinstance(await self.take(**of), Permit) for _ in range(count)])


@pytest.fixture
def limited_rate() -> Limited:
    return Limited(LocalLimiter)


async def test_calls_are_counted_by_account_and_by_route(limited_rate: Limited) -> None:
    assert await limited_rate.calls_granted(30) == 20
    assert await limited_rate.calls_granted(30, route=OTHER) == 20
    assert await limited_rate.calls_granted(30, account="digest") == 20

    refused = await limited_rate.take()
    assert refused == Rejection(Reason.PLAN, pytest.approx(61.0))
    limited_rate.clock.now += 61.0
    assert await limited_rate.calls_granted(30) == 20


async def test_a_crawl_reserves_calls_for_interactive_requests(limited_rate: Limited) -> None:
    assert await limited_rate.calls_granted(30, urgency=Priority.CRAWL) == 15
    assert await limited_rate.calls_granted(30, urgency=Priority.REVALIDATION) == 3
    assert await limited_rate.calls_granted(30) == 2


async def test_a_permit_has_the_remaining_calls_and_upstream_can_lower_them(limited_rate: Limited) -> None:
    calls_granted = await limited_rate.take()
    assert isinstance(calls_granted, Permit)
    assert calls_granted.remaining == 19

    await limited_rate.limiter.sync_remaining(SERVER, ROUTE, 3, calls_granted.at)
    assert await limited_rate.calls_granted(30, account="digest") == 20
    limited_rate.clock.now += 0.1
    assert await limited_rate.calls_granted(30) == 3


async def test_without_a_rate_limit_calls_are_unlimited() -> None:
    limited_rate = Limited(LocalLimiter, RateLimit())
    assert await limited_rate.calls_granted(5000) == 5000
    assert await limited_rate.take() == Permit(1000.0)


async def test_a_block_rejects_calls_then_admits_probes_until_one_succeeds(limited_rate: Limited) -> None:
    scope = BlockScope(ROUTE)
    await limited_rate.limiter.block(scope, 7.0, Reason.UNAVAILABLE)
    assert await limited_rate.take() == Rejection(Reason.UNAVAILABLE, 7.0)
    assert limited_rate.limiter.blocked(SERVER, ROUTE) == Rejection(Reason.UNAVAILABLE, 7.0)
    assert await limited_rate.calls_granted(1, route=OTHER) == 1

    limited_rate.clock.now += 7.0
    assert limited_rate.limiter.blocked(SERVER, ROUTE) is None
    probes = [await limited_rate.take() for _ in range(10)]
    calls_granted = [probe for probe in probes if isinstance(probe, Permit)]
    assert len(calls_granted) == 3
    assert {probe.probes for probe in calls_granted} == {(scope,)}
    assert probes[-1] == Rejection(Reason.UNAVAILABLE, 1.5, probing=True)

    limited_rate.clock.now += 1.5  # probes without a response delay no call
    third = await limited_rate.take()
    assert isinstance(third, Permit)
    await limited_rate.limiter.close_circuit(scope, third.at)
    assert await limited_rate.calls_granted(10) == 10


async def test_after_a_circuit_breaker_block_probes_are_sent_one_at_a_time(limited_rate: Limited) -> None:
    await limited_rate.limiter.block(BlockScope(ROUTE), 2.0, Reason.FAILING)
    limited_rate.clock.now += 2.0
    calls_granted = 0
    for _ in range(20):
        calls_granted += await limited_rate.calls_granted(5)
        limited_rate.clock.now += 0.1

    assert calls_granted == 4  # at 0.0, 0.5, 1.0 and 1.5
    assert await limited_rate.take(account="digest") != Rejection(Reason.PLAN, 61.0)


async def test_revalidations_get_one_call_in_ten_under_load(limited_rate: Limited) -> None:
    counts = {Priority.INTERACTIVE: 0, Priority.REVALIDATION: 0}
    for _ in range(61 * 20):
        for urgency in (Priority.INTERACTIVE, Priority.INTERACTIVE, Priority.REVALIDATION):
            counts[urgency] += await limited_rate.calls_granted(1, urgency=urgency)
        limited_rate.clock.now += 0.5

    assert sum(counts.values()) >= 20 * 10 - 1
    assert counts[Priority.REVALIDATION] * 10 >= sum(counts.values()) - 10


async def test_a_revalidation_takes_at_most_half_of_the_remaining_calls(limited_rate: Limited) -> None:
    calls_granted = await limited_rate.take()
    assert isinstance(calls_granted, Permit)
    await limited_rate.limiter.sync_remaining(SERVER, ROUTE, 2, calls_granted.at)
    limited_rate.clock.now += 0.1

    assert await limited_rate.calls_granted(10, urgency=Priority.REVALIDATION) == 1
    assert await limited_rate.calls_granted(10) == 1


async def test_a_block_of_one_account_does_not_affect_another(limited_rate: Limited) -> None:
    await limited_rate.limiter.block(BlockScope(ROUTE, "digest"), 60.0, Reason.RATE_LIMITED)

    assert await limited_rate.take(account="digest") == Rejection(Reason.RATE_LIMITED, 60.0)
    assert await limited_rate.calls_granted(10) == 10


async def test_the_longer_of_two_blocks_applies_and_is_never_shortened(limited_rate: Limited) -> None:
    await limited_rate.limiter.block(BlockScope(ROUTE), 5.0, Reason.UNAVAILABLE)
    await limited_rate.limiter.block(BlockScope(ROUTE, SERVER), 30.0, Reason.RATE_LIMITED)
    await limited_rate.limiter.block(BlockScope(ROUTE, SERVER), 1.0, Reason.UNAUTHORIZED)

    assert await limited_rate.take() == Rejection(Reason.RATE_LIMITED, 30.0)
    assert limited_rate.limiter.blocked(SERVER, ROUTE) == Rejection(Reason.RATE_LIMITED, 30.0)
    assert await limited_rate.take(account="digest") == Rejection(Reason.UNAVAILABLE, 5.0)


async def test_a_probe_does_not_lift_a_block_set_after_it_was_sent(limited_rate: Limited) -> None:
    scope = BlockScope(ROUTE, SERVER)
    await limited_rate.limiter.block(scope, 1.0, Reason.RATE_LIMITED)
    limited_rate.clock.now += 1.0
    probe = await limited_rate.take()
    assert isinstance(probe, Permit)

    limited_rate.clock.now += 0.1
    await limited_rate.limiter.block(scope, 9.0, Reason.RATE_LIMITED)
    await limited_rate.limiter.close_circuit(scope, probe.at)

    assert await limited_rate.take() == Rejection(Reason.RATE_LIMITED, pytest.approx(9.0))


async def test_client_accounts_are_bounded_and_never_evict_the_server_account(
    limited_rate: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_limiter, "MAX_SCOPES", 10)
    limiter = limited_rate.limiter = LocalLimiter(PLAN, limited_rate.clock)
    assert await limited_rate.calls_granted(20) == 20
    await limited_rate.limiter.block(BlockScope(OTHER), 60.0, Reason.UNAVAILABLE)
    for account in range(50):
        await limited_rate.take(account=str(account))
        await limited_rate.limiter.block(BlockScope(ROUTE, str(account)), 60.0, Reason.RATE_LIMITED)

    assert await limited_rate.calls_granted(1) == 0
    assert await limited_rate.calls_granted(1, route=OTHER) == 0
    assert len(limiter._windows) <= 11
    assert len(limiter._blocks) <= 11
