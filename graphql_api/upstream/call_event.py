"""The event emitted for every upstream call, including rejected ones; recorded in metrics and passed to other listeners."""

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
from graphql_api.upstream.policy import POLICIES


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One attempt to fetch a document."""

    route: str
    """The path template, such as `/releases/{release}`."""
    path: str
    outcome: str
    """`OK`, `NOT_MODIFIED`, `NOT_FOUND`, or the code of our error."""
    failed: bool
    """Whether the outcome is an error; NOT_FOUND is not."""
    detail: str
    """Details for operators only; never sent to clients."""
    urgency: Priority
    attempt: int
    """Number of the attempt, from 1."""
    made: bool
    """Whether a request was sent; False if the limiter rejected the call, no slot became free, or a recent failure was
    repeated."""
    seconds: float
    """Duration of the call in seconds; 0 if none was made."""
    blocked: bool
    """Whether the route is now blocked for all accounts: its circuit breaker is open, or upstream asked for a wait."""
    remaining: int | None
    """Calls left for this route in the server's own rate limit; None if unknown or unlimited."""
    in_use: int
    """Calls in progress, including this one."""
    waiting: tuple[int, ...]
    """Calls that wait for a slot, one number per priority."""


@lru_cache(1000)
def _child(metric: Any, *labels: str) -> Any:
    """Returns a metric child. Cached, because looking up labels takes longer than counting; routes and codes are few."""
    return metric.labels(*labels)


def record_metrics(event: CallEvent) -> None:
    """Record a call in this process's metrics."""
    if event.made:
        _child(UPSTREAM_REQUESTS, event.route, event.outcome).inc()
        _child(UPSTREAM_REQUEST_DURATION, event.route).observe(event.seconds)
        if event.attempt > 1:
            _child(UPSTREAM_RETRIES, event.route).inc()
    else:
        _child(UPSTREAM_REQUESTS_REJECTED, event.route, event.outcome).inc()
    _child(UPSTREAM_CIRCUIT_OPEN, event.route).set(event.blocked)
    if event.remaining is not None:
        _child(UPSTREAM_RATE_LIMIT_REMAINING, event.route).set(event.remaining)
    UPSTREAM_REQUESTS_IN_PROGRESS.set(event.in_use)
    for policy, waiting in zip(POLICIES.values(), event.waiting, strict=True):
        _child(UPSTREAM_REQUESTS_QUEUED, policy.label).set(waiting)
