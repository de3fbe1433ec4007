"""What is known of upstream's limits and of its health: which call may be made now, and when the next one may.

The guard decides by it before every call. In one process it is a `LocalLedger`; replicas that act as one hand in another.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol

from graphql_api.observability.fetch_context import Priority

SERVER = ""
"""The account of the server's own key; that of a client's key is a digest of it."""


class Reason(StrEnum):
    """Why a call may not be made now."""

    PLAN = "plan"
    """The plan's calls of the last minute are used up, or what is left of them is kept for those who are more urgent."""
    RATE_LIMITED = "rate_limited"
    """Upstream told this account to wait."""
    UNAUTHORIZED = "unauthorized"
    """Upstream refused the key of this account a moment ago."""
    UNAVAILABLE = "unavailable"
    """Upstream told everybody to wait."""
    FAILING = "failing"
    """The breaker is open."""


class Scope(NamedTuple):
    """What a block holds for: one route template, for one account or (None) for everybody."""

    route: str
    account: str | None = None


class Permit(NamedTuple):
    """A call may be made, now, and is counted."""

    at: float
    """When, on the ledger's own clock; handed back with what came of the call."""
    probes: tuple[Scope, ...] = ()
    """The blocks that have ended and are not lifted yet: this call is one of the few that may find out."""
    left: int | None = None
    """Calls that this account has left for this route in this minute; None without a plan."""


class Rejection(NamedTuple):
    """No call may be made now. It makes sense to ask again in `wait` seconds, which promises nothing."""

    reason: Reason
    wait: float
    probing: bool = False
    """The block has ended and probes are out: it may be lifted any moment."""


class CallLimiter(Protocol):
    """Counts of calls and blocks on them, by account and route template.

    What an implementation promises, and above all one that several replicas share:

    - `take` is one atomic step, and in a shared ledger one round trip: where it grants, the call is counted before anybody else
      is granted one. Over all who share the ledger no more than `Plan.most` calls of an account and route are granted in any
      `Plan.period` seconds, less `Plan.kept` for those of lower urgency (`sliding_window.py` says how exactly, and what
      is made of what upstream says is left). While revalidations are wanted, one in ten of these
      calls is one (`revalidation_share.py`).
    - While a block holds, `take` refuses. After it has ended, `take` grants no more than `Plan.probes` calls in any
      `Plan.probe_span` seconds, until the block is lifted, and after one of the breaker at equal intervals: probes need not be
      given back, so a process that ends takes none along (`circuit_state.py`). A block that ended may be
      forgotten after ten minutes.
    - `block` only ever lengthens a block. `lift` ends a block only where nobody has blocked the scope anew since `as_of`.
    - Times are those of one clock for all who share it, the ledger's own; `Permit.at` comes from it and goes back into it.
    - Nothing raises and nothing takes longer than a call upstream is worth (some 50 ms): a shared ledger that cannot be reached
      goes on as a `LocalLedger`, which is what each replica would do alone, and says so in the log and in a metric.
    - Accounts are digests already; still no account is written to a log.

    Methods are async for those that have to ask somebody. A LocalLedger never suspends in them: they cost a function call.
    """

    def blocked(self, account: str, route: str) -> Rejection | None:
        """The block that holds as far as is known here, without asking anybody; for not even waiting for a place."""

    async def take(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """Take one call now, or hear why not. So many as `ahead` wait for one already and go first."""

    async def told_left(self, account: str, route: str, left: int, as_of: float) -> None:
        """Upstream said, in its answer to the call granted at `as_of`, that so many calls are left."""

    async def block(self, scope: Scope, seconds: float, reason: Reason) -> None:
        """Grant no call in this scope for so many seconds, and then only probes."""

    async def lift(self, scope: Scope, as_of: float) -> None:
        """The probe that was granted at `as_of` went well: everybody may go on."""

    async def aclose(self) -> None:
        """Close what is open."""
