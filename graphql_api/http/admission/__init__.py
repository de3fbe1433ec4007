"""Admission: so many operations run at once, and so many wait for a place as will get one soon; all others are told at once.

Who waits for the Competent API holds at most half of the places, so that questions about what is stored are refused last.
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
