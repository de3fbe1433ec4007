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


class Asking:
    """A rate limiter and its clock."""

    def __init__(self, make: Callable[[RateLimit, Clock], CallLimiter], plan: RateLimit = PLAN) -> None:
        self.clock = Clock(1000.0)
        self.limiter = make(plan, self.clock)

    async def take(self, account: str = SERVER, route: str = ROUTE, **more: Any) -> Permit | Rejection:
        return await self.limiter.acquire(account, route, more.pop("urgency", Priority.INTERACTIVE), **more)

    async def granted(self, count: int, **of: Any) -> int:
        return sum([isinstance(await self.take(**of), Permit) for _ in range(count)])


@pytest.fixture
def asking() -> Asking:
    return Asking(LocalLimiter)


async def test_calls_are_counted_by_account_and_by_route(asking: Asking) -> None:
    assert await asking.granted(30) == 20
    assert await asking.granted(30, route=OTHER) == 20
    assert await asking.granted(30, account="digest") == 20

    refused = await asking.take()
    assert refused == Rejection(Reason.PLAN, pytest.approx(61.0))
    asking.clock.now += 61.0
    assert await asking.granted(30) == 20


async def test_a_crawl_reserves_calls_for_interactive_requests(asking: Asking) -> None:
    assert await asking.granted(30, urgency=Priority.CRAWL) == 15
    assert await asking.granted(30, urgency=Priority.REVALIDATION) == 3
    assert await asking.granted(30) == 2


async def test_a_permit_has_the_remaining_calls_and_upstream_can_lower_them(asking: Asking) -> None:
    granted = await asking.take()
    assert isinstance(granted, Permit)
    assert granted.remaining == 19

    await asking.limiter.sync_remaining(SERVER, ROUTE, 3, granted.at)
    assert await asking.granted(30, account="digest") == 20
    asking.clock.now += 0.1
    assert await asking.granted(30) == 3


async def test_without_a_rate_limit_calls_are_unlimited() -> None:
    asking = Asking(LocalLimiter, RateLimit())
    assert await asking.granted(5000) == 5000
    assert await asking.take() == Permit(1000.0)


async def test_a_block_rejects_calls_then_admits_probes_until_one_succeeds(asking: Asking) -> None:
    scope = BlockScope(ROUTE)
    await asking.limiter.block(scope, 7.0, Reason.UNAVAILABLE)
    assert await asking.take() == Rejection(Reason.UNAVAILABLE, 7.0)
    assert asking.limiter.blocked(SERVER, ROUTE) == Rejection(Reason.UNAVAILABLE, 7.0)
    assert await asking.granted(1, route=OTHER) == 1

    asking.clock.now += 7.0
    assert asking.limiter.blocked(SERVER, ROUTE) is None
    probes = [await asking.take() for _ in range(10)]
    granted = [probe for probe in probes if isinstance(probe, Permit)]
    assert len(granted) == 3
    assert {probe.probes for probe in granted} == {(scope,)}
    assert probes[-1] == Rejection(Reason.UNAVAILABLE, 1.5, probing=True)

    asking.clock.now += 1.5  # probes without a response delay no call
    third = await asking.take()
    assert isinstance(third, Permit)
    await asking.limiter.close_circuit(scope, third.at)
    assert await asking.granted(10) == 10


async def test_after_a_circuit_breaker_block_probes_are_sent_one_at_a_time(asking: Asking) -> None:
    await asking.limiter.block(BlockScope(ROUTE), 2.0, Reason.FAILING)
    asking.clock.now += 2.0
    granted = 0
    for _ in range(20):
        granted += await asking.granted(5)
        asking.clock.now += 0.1

    assert granted == 4  # at 0.0, 0.5, 1.0 and 1.5
    assert await asking.take(account="digest") != Rejection(Reason.PLAN, 61.0)


async def test_revalidations_get_one_call_in_ten_under_load(asking: Asking) -> None:
    counts = {Priority.INTERACTIVE: 0, Priority.REVALIDATION: 0}
    for _ in range(61 * 20):
        for urgency in (Priority.INTERACTIVE, Priority.INTERACTIVE, Priority.REVALIDATION):
            counts[urgency] += await asking.granted(1, urgency=urgency)
        asking.clock.now += 0.5

    assert sum(counts.values()) >= 20 * 10 - 1
    assert counts[Priority.REVALIDATION] * 10 >= sum(counts.values()) - 10


async def test_a_revalidation_takes_at_most_half_of_the_remaining_calls(asking: Asking) -> None:
    granted = await asking.take()
    assert isinstance(granted, Permit)
    await asking.limiter.sync_remaining(SERVER, ROUTE, 2, granted.at)
    asking.clock.now += 0.1

    assert await asking.granted(10, urgency=Priority.REVALIDATION) == 1
    assert await asking.granted(10) == 1


async def test_a_block_of_one_account_does_not_affect_another(asking: Asking) -> None:
    await asking.limiter.block(BlockScope(ROUTE, "digest"), 60.0, Reason.RATE_LIMITED)

    assert await asking.take(account="digest") == Rejection(Reason.RATE_LIMITED, 60.0)
    assert await asking.granted(10) == 10


async def test_the_longer_of_two_blocks_applies_and_is_never_shortened(asking: Asking) -> None:
    await asking.limiter.block(BlockScope(ROUTE), 5.0, Reason.UNAVAILABLE)
    await asking.limiter.block(BlockScope(ROUTE, SERVER), 30.0, Reason.RATE_LIMITED)
    await asking.limiter.block(BlockScope(ROUTE, SERVER), 1.0, Reason.UNAUTHORIZED)

    assert await asking.take() == Rejection(Reason.RATE_LIMITED, 30.0)
    assert asking.limiter.blocked(SERVER, ROUTE) == Rejection(Reason.RATE_LIMITED, 30.0)
    assert await asking.take(account="digest") == Rejection(Reason.UNAVAILABLE, 5.0)


async def test_a_probe_does_not_lift_a_block_set_after_it_was_sent(asking: Asking) -> None:
    scope = BlockScope(ROUTE, SERVER)
    await asking.limiter.block(scope, 1.0, Reason.RATE_LIMITED)
    asking.clock.now += 1.0
    probe = await asking.take()
    assert isinstance(probe, Permit)

    asking.clock.now += 0.1
    await asking.limiter.block(scope, 9.0, Reason.RATE_LIMITED)
    await asking.limiter.close_circuit(scope, probe.at)

    assert await asking.take() == Rejection(Reason.RATE_LIMITED, pytest.approx(9.0))


async def test_client_accounts_are_bounded_and_never_evict_the_server_account(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_limiter, "MAX_SCOPES", 10)
    limiter = asking.limiter = LocalLimiter(PLAN, asking.clock)
    assert await asking.granted(20) == 20
    await asking.limiter.block(BlockScope(OTHER), 60.0, Reason.UNAVAILABLE)
    for account in range(50):
        await asking.take(account=str(account))
        await asking.limiter.block(BlockScope(ROUTE, str(account)), 60.0, Reason.RATE_LIMITED)

    assert await asking.granted(1) == 0
    assert await asking.granted(1, route=OTHER) == 0
    assert len(limiter._windows) <= 11
    assert len(limiter._blocks) <= 11
