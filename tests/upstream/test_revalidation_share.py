"""Revalidations have one call in ten while any are due, whatever the rate limit and number of queries."""

from collections import Counter
from random import Random

import pytest

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.limiter import SERVER, Permit
from graphql_api.upstream.local_limiter import LocalLimiter
from graphql_api.upstream.rate_limit_config import RateLimit
from tests.conftest import Clock

MINUTES = 5


async def calls_by_priority(
    plan: int, upstreams_own: int, requests: float, revalidations: float
) -> dict[Priority, int]:
    """Calls granted at these rates per second, by an upstream that allows `upstreams_own` per minute."""
    clock, random = Clock(6000.0), Random(5)
    limiter = LocalLimiter(RateLimit(max_calls=plan), clock)
    counts = dict.fromkeys(Priority, 0)
    minutes = Counter[int]()
    for _ in range(int(60 * MINUTES * (requests + revalidations))):
        clock.now += random.expovariate(requests + revalidations)
        is_request = random.random() < requests / (requests + revalidations)
        urgency = Priority.INTERACTIVE if is_request else Priority.REVALIDATION
        taken = await limiter.acquire(SERVER, "/releases", urgency)
        if isinstance(taken, Permit):
            minute = int(clock.now // 60)
            minutes[minute] += 1
            counts[urgency] += minutes[minute] <= upstreams_own
            await limiter.sync_remaining(SERVER, "/releases", max(upstreams_own - minutes[minute], 0), taken.at)
    return counts


@pytest.mark.parametrize("plan", [100, 1900, 100_000])
@pytest.mark.parametrize("upstreams_own", [150, 100_000])
async def test_revalidations_get_one_call_in_ten_under_any_load(plan: int, upstreams_own: int) -> None:
    counts = await calls_by_priority(plan, upstreams_own, requests=50, revalidations=10)

    total = sum(counts.values())
    assert total > 0.9 * min(
        plan * MINUTES * 60 / 61, upstreams_own * MINUTES, 60 * MINUTES * 60
    )  # none is left unused for it
    assert 0.09 * total <= counts[Priority.REVALIDATION] <= 0.3 * total


async def test_requests_get_all_calls_if_no_revalidation_is_due() -> None:
    counts = await calls_by_priority(300, 100_000, requests=50, revalidations=0.0)

    assert counts[Priority.INTERACTIVE] >= 300 * MINUTES * 60 // 61


async def test_revalidations_alone_get_at_least_half_of_the_remaining_calls() -> None:
    counts = await calls_by_priority(1900, 150, requests=0.0, revalidations=10)

    assert counts[Priority.REVALIDATION] > 0.5 * 150 * MINUTES
