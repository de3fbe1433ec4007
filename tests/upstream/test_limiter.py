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

    async def granted(self, count: int, **of: Any) -> int:
        return sum([isinstance(await self.take(**of), Permit) for _ in range(count)])


@pytest.fixture
def limited() -> Limited:
    return Limited(LocalLimiter)


async def test_calls_are_counted_by_account_and_by_route(limited: Limited) -> None:
    assert await limited.granted(30) == 20
    assert await limited.granted(30, route=OTHER) == 20
    assert await limited.granted(30, account="digest") == 20

    refused = await limited.take()
    assert refused == Rejection(Reason.PLAN, pytest.approx(61.0))
    limited.clock.now += 61.0
    assert await limited.granted(30) == 20


async def test_a_crawl_reserves_calls_for_interactive_requests(limited: Limited) -> None:
    assert await limited.granted(30, urgency=Priority.CRAWL) == 15
    assert await limited.granted(30, urgency=Priority.REVALIDATION) == 3
    assert await limited.granted(30) == 2


async def test_a_permit_has_the_remaining_calls_and_upstream_can_lower_them(limited: Limited) -> None:
    granted = await limited.take()
    assert isinstance(granted, Permit)
    assert granted.remaining == 19

    await limited.limiter.sync_remaining(SERVER, ROUTE, 3, granted.at)
    assert await limited.granted(30, account="digest") == 20
    limited.clock.now += 0.1
    assert await limited.granted(30) == 3


async def test_without_a_rate_limit_calls_are_unlimited() -> None:
    limited = Limited(LocalLimiter, RateLimit())
    assert await limited.granted(5000) == 5000
    assert await limited.take() == Permit(1000.0)


async def test_a_block_rejects_calls_then_admits_probes_until_one_succeeds(limited: Limited) -> None:
    scope = BlockScope(ROUTE)
    await limited.limiter.block(scope, 7.0, Reason.UNAVAILABLE)
    assert await limited.take() == Rejection(Reason.UNAVAILABLE, 7.0)
    assert limited.limiter.blocked(SERVER, ROUTE) == Rejection(Reason.UNAVAILABLE, 7.0)
    assert await limited.granted(1, route=OTHER) == 1

    limited.clock.now += 7.0
    assert limited.limiter.blocked(SERVER, ROUTE) is None
    probes = [await limited.take() for _ in range(10)]
    granted = [probe for probe in probes if isinstance(probe, Permit)]
    assert len(granted) == 3
    assert {probe.probes for probe in granted} == {(scope,)}
    assert probes[-1] == Rejection(Reason.UNAVAILABLE, 1.5, probing=True)

    limited.clock.now += 1.5  # probes without a response delay no call
    third = await limited.take()
    assert isinstance(third, Permit)
    await limited.limiter.close_circuit(scope, third.at)
    assert await limited.granted(10) == 10


async def test_after_a_circuit_breaker_block_probes_are_sent_one_at_a_time(limited: Limited) -> None:
    await limited.limiter.block(BlockScope(ROUTE), 2.0, Reason.FAILING)
    limited.clock.now += 2.0
    granted = 0
    for _ in range(20):
        granted += await limited.granted(5)
        limited.clock.now += 0.1

    assert granted == 4  # at 0.0, 0.5, 1.0 and 1.5
    assert await limited.take(account="digest") != Rejection(Reason.PLAN, 61.0)


async def test_revalidations_get_one_call_in_ten_under_load(limited: Limited) -> None:
    counts = {Priority.INTERACTIVE: 0, Priority.REVALIDATION: 0}
    for _ in range(61 * 20):
        for urgency in (Priority.INTERACTIVE, Priority.INTERACTIVE, Priority.REVALIDATION):
            counts[urgency] += await limited.granted(1, urgency=urgency)
        limited.clock.now += 0.5

    assert sum(counts.values()) >= 20 * 10 - 1
    assert counts[Priority.REVALIDATION] * 10 >= sum(counts.values()) - 10


async def test_a_revalidation_takes_at_most_half_of_the_remaining_calls(limited: Limited) -> None:
    granted = await limited.take()
    assert isinstance(granted, Permit)
    await limited.limiter.sync_remaining(SERVER, ROUTE, 2, granted.at)
    limited.clock.now += 0.1

    assert await limited.granted(10, urgency=Priority.REVALIDATION) == 1
    assert await limited.granted(10) == 1


async def test_a_block_of_one_account_does_not_affect_another(limited: Limited) -> None:
    await limited.limiter.block(BlockScope(ROUTE, "digest"), 60.0, Reason.RATE_LIMITED)

    assert await limited.take(account="digest") == Rejection(Reason.RATE_LIMITED, 60.0)
    assert await limited.granted(10) == 10


async def test_the_longer_of_two_blocks_applies_and_is_never_shortened(limited: Limited) -> None:
    await limited.limiter.block(BlockScope(ROUTE), 5.0, Reason.UNAVAILABLE)
    await limited.limiter.block(BlockScope(ROUTE, SERVER), 30.0, Reason.RATE_LIMITED)
    await limited.limiter.block(BlockScope(ROUTE, SERVER), 1.0, Reason.UNAUTHORIZED)

    assert await limited.take() == Rejection(Reason.RATE_LIMITED, 30.0)
    assert limited.limiter.blocked(SERVER, ROUTE) == Rejection(Reason.RATE_LIMITED, 30.0)
    assert await limited.take(account="digest") == Rejection(Reason.UNAVAILABLE, 5.0)


async def test_a_probe_does_not_lift_a_block_set_after_it_was_sent(limited: Limited) -> None:
    scope = BlockScope(ROUTE, SERVER)
    await limited.limiter.block(scope, 1.0, Reason.RATE_LIMITED)
    limited.clock.now += 1.0
    probe = await limited.take()
    assert isinstance(probe, Permit)

    limited.clock.now += 0.1
    await limited.limiter.block(scope, 9.0, Reason.RATE_LIMITED)
    await limited.limiter.close_circuit(scope, probe.at)

    assert await limited.take() == Rejection(Reason.RATE_LIMITED, pytest.approx(9.0))


async def test_client_accounts_are_bounded_and_never_evict_the_server_account(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_limiter, "MAX_SCOPES", 10)
    limiter = limited.limiter = LocalLimiter(PLAN, limited.clock)
    assert await limited.granted(20) == 20
    await limited.limiter.block(BlockScope(OTHER), 60.0, Reason.UNAVAILABLE)
    for account in range(50):
        await limited.take(account=str(account))
        await limited.limiter.block(BlockScope(ROUTE, str(account)), 60.0, Reason.RATE_LIMITED)

    assert await limited.granted(1) == 0
    assert await limited.granted(1, route=OTHER) == 0
    assert len(limiter._windows) <= 11
    assert len(limiter._blocks) <= 11
