"""Counts keys of HAL documents that no declaration names; names are limited in number and length, as upstream chooses them."""

from collections import Counter
from collections.abc import Mapping

from prometheus_client import Counter as PrometheusCounter

from graphql_api.observability.metrics import UPSTREAM_UNKNOWN_KEYS

MAX_NAMES = 100
MAX_CHARS = 60
OTHER = "other"
"""The name under which all names beyond the first MAX_NAMES are counted."""


class UnknownKeys:
    """Counters of unknown keys by `Type.key`; also counts in `metric`, if given."""

    def __init__(self, metric: PrometheusCounter | None = None) -> None:
        self._metric = metric
        self.counts: Counter[str] = Counter()

    def add(self, unknown: Mapping[str, int]) -> None:
        """Add the unknown keys of one document."""
        for key, count in unknown.items():
            name = _printable(key)
            if name not in self.counts and len(self.counts) >= MAX_NAMES:
                name = OTHER
            self.counts[name] += count
            if self._metric is not None:
                self._metric.labels(name).inc(count)


def _printable(key: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in key[:MAX_CHARS])


UNKNOWN_KEYS = UnknownKeys(UPSTREAM_UNKNOWN_KEYS)
"""The unknown keys that this process has read."""
