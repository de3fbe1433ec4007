"""Retries: backoff with full jitter, and a retry budget per route. `policy.py` has the number of attempts.

Full jitter is from "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). The budget is that of Finagle and Envoy: a
share of first attempts plus a small constant rate.
"""

from random import Random

from graphql_api.upstream.policy import CallPolicy

BACKOFF_FACTOR = 5.0
"""Growth of the backoff per attempt. The second wait is long, because most faults that two attempts meet last longer than a
moment."""
RETRIES_PER_CALL = 0.6
"""Retry budget earned per first attempt. If 40 % of calls fail, three attempts need 0.4 + 0.4 * 0.4 = 0.56 retries per call."""
RETRIES_PER_SECOND = 0.5
"""Retries earned per second, so that a quiet route has some too."""
BUCKET_SIZE = 20.0
"""Maximum number of saved retries."""


class RetryBudget:
    """Token bucket of retries for one route, filled by first attempts and slowly by time."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = BUCKET_SIZE / 2
        self._at: float | None = None

    def record_call(self) -> None:
        """Record a first attempt."""
        self._tokens = min(self._tokens + RETRIES_PER_CALL, BUCKET_SIZE)

    def spend(self, now: float) -> bool:
        """Take one retry; returns False if the budget is empty."""
        if self._at is not None:
            self._tokens = min(self._tokens + (now - self._at) * RETRIES_PER_SECOND, BUCKET_SIZE)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def backoff(attempt: int, policy: CallPolicy, random: Random) -> float:
    """Returns the seconds to wait after attempt 1, 2, …: random, up to a growing bound."""
    return random.uniform(0.0, min(policy.max_backoff, policy.first_backoff * BACKOFF_FACTOR ** (attempt - 1)))
