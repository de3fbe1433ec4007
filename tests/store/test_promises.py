"""Promises of the store that hold for every backend."""

import asyncio

import pytest

from graphql_api.competent.fetch import Validators
from graphql_api.errors import (
    UpstreamError,
    UpstreamInvalidResponse,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from graphql_api.observability.fetch_context import FetchContext, FetchStats, Priority
from tests.store.fakes import CURRENT, OTHER, PROFILE, Clock, Location, Opened, Upstream, profile

FAILURES = [UpstreamUnavailable, UpstreamTimeout, UpstreamRateLimited, UpstreamUnauthorized, UpstreamInvalidResponse]


async def test_a_document_is_fetched_once_and_then_cached(opened: Opened, upstream: Upstream) -> None:
    for _ in range(3):
        assert await opened.ask(PROFILE, PROFILE) == [upstream.document(PROFILE)] * 2
    assert upstream.paths == [PROFILE]


async def test_stored_documents_are_available_to_other_processes(location: Location, upstream: Upstream) -> None:
    if not location.shared:
        pytest.skip("memory is one process's own")
    first = location.open()
    await first.ask(PROFILE, OTHER)
    await first.store.aclose()

    assert await location.open().ask(PROFILE, OTHER) == [upstream.document(PROFILE), upstream.document(OTHER)]
    assert upstream.paths == [PROFILE, OTHER]


async def test_a_stale_copy_is_served_immediately_and_revalidated(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT, PROFILE)
    clock.now += 11
    upstream.version = 1
    upstream.released.clear()

    assert await opened.ask(CURRENT, PROFILE) == [upstream.document(CURRENT, 0), upstream.document(PROFILE, 0)]

    upstream.released.set()
    await opened.store.wait_idle()
    assert await opened.ask(CURRENT) == [upstream.document(CURRENT, 1)]
    assert upstream.paths == [CURRENT, PROFILE, CURRENT]
    assert upstream.requests[-1][1].urgency is Priority.REVALIDATION


async def test_a_hundred_readers_of_a_stale_copy_cause_one_call(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT)
    clock.now += 11
    upstream.released.clear()

    answers = await asyncio.gather(*(opened.ask(CURRENT) for _ in range(100)))
    await upstream.until(2)
    answers += await asyncio.gather(*(opened.ask(CURRENT) for _ in range(100)))

    assert answers == [[upstream.document(CURRENT)]] * 200
    assert upstream.paths == [CURRENT] * 2


async def test_revalidation_sends_validators_and_makes_the_copy_fresh(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    upstream.versioned = True
    await opened.ask(CURRENT)
    for _ in range(3):
        clock.now += 11
        await opened.ask(CURRENT)
        await opened.store.wait_idle()

    tally = FetchStats()
    assert await opened.ask(CURRENT, context=FetchContext(stats=tally)) == [upstream.document(CURRENT, 0)]
    assert tally == FetchStats(cached=1)
    assert [validators.etag for _, _, validators in upstream.requests] == [None, '"0"', '"0"', '"0"']


async def test_a_changed_document_replaces_the_copy_and_its_validators(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    upstream.versioned = True
    await opened.ask(CURRENT)
    for upstream.version in (1, 2):
        clock.now += 11
        await opened.ask(CURRENT)
        await opened.store.wait_idle()

    assert await opened.ask(CURRENT) == [upstream.document(CURRENT, 2)]
    assert [validators.etag for _, _, validators in upstream.requests] == [None, '"0"', '"1"']


@pytest.mark.parametrize("failure", [*FAILURES, UpstreamNotFound])
async def test_cached_documents_are_served_stale_while_upstream_fails(
    opened: Opened, upstream: Upstream, clock: Clock, failure: type[UpstreamError]
) -> None:
    await opened.ask(CURRENT, PROFILE)
    upstream.error = failure()
    clock.now += 1001
    for _ in range(4):
        tally = FetchStats()
        result = await opened.ask(CURRENT, PROFILE, context=FetchContext(stats=tally))
        await opened.store.wait_idle()
        clock.now += 990

        assert result == [upstream.document(CURRENT), upstream.document(PROFILE)]
        assert tally == FetchStats(stale=2)


async def test_while_upstream_fails_revalidation_is_tried_once_per_fresh_time(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT)
    upstream.error = UpstreamUnavailable()
    for _ in range(1000):  # ten times the ten seconds that it is fresh
        clock.now += 0.1
        await opened.ask(CURRENT)
        await opened.store.wait_idle()

    assert len(upstream.paths) <= 1 + 1.2 * 10


async def test_a_stale_copy_is_served_until_its_stale_ttl_ends(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT)
    upstream.error = UpstreamUnavailable()
    clock.now += 10 + 5000 - 1
    assert await opened.ask(CURRENT) == [upstream.document(CURRENT)]
    await opened.store.wait_idle()

    clock.now += 1
    (result,) = await opened.ask(CURRENT)
    assert isinstance(result, UpstreamUnavailable)


async def test_an_expired_copy_is_revalidated_by_its_validators(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    upstream.versioned = True
    await opened.ask(CURRENT)
    clock.now += 10_000

    assert await opened.ask(CURRENT) == [upstream.document(CURRENT)]
    assert upstream.requests[-1][2] == Validators('"0"', "Wed, 01 Jul 2026 00:00:00 GMT")
    assert await opened.ask(CURRENT) == [upstream.document(CURRENT)]
    assert len(upstream.requests) == 2


async def test_a_revalidation_in_one_process_serves_all(location: Location, upstream: Upstream, clock: Clock) -> None:
    if not location.shared:
        pytest.skip("memory is one process's own")
    first = location.open()
    await first.ask(CURRENT)
    await first.store.aclose()
    processes = [location.open() for _ in range(4)]
    clock.now += 11
    upstream.version = 1
    for process in processes:
        await process.ask(CURRENT)
        await process.store.wait_idle()
        if process.backend:  # let it be written
            while (await processes[-1].backend.get_many([CURRENT]))[CURRENT].at < clock.now:  # type: ignore[union-attr]
                await asyncio.sleep(0.001)

    assert await processes[2].ask(CURRENT) == [upstream.document(CURRENT, 1)]
    assert upstream.paths == [CURRENT] * 2


async def test_repeated_requests_for_missing_documents_cause_few_calls(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    upstream.error = UpstreamNotFound()
    for number in range(180):
        (result,) = await opened.ask(profile(number % 10))
        assert isinstance(result, UpstreamNotFound)
        clock.now += 0.3

    assert len(upstream.paths) <= 20

    upstream.error = None
    clock.now += 60
    assert await opened.ask(profile(0)) == [upstream.document(profile(0))]


@pytest.mark.parametrize("failure", FAILURES)
async def test_an_error_reaches_all_waiters_and_the_next_request_retries(
    opened: Opened, upstream: Upstream, failure: type[UpstreamError]
) -> None:
    upstream.error = failure(retry_after=3.0, detail="d")

    (alone,) = await opened.ask(PROFILE)
    upstream.released.clear()
    context = FetchContext()
    asking = [asyncio.create_task(opened.ask(PROFILE, context=context)) for _ in range(300)]
    while context.stats.requests < 300:
        await asyncio.sleep(0)
    upstream.released.set()
    crowd = [results for (results,) in await asyncio.gather(*asking)]

    assert {type(results) for results in [alone, *crowd]} == {failure}
    assert all(
        isinstance(results, UpstreamError) and results.retry_after == 3.0 and results.detail == "d" for results in crowd
    )
    assert len(set(map(id, crowd))) == 300  # each may raise its own
    assert len(upstream.paths) == 2

    upstream.error = None
    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]


async def test_concurrent_requests_share_a_fetch_that_survives_cancellations(
    opened: Opened, upstream: Upstream
) -> None:
    upstream.released.clear()
    context = FetchContext()
    asking = [asyncio.create_task(opened.ask(PROFILE, context=context)) for _ in range(100)]
    while context.stats.requests < 100:
        await asyncio.sleep(0)

    asking[0].cancel()
    asking[50].cancel()
    await asyncio.sleep(0)
    upstream.released.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert upstream.paths == [PROFILE]
    assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 2
    assert [answer for answer in answers if isinstance(answer, list)] == [[upstream.document(PROFILE)]] * 98


async def test_fetch_stats_count_requests_hits_and_stale_copies(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT, PROFILE)
    clock.now += 11
    upstream.released.clear()
    tally, joining = FetchStats(), FetchStats()

    asking = asyncio.create_task(opened.ask(CURRENT, PROFILE, OTHER, context=FetchContext(stats=tally)))
    while OTHER not in upstream.paths:
        await asyncio.sleep(0)
    joined = asyncio.create_task(opened.ask(OTHER, context=FetchContext(stats=joining)))
    while joining.requests < 1:
        await asyncio.sleep(0)
    upstream.released.set()
    await asyncio.gather(asking, joined)

    assert tally == FetchStats(requests=1, cached=1, stale=1)
    assert joining == FetchStats(requests=1)


async def test_at_the_deadline_only_missing_documents_time_out(opened: Opened, upstream: Upstream) -> None:
    await opened.ask(PROFILE)
    upstream.released.clear()
    loop = asyncio.get_running_loop()

    result = await opened.ask(PROFILE, OTHER, context=FetchContext(deadline=loop.time() + 0.2))
    assert result[0] == upstream.document(PROFILE)
    assert isinstance(result[1], UpstreamTimeout)

    result = await opened.ask(PROFILE, OTHER, context=FetchContext(deadline=loop.time()))
    assert result[0] == upstream.document(PROFILE)
    assert isinstance(result[1], UpstreamTimeout)
    assert upstream.paths == [PROFILE, OTHER]


async def test_a_waiter_that_times_out_does_not_cancel_the_others(
    opened: Opened, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.released.clear()
    deadline = asyncio.get_running_loop().time() + 3600
    hasty = asyncio.create_task(opened.ask(PROFILE, context=FetchContext(deadline=deadline)))
    patient = asyncio.create_task(opened.ask(PROFILE))
    await upstream.until(1)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: deadline)

    assert isinstance((await hasty)[0], UpstreamTimeout)
    upstream.released.set()
    assert await patient == [upstream.document(PROFILE)]
    assert upstream.paths == [PROFILE]


async def test_an_invalid_document_is_an_error_and_not_cached(opened: Opened, upstream: Upstream) -> None:
    upstream.error = UpstreamInvalidResponse()
    assert isinstance((await opened.ask(PROFILE))[0], UpstreamInvalidResponse)

    upstream.error = None
    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]


async def test_an_invalid_document_does_not_replace_a_valid_copy(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT)
    upstream.error = UpstreamInvalidResponse()
    clock.now += 11
    await opened.ask(CURRENT)
    await opened.store.wait_idle()

    assert await opened.ask(CURRENT) == [upstream.document(CURRENT)]


async def test_a_document_dated_in_the_future_is_served_and_revalidated(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(PROFILE)
    clock.now -= 100

    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
    await opened.store.wait_idle()
    assert upstream.paths == [PROFILE] * 2
