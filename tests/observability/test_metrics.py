"""Buffered counts, flushed into their metrics later, give the same values as immediate ones."""

from typing import Any

from prometheus_client import CollectorRegistry, Histogram

from graphql_api.observability.metrics import FrequentSeconds


def samples(histogram: Histogram) -> dict[tuple[str, Any], float]:
    return {
        (each.name, each.labels.get("le")): each.value
        for metric in histogram.collect()
        for each in metric.samples
        if not each.name.endswith("_created")
    }


def test_a_histogram_is_as_if_each_had_been_observed_at_once() -> None:
    plain, frequent = (Histogram("a", "A", buckets=(0.25, 0.5, 1), registry=CollectorRegistry()) for _ in range(2))
    counted = FrequentSeconds(frequent)
    for several in ((0.0, 0.25, 0.375), (0.5, 1.0, 64.0), ()):
        for each in several:
            plain.observe(each)
            counted.observe(each)
        counted.settle()
        assert samples(frequent) == samples(plain)
