"""Buffered metrics have the same values as metrics that are updated directly."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric

from graphql_api.observability import buffered_metrics
from graphql_api.observability.buffered_metrics import MAX_BUFFERED, BufferedCounter, BufferedHistogram


@pytest.fixture(autouse=True)
def own_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffered metrics of these tests only."""
    monkeypatch.setattr(buffered_metrics, "_buffered", [])


def values(metric: Counter | Histogram) -> dict[tuple[str, str | None], float]:
    families: list[Metric] = list(metric.collect())
    return {
        (sample.name, sample.labels.get("le")): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_buffered_histogram_equals_direct_observations() -> None:
    plain, target = (Histogram("a", "A", buckets=(0.25, 0.5, 1), registry=CollectorRegistry()) for _ in range(2))
    histogram = BufferedHistogram(target)
    for durations in ((0.0, 0.25, 0.375), (0.5, 1.0, 64.0), ()):
        for duration in durations:
            plain.observe(duration)
            histogram.observe(duration)
        buffered_metrics.flush()
        assert values(target) == values(plain)


def test_a_histogram_buffers_a_bounded_number_of_observations() -> None:
    target = Histogram("a", "A", registry=CollectorRegistry())
    histogram = BufferedHistogram(target)

    for _ in range(MAX_BUFFERED - 1):
        histogram.observe(1.0)
    assert values(target)["a_count", None] == 0
    histogram.observe(1.0)
    assert values(target)["a_count", None] == MAX_BUFFERED


def test_a_buffered_counter_adds_its_count_at_each_flush() -> None:
    target = Counter("a", "A", registry=CollectorRegistry())
    counter = BufferedCounter(target)

    for number in (2, 3, 0):
        counter.count += number
        buffered_metrics.flush()
    assert values(target) == {("a_total", None): 5}
