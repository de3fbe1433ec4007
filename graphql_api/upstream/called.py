"""What is told of each call, and of each one that was not made: one record, for metrics and for whoever else listens."""

from dataclasses import dataclass

from graphql_api.fetching import Urgency
from graphql_api.metrics import (
    UPSTREAM_BREAKER,
    UPSTREAM_PLACES,
    UPSTREAM_PLAN_LEFT,
    UPSTREAM_REFUSED,
    UPSTREAM_REQUESTS,
    UPSTREAM_RETRIES,
    UPSTREAM_SECONDS,
    UPSTREAM_WAITING,
)


@dataclass(frozen=True, slots=True)
class Called:
    """An attempt at one document."""

    route: str
    """The template, as in `/releases/{release}`."""
    path: str
    outcome: str
    """`OK`, `NOT_MODIFIED`, or the code of our error."""
    detail: str
    """What only operators may see."""
    urgency: Urgency
    attempt: int
    """1, 2, …"""
    made: bool
    """Whether upstream was asked; False where the ledger refused, or no place came free in time."""
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


def count(called: Called) -> None:
    """Into this process's metrics."""
    if called.made:
        UPSTREAM_REQUESTS.labels(called.route, called.outcome).inc()
        UPSTREAM_SECONDS.labels(called.route).observe(called.seconds)
        if called.attempt > 1:
            UPSTREAM_RETRIES.labels(called.route).inc()
    else:
        UPSTREAM_REFUSED.labels(called.route, called.outcome).inc()
    UPSTREAM_BREAKER.labels(called.route).set(called.blocked)
    if called.left is not None:
        UPSTREAM_PLAN_LEFT.labels(called.route).set(called.left)
    UPSTREAM_PLACES.set(called.in_use)
    for urgency, waiting in zip(Urgency, called.waiting, strict=True):
        UPSTREAM_WAITING.labels(urgency.name.lower()).set(waiting)
