"""When the breaker of a route opens, for how long, and how long a query waits for the route: without a clock."""

import pytest

from graphql_api.upstream.breaker import (
    MAX_OPEN,
    MAX_RECENT_RECOVERY_WAIT,
    MAX_RECOVERY_WAIT,
    MIN_CALLS,
    MIN_OPEN,
    RECENT_OUTAGE,
    CircuitBreaker,
)


def time_and_length(breaker: CircuitBreaker, begin: float, every: float) -> tuple[float, float]:
    """When the breaker opens if all calls fail from `begin` on, and for how long."""
    for number in range(1000):
        if seconds := breaker.failed(begin + number * every):
            return begin + number * every, seconds
    raise AssertionError("it never opened")


def test_it_opens_at_the_thirtieth_failure_and_briefly_for_a_short_outage() -> None:
    breaker = CircuitBreaker()
    for number in range(100):
        breaker.succeeded(number / 100)

    at, seconds = time_and_length(breaker, 1.0, 0.01)
    assert at == pytest.approx(1.0 + (34 - 1) * 0.01)  # 34 of the last 40
    assert seconds == MIN_OPEN


def test_a_brownout_never_opens_it() -> None:
    breaker = CircuitBreaker()
    for number in range(3000):
        if number % 5 == 0:
            breaker.succeeded(number / 100)
        else:
            assert breaker.failed(number / 100) == 0.0


def test_fewer_than_thirty_calls_in_half_a_minute_never_open_it() -> None:
    breaker = CircuitBreaker()

    assert [breaker.failed(number * 1.1) for number in range(200)] == [0.0] * 200
    assert MIN_CALLS == 30


def test_a_single_failed_probe_opens_it_for_the_minimum_time() -> None:
    breaker = CircuitBreaker()
    time_and_length(breaker, 0.0, 0.01)

    assert breaker.failed(600.0, probe=True) == MIN_OPEN
    assert breaker.failed(600.5, probe=True) == MIN_OPEN
    assert breaker.failed(601.0, probe=True) == MAX_OPEN
    assert breaker.failed(603.0, probe=True) == MIN_OPEN


def test_it_stays_open_for_an_eighth_of_the_outage_within_bounds() -> None:
    breaker = CircuitBreaker()
    time_and_length(breaker, 0.0, 0.01)
    times = (1.0, 4.0, 8.0, 12.0, 16.0, 100.0)
    spans = [[breaker.failed(at, probe=True) for _ in range(3)][-1] for at in times]

    assert spans == [0.5, 0.5, 1.0, 1.5, 2.0, 2.0]


def test_a_successful_probe_resets_the_breaker() -> None:
    breaker = CircuitBreaker()
    time_and_length(breaker, 0.0, 0.01)
    breaker.failed(50.0, probe=True)
    breaker.succeeded(51.0, probe=True)

    at, seconds = time_and_length(breaker, 60.0, 0.01)
    assert at == pytest.approx(60.28)  # the thirtieth call, with the probe
    assert seconds == MIN_OPEN


def test_requests_wait_longer_for_a_route_that_failed_recently() -> None:
    breaker = CircuitBreaker()
    assert breaker.max_recovery_wait(0.0) == MAX_RECOVERY_WAIT

    breaker.failed(10.0)
    assert breaker.max_recovery_wait(10.0 + RECENT_OUTAGE - 0.01) == MAX_RECENT_RECOVERY_WAIT
    assert breaker.max_recovery_wait(10.0 + RECENT_OUTAGE) == MAX_RECOVERY_WAIT
    breaker.succeeded(20.0)
    assert breaker.max_recovery_wait(20.0) == MAX_RECOVERY_WAIT
