"""The event emitted for every upstream call, including rejected ones; recorded in metrics and passed to other listeners."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from graphql_api.observability.buffered_metrics import BufferedCounter, BufferedHistogram
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


class CallEvent(NamedTuple):
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
    remaining: int | None
    """Calls left for this route in the server's own rate limit; None if unknown or unlimited."""


@cache  # routes and outcomes are few
def _calls(route: str, outcome: str) -> BufferedCounter:
    return BufferedCounter(UPSTREAM_REQUESTS.labels(route, outcome))


@cache
def _durations(route: str) -> BufferedHistogram:
    return BufferedHistogram(UPSTREAM_REQUEST_DURATION.labels(route))


def record_metrics(event: CallEvent) -> None:
    """Record a call in this process's metrics."""
    if event.made:
        _calls(event.route, event.outcome).count += 1
        _durations(event.route).observe(event.seconds)
        if event.attempt > 1:
            UPSTREAM_RETRIES.labels(event.route).inc()
    else:
        UPSTREAM_REQUESTS_REJECTED.labels(event.route, event.outcome).inc()
    if event.remaining is not None:
        UPSTREAM_RATE_LIMIT_REMAINING.labels(event.route).set(event.remaining)


def record_state(in_use: int, waiting: Mapping[Priority, int], blocked: Mapping[str, bool]) -> None:
    """Update the gauges: calls in progress, calls that wait for a slot, and whether a route is blocked for all accounts."""
    UPSTREAM_REQUESTS_IN_PROGRESS.set(in_use)
    for priority, calls in waiting.items():
        UPSTREAM_REQUESTS_QUEUED.labels(POLICIES[priority].label).set(calls)
    for route, is_blocked in blocked.items():
        UPSTREAM_CIRCUIT_OPEN.labels(route).set(is_blocked)
