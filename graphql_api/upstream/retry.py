"""Retry policy: at most three attempts with full jitter, and a retry budget per route.

Full jitter is from "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). The budget is that of Finagle and Envoy: a
share of first attempts plus a small constant rate.
"""

from random import Random

from graphql_api.observability.fetch_context import Priority

ATTEMPTS = 3
FIRST, LONGEST, FACTOR = 0.2, 1.0, 5.0
"""Backoff in seconds: bound of the first wait, cap of the bound, and growth factor per attempt. The second wait is long because
most faults that two attempts meet last longer than a moment."""
FIRST_OF_WALK, LONGEST_OF_WALK = 2.0, 30.0
SHARE = 0.6
"""Retry budget earned per first attempt. If 40 % of calls fail, three attempts need 0.4 + 0.4 * 0.4 = 0.56 retries per call."""
EVERY_SECOND = 0.5
"""Retries earned per second, so that a quiet route has some too."""
AT_HAND = 20.0
"""Maximum number of saved retries."""


class RetryBudget:
    """Token bucket of retries for one route, filled by first attempts and slowly by time."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = AT_HAND / 2
        self._at: float | None = None

    def called(self) -> None:
        """Record a first attempt."""
        self._tokens = min(self._tokens + SHARE, AT_HAND)

    def spend(self, now: float) -> bool:
        """Take one retry; returns False if the budget is empty."""
        if self._at is not None:
            self._tokens = min(self._tokens + (now - self._at) * EVERY_SECOND, AT_HAND)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def attempts(urgency: Priority) -> int:
    """Returns the maximum number of attempts: one for a revalidation, which has a stored copy to fall back on."""
    return 1 if urgency == Priority.REVALIDATION else ATTEMPTS


def backoff(attempt: int, urgency: Priority, random: Random) -> float:
    """Returns the seconds to wait after attempt 1, 2, …: random, up to a growing bound."""
    first, longest = (FIRST_OF_WALK, LONGEST_OF_WALK) if urgency == Priority.CRAWL else (FIRST, LONGEST)
    return random.uniform(0.0, min(longest, first * FACTOR ** (attempt - 1)))
