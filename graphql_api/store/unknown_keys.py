"""Keys of HAL documents that no declaration names, counted by name, within bounds: upstream chooses the names."""

from collections import Counter
from collections.abc import Mapping

from prometheus_client import Counter as PrometheusCounter

from graphql_api.observability.metrics import UPSTREAM_UNKNOWN_KEYS

MAX_NAMES = 100
MAX_CHARS = 60
OTHER = "other"
"""Stands for all names beyond the first MAX_NAMES."""


class UnknownKeys:
    """How often each unknown key was met, as `Type.key`; also counted by `metric` if there is one."""

    def __init__(self, metric: PrometheusCounter | None = None) -> None:
        self._metric = metric
        self.counts: Counter[str] = Counter()

    def add(self, unknown: Mapping[str, int]) -> None:
        """Count what normalising a document left out."""
        for key, count in unknown.items():
            name = _printable(key)
            if name not in self.counts and len(self.counts) >= MAX_NAMES:
                name = OTHER
            self.counts[name] += count
            if self._metric is not None:
                self._metric.labels(name).inc(count)


def _printable(key: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in key[:MAX_CHARS])


UNKNOWN_KEYS = UnknownKeys(UPSTREAM_UNKNOWN_KEYS)
"""Those that this process met."""
