"""What calls of each priority may do: the table that the resilience of upstream calls follows."""

from dataclasses import dataclass
from enum import Enum

from graphql_api.observability.fetch_context import Priority


class WaitsFor(Enum):
    """What a rejected call waits for, before its deadline; other rejections fail it immediately."""

    RATE_LIMIT = "rate limit"
    """Its turn in the rate limit."""
    RECOVERY = "recovery"
    """Its turn in the rate limit, and for a moment the recovery of a failing route."""
    ANYTHING = "anything"
    """The end of any rejection."""


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Policy of one priority. The defaults are those of an interactive call."""

    label: str
    """Metric label."""
    waits_for: WaitsFor = WaitsFor.RATE_LIMIT
    is_bounded: bool = True
    """Whether all attempts together have `upstream_total_timeout` at most; otherwise, each attempt has."""
    attempts: int = 3
    first_backoff: float = 0.2
    """Upper bound in seconds of the wait before the second attempt."""
    max_backoff: float = 1.0
    """Upper bound in seconds of any wait between attempts."""
    needs_retry_budget: bool = True
    """Whether each retry takes one from the retry budget of the route."""
    repeats_failures: bool = True
    """Whether a recent failure of the document is raised again without a call."""
    caches_failures: bool = True
    """Whether its own failures are raised again for later calls."""
    reserved_share: float = 0.0
    """Share of the rate limit left to higher priorities."""
    max_share_of_remaining: float = 1.0
    """Share of upstream's remaining calls that is left to others at most: its limit may be far lower than ours."""


POLICIES = {
    Priority.INTERACTIVE: CallPolicy("interactive", waits_for=WaitsFor.RECOVERY),
    Priority.REVALIDATION: CallPolicy(
        "revalidation",
        attempts=1,  # a stale copy is served meanwhile
        caches_failures=False,
        reserved_share=0.1,
        max_share_of_remaining=0.5,
    ),
    Priority.CRAWL: CallPolicy(
        "crawl",
        waits_for=WaitsFor.ANYTHING,
        is_bounded=False,
        first_backoff=2.0,
        max_backoff=30.0,
        needs_retry_budget=False,
        repeats_failures=False,
        reserved_share=0.25,
    ),
}
"""The policies, in the order of Priority."""
