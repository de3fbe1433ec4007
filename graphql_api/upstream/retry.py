"""Whether and when to try again: at most three attempts, full jitter between them, and a budget for all retries of a route.

Full jitter is from "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015); the budget is that of Finagle and of Envoy: a
share of the calls that are no retries, and a few besides.
"""

from random import Random

from graphql_api.observability.fetch_context import Priority

ATTEMPTS = 3
FIRST, LONGEST, FACTOR = 0.2, 1.0, 5.0
"""Seconds: the bound of the first wait, which grows by this factor with each attempt, and the bound of all. What failed twice
gets a good while: most faults that two attempts meet last longer than a moment."""
FIRST_OF_WALK, LONGEST_OF_WALK = 2.0, 30.0
SHARE = 0.6
"""Retries for each call that is none. Where 40 % of calls fail, three attempts make 0.4 + 0.4 * 0.4 = 0.56 of them."""
EVERY_SECOND = 0.5
"""Retries a second besides, so that a quiet route has some."""
AT_HAND = 20.0
"""Retries that may be saved up."""


class RetryBudget:
    """A bucket of retries for one route: filled by calls and, a little, by time."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = AT_HAND / 2
        self._at: float | None = None

    def called(self) -> None:
        """A call was made that is no retry."""
        self._tokens = min(self._tokens + SHARE, AT_HAND)

    def spend(self, now: float) -> bool:
        """One retry, where there is one left."""
        if self._at is not None:
            self._tokens = min(self._tokens + (now - self._at) * EVERY_SECOND, AT_HAND)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def attempts(urgency: Priority) -> int:
    """How often a document is asked for. Who has a stored copy at hand asks once."""
    return 1 if urgency == Priority.REVALIDATION else ATTEMPTS


def backoff(attempt: int, urgency: Priority, random: Random) -> float:
    """Seconds to wait after attempt 1, 2, …: anything up to a bound that grows."""
    first, longest = (FIRST_OF_WALK, LONGEST_OF_WALK) if urgency == Priority.WALK else (FIRST, LONGEST)
    return random.uniform(0.0, min(longest, first * FACTOR ** (attempt - 1)))
