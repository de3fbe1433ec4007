"""Admission control: limits running operations, queues those that will get a slot soon and rejects the rest immediately.

Operations waiting for the Competent API hold at most half of the slots, so operations on cached data are rejected last.
"""

from graphql_api.http.admission.limiter import FORESEEN, ConcurrencyLimiter, Overloaded, UpstreamWaitGuard
from graphql_api.http.admission.loop_budget import LoopBudget
from graphql_api.http.admission.middleware import Admission, admitting, places_of

__all__ = [
    "FORESEEN",
    "Admission",
    "ConcurrencyLimiter",
    "LoopBudget",
    "Overloaded",
    "UpstreamWaitGuard",
    "admitting",
    "places_of",
]
