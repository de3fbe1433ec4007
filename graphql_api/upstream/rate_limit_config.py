"""How much may be asked of upstream, and by whom: figures only, from the settings.

The promises that they keep are in docs/resilience.md.
"""

from dataclasses import dataclass, replace

from graphql_api.observability.fetch_context import Priority
from graphql_api.settings import Settings

_KEPT = {Priority.QUESTION: 0.0, Priority.REVALIDATION: 0.1, Priority.WALK: 0.25}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The calls of one account to one route. Times are in seconds."""

    most: int = 0
    """Calls in any `period`; 0 for no limit."""
    period: float = 61.0
    """A minute and a second: calls take unequal time to arrive, and are counted where they arrive."""
    probes: int = 3
    """Calls in any `probe_span` after a block has ended, until one of them lifts it."""
    probe_span: float = 1.5
    """At least the time that a probe may take, so that no more than `probes` are under way at once."""
    heard: float = 5.0
    """How long upstream's word on what is left is believed; then one call finds out anew."""

    @classmethod
    def of(cls, settings: Settings) -> "RateLimit":
        """The plan of a server; the sandbox in its process has no limit."""
        return cls(
            settings.upstream_rate_limit if settings.is_remote else 0, probe_span=settings.upstream_attempt_timeout
        )

    def share(self, processes: int) -> "RateLimit":
        """What each of several processes may use that know nothing of each other: together no more than this."""
        return replace(self, most=max(self.most // processes, 1) if self.most else 0)

    def reserved(self, urgency: Priority) -> int:
        """Calls of each period that this urgency leaves to those who are more urgent: a walk never uses a window up."""
        return int(self.most * _KEPT[urgency])
