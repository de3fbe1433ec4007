"""What is told of each call, and of each one that was not made: one record, for metrics and for whoever else listens."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql_api.observability.fetch_context import Priority
from graphql_api.observability.metrics import (
    UPSTREAM_CIRCUIT_OPEN,
    UPSTREAM_RATE_LIMIT_REMAINING,
    UPSTREAM_REQUEST_DURATION,
    UPSTREAM_REQUESTS,
    UPSTREAM_REQUESTS_IN_PROGRESS,
    UPSTREAM_REQUESTS_QUEUED,
    UPSTREAM_REQUESTS_REJECTED,
    UPSTREAM_RETRIES,
)


@dataclass(frozen=True, slots=True)
class CallEvent:
    """An attempt at one document."""

    route: str
    """The template, as in `/releases/{release}`."""
    path: str
    outcome: str
    """`OK`, `NOT_MODIFIED`, `NOT_FOUND`, or the code of our error."""
    failed: bool
    """Whether it is one of our errors; a document that does not exist is none."""
    detail: str
    """What only operators may see."""
    urgency: Priority
    attempt: int
    """1, 2, …"""
    made: bool
    """Whether upstream was asked; False where the ledger refused, or too many calls were in progress."""
    seconds: float
    """What the call took; 0 where none was made."""
    blocked: bool
    """Whether the route is blocked for everybody now: its breaker is open, or upstream asked for a wait."""
    left: int | None
    """Calls that the server's own plan has left for this route; None where that is not known or not limited."""
    in_use: int
    """Calls under way, this one included."""
    waiting: tuple[int, ...]
    """Calls that wait for a place, by urgency."""


_PRIORITIES = {Priority.QUESTION: "interactive", Priority.REVALIDATION: "revalidation", Priority.WALK: "crawl"}
"""The label values of the urgencies, in their order."""


@lru_cache(1000)
def _of(metric: Any, *labels: str) -> Any:
    """A metric with labels. Routes and codes are few; to have each of them looked up at every call takes longer than to count."""
    return metric.labels(*labels)


def count(called: CallEvent) -> None:
    """Into this process's metrics."""
    if called.made:
        _of(UPSTREAM_REQUESTS, called.route, called.outcome).inc()
        _of(UPSTREAM_REQUEST_DURATION, called.route).observe(called.seconds)
        if called.attempt > 1:
            _of(UPSTREAM_RETRIES, called.route).inc()
    else:
        _of(UPSTREAM_REQUESTS_REJECTED, called.route, called.outcome).inc()
    _of(UPSTREAM_CIRCUIT_OPEN, called.route).set(called.blocked)
    if called.left is not None:
        _of(UPSTREAM_RATE_LIMIT_REMAINING, called.route).set(called.left)
    UPSTREAM_REQUESTS_IN_PROGRESS.set(called.in_use)
    for priority, waiting in zip(_PRIORITIES.values(), called.waiting, strict=True):
        _of(UPSTREAM_REQUESTS_QUEUED, priority).set(waiting)
