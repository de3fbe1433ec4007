"""Rate limits of calls to upstream, by priority, from the settings.

docs/resilience.md describes the guarantees that they implement.
"""

from dataclasses import dataclass, replace

from graphql_api.observability.fetch_context import Priority
from graphql_api.settings import Settings
from graphql_api.upstream.policy import POLICIES


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Rate limit of one account on one route. Times are in seconds."""

    max_calls: int = 0
    """Maximum number of calls in any `period`; 0 for no limit."""
    period: float = 61.0
    """A minute plus a second of margin: upstream counts calls when they arrive, and their latency varies."""
    probes: int = 3
    """Maximum number of calls in any `probe_span` while a block is half-open."""
    probe_span: float = 1.5
    """At least the timeout of a probe, so that at most `probes` run at the same time."""
    server_hint_ttl: float = 5.0
    """Seconds for which the remaining count reported by upstream is trusted; then one call checks again."""

    @classmethod
    def of(cls, settings: Settings) -> "RateLimit":
        """Returns the rate limit of a server; the in-process sandbox has none."""
        return cls(
            settings.upstream_rate_limit if settings.is_remote else 0, probe_span=settings.upstream_attempt_timeout
        )

    def share(self, processes: int) -> "RateLimit":
        """Returns the limit for each of several processes that do not communicate: together they stay within this one."""
        return replace(self, max_calls=max(self.max_calls // processes, 1) if self.max_calls else 0)

    def reserved(self, urgency: Priority) -> int:
        """Calls per period that this priority leaves to higher ones, so that a crawl never uses up the limit."""
        return int(self.max_calls * POLICIES[urgency].reserved_share)
