"""The sliding window of the rate limit: exact over any period, with a reserved share, and corrected by upstream."""

from collections import deque
from itertools import pairwise
from random import Random

import pytest

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.sliding_window import Window

PLAN = RateLimit(max_calls=100, period=61.0)


def test_no_window_exceeds_the_rate_limit() -> None:
    random, window = Random(7), Window(PLAN)
    now, taken = 0.0, deque[float]()
    for _ in range(20_000):
        now += random.expovariate(5)
        if window.take(now) == 0.0:
            taken.append(now)

    within = [sum(at - 61.0 < other <= at for other in taken) for at in list(taken)[::50]]
    assert max(within) == 100
    assert len(taken) > 100 * (now // 61.0 - 1)  # and what is allowed is used


def test_a_rejection_has_the_exact_wait_until_the_next_free_call() -> None:
    window = Window(PLAN)
    for number in range(100):
        assert window.take(number / 10) == 0.0

    wait = window.take(20.0)
    assert wait == pytest.approx(41.0)
    assert window.take(20.0 + wait - 0.01) > 0.0
    assert window.take(20.0 + wait) == 0.0


def test_each_queued_caller_waits_for_a_later_call() -> None:
    window = Window(PLAN)
    for number in range(100):
        window.take(number / 10)

    waits = [window.take(20.0, ahead=ahead) for ahead in range(5)]
    assert [round(later - sooner, 6) for sooner, later in pairwise(waits)] == [0.1] * 4
    assert window.take(61.05, ahead=1) > 0.0  # one is free, and another caller is first
    assert window.take(61.15, ahead=1) == 0.0


def test_a_crawl_reserves_a_share_for_requests() -> None:
    window = Window(PLAN)
    crawled = sum(window.take(1.0, PLAN.reserved(Priority.CRAWL)) == 0.0 for _ in range(200))
    count = sum(window.take(1.0) == 0.0 for _ in range(200))

    assert (crawled, count) == (75, 25)
    assert window.remaining(1.0) == 0


def test_remaining_calls_from_upstream_apply_until_the_next_report() -> None:
    window = Window(PLAN)
    window.take(1.0)
    window.sync_remaining(1.1, 2, as_of=1.0)

    assert [window.take(1.2) == 0.0 for _ in range(4)] == [True, True, False, False]
    assert window.remaining(1.2) == 0
    assert window.take(6.0) > 0.0
    assert [window.take(6.1) == 0.0 for _ in range(3)] == [True, False, False]  # one call finds out
    window.sync_remaining(6.2, 50, as_of=6.1)
    assert all(window.take(6.3) == 0.0 for _ in range(50))


def test_a_crawl_stops_when_the_reported_calls_are_the_reserved_share() -> None:
    window = Window(PLAN)
    window.take(1.0)
    window.sync_remaining(1.1, 26, as_of=1.0)

    assert [window.take(1.2, PLAN.reserved(Priority.CRAWL)) == 0.0 for _ in range(3)] == [True, False, False]
    assert window.take(1.2) == 0.0


def test_an_older_report_of_remaining_calls_does_not_replace_a_newer_one() -> None:
    window = Window(PLAN)
    for at in (1.0, 2.0):
        window.take(at)
    window.sync_remaining(2.1, 5, as_of=2.0)
    window.sync_remaining(2.2, 90, as_of=1.0)

    assert window.remaining(2.2) == 5
