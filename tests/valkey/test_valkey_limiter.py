"""Promises of the rate limiter that hold for the one that replicas share."""

from collections.abc import AsyncIterator

import pytest

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.limiter import SERVER, BlockScope, Permit, Reason, Rejection
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.valkey import Shared
from graphql_api.upstream.valkey_limiter import ValkeyLimiter
from tests.conftest import Clock
from tests.upstream.test_limiter import (
    PLAN,
    ROUTE,
    Limited,
    test_a_block_of_one_account_does_not_affect_another,
    test_a_block_rejects_calls_then_admits_probes_until_one_succeeds,
    test_a_crawl_reserves_calls_for_interactive_requests,
    test_a_permit_has_the_remaining_calls_and_upstream_can_lower_them,
    test_a_probe_does_not_lift_a_block_set_after_it_was_sent,
    test_a_revalidation_takes_at_most_half_of_the_remaining_calls,
    test_after_a_circuit_breaker_block_probes_are_sent_one_at_a_time,
    test_calls_are_counted_by_account_and_by_route,
    test_revalidations_get_one_call_in_ten_under_load,
    test_the_longer_of_two_blocks_applies_and_is_never_shortened,
)
from tests.valkey.conftest import Server

pytestmark = pytest.mark.valkey

__all__ = [
    "test_a_block_of_one_account_does_not_affect_another",
    "test_a_block_rejects_calls_then_admits_probes_until_one_succeeds",
    "test_a_crawl_reserves_calls_for_interactive_requests",
    "test_a_permit_has_the_remaining_calls_and_upstream_can_lower_them",
    "test_a_probe_does_not_lift_a_block_set_after_it_was_sent",
    "test_a_revalidation_takes_at_most_half_of_the_remaining_calls",
    "test_after_a_circuit_breaker_block_probes_are_sent_one_at_a_time",
    "test_calls_are_counted_by_account_and_by_route",
    "test_revalidations_get_one_call_in_ten_under_load",
    "test_the_longer_of_two_blocks_applies_and_is_never_shortened",
]


class Sharing:
    """Creates limiters on one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.opened: list[Shared] = []

    def __call__(self, plan: RateLimit, clock: Clock | None) -> ValkeyLimiter:
        self.opened.append(Shared(self._url, "api", clock or Clock(1000.0)))
        return ValkeyLimiter(self.opened[-1], plan, clock)


@pytest.fixture
async def shared_limiters(valkey: Server) -> AsyncIterator[Sharing]:
    made = Sharing(valkey.url)
    yield made
    for item in made.opened:
        await item.aclose()


@pytest.fixture
def limited_rate(shared_limiters: Sharing) -> Limited:
    return Limited(shared_limiters)


async def test_limiters_of_all_replicas_share_the_rate_limit(shared_limiters: Sharing) -> None:
    clock = Clock(1000.0)
    replicas = [shared_limiters(PLAN, clock) for _ in range(3)]

    granted = [await replicas[turn % 3].acquire(SERVER, ROUTE, Priority.INTERACTIVE) for turn in range(90)]

    assert sum(isinstance(permit, Permit) for permit in granted) == PLAN.max_calls


async def test_replicas_share_blocks_and_their_removal(shared_limiters: Sharing) -> None:
    clock = Clock(1000.0)
    one, other = shared_limiters(PLAN, clock), shared_limiters(PLAN, clock)
    await one.block(BlockScope(ROUTE), 7.0, Reason.UNAVAILABLE)

    assert await other.acquire(SERVER, ROUTE, Priority.INTERACTIVE) == Rejection(Reason.UNAVAILABLE, 7.0)
    assert other.blocked(SERVER, ROUTE) == Rejection(Reason.UNAVAILABLE, 7.0)

    clock.now += 7.0
    probe = await other.acquire(SERVER, ROUTE, Priority.INTERACTIVE)
    assert isinstance(probe, Permit)
    await other.close_circuit(BlockScope(ROUTE), probe.at)
    assert all([isinstance(await one.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Permit) for _ in range(10)])


async def test_without_the_server_each_replica_continues_with_its_own_counts(
    shared_limiters: Sharing, valkey: Server
) -> None:
    clock = Clock(1000.0)
    limiter = shared_limiters(PLAN, clock)
    for _ in range(5):
        await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE)
    await limiter.block(BlockScope(ROUTE, "digest"), 60.0, Reason.RATE_LIMITED)
    valkey.stop()

    granted = [await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE) for _ in range(30)]

    assert sum(isinstance(permit, Permit) for permit in granted) == PLAN.max_calls - 5
    assert await limiter.acquire("digest", ROUTE, Priority.INTERACTIVE) == Rejection(Reason.RATE_LIMITED, 60.0)


async def test_blocks_use_the_clock_of_the_server(shared_limiters: Sharing) -> None:
    limiter = shared_limiters(RateLimit(), None)
    await limiter.block(BlockScope(ROUTE), 30.0, Reason.UNAVAILABLE)

    refused = await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE)

    assert isinstance(refused, Rejection)
    assert 29.0 < refused.wait <= 30.0
