"""Admission control: limits running operations, queues those that will get a slot soon and rejects the rest immediately.

Operations waiting for the Competent API hold at most half of the slots, so operations on cached data are rejected last.
"""

from graphql_api.http.admission.limiter import MAX_PREDICTED_WAIT, ConcurrencyLimiter, Overloaded, UpstreamWaitGuard
from graphql_api.http.admission.loop_budget import LoopBudget
from graphql_api.http.admission.middleware import AdmissionMiddleware, limiter_for, slot_holder

__all__ = [
    "MAX_PREDICTED_WAIT",
    "AdmissionMiddleware",
    "ConcurrencyLimiter",
    "LoopBudget",
    "Overloaded",
    "UpstreamWaitGuard",
    "limiter_for",
    "slot_holder",
]
