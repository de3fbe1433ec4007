"""The estimate of how often slots come free."""

import pytest

from graphql_api.http.admission.limiter import SMOOTHING_SLOTS, ServiceTimeEstimator
from tests.conftest import Clock


@pytest.mark.parametrize("least", [1, SMOOTHING_SLOTS, 3 * SMOOTHING_SLOTS])
def test_an_estimate_needs_a_minimum_number_of_released_slots(least: int) -> None:
    clock = Clock()
    estimator = ServiceTimeEstimator(clock, least)
    estimator.begin()

    estimates = []
    for _ in range(least):
        clock.now += 0.1
        estimator.step()
        estimates.append(estimator.seconds)

    assert estimates[:-1] == [0.0] * (least - 1)
    assert estimates[-1] == pytest.approx(0.1)


def test_an_old_estimate_is_dropped_when_operations_queue_again() -> None:
    clock = Clock()
    estimator = ServiceTimeEstimator(clock, 1)
    estimator.begin()
    clock.now += 0.1
    estimator.step()
    estimator.end()

    clock.now += 60
    estimator.begin()
    assert estimator.seconds == 0.0
