"""Protocol of the call limiter: rate limits and circuit state per account and route decide whether a call may be made now.

ResilientCaller asks it before every call. `LocalLimiter` implements it for one process, `ValkeyLimiter` for replicas that share a
Valkey server.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol

from graphql_api.observability.fetch_context import Priority

SERVER = ""
"""The account of the server's own key; the account of a client's key is a digest of the key."""


class Reason(StrEnum):
    """Why a call may not be made now."""

    PLAN = "plan"
    """The calls of the current period are used up, or those left are reserved for higher priorities."""
    RATE_LIMITED = "rate_limited"
    """Upstream asked this account to wait."""
    UNAUTHORIZED = "unauthorized"
    """Upstream rejected the key of this account recently."""
    UNAVAILABLE = "unavailable"
    """Upstream asked all accounts to wait."""
    FAILING = "failing"
    """The circuit breaker is open."""


class BlockScope(NamedTuple):
    """What a block applies to: a route template, for one account or (None) for all."""

    route: str
    account: str | None = None


class Permit(NamedTuple):
    """Permission to make one call now; the call is already counted."""

    at: float
    """When it was granted, on the limiter's own clock; passed back with the result of the call."""
    probes: tuple[BlockScope, ...] = ()
    """Half-open blocks for which this call is a probe."""
    remaining: int | None = None
    """Calls left in the current period for this account and route; None without a rate limit."""


class Rejection(NamedTuple):
    """No call may be made now. Retry after `wait` seconds; success is not guaranteed."""

    reason: Reason
    wait: float
    probing: bool = False
    """The block is half-open and probes are in progress: it may be lifted any moment."""


class CallLimiter(Protocol):
    """Counts calls and holds blocks, by account and route template.

    Guarantees of every implementation, also of one that replicas share:

    - `acquire` is one atomic step, and one round trip if the limiter is shared: a permit counts the call before any other caller
      gets one. All callers together get at most `RateLimit.max_calls` permits per account and route in any `RateLimit.period`
      seconds, less what `RateLimit.reserved` holds back from lower priorities (`sliding_window.py` has the exact rule, and how
      upstream's remaining count is used). While revalidations are waiting, one in ten of these calls is a revalidation
      (`revalidation_share.py`).
    - While a block is open, `acquire` rejects. Once half-open, it grants at most `RateLimit.probes` calls in any
      `RateLimit.probe_span` seconds until the block is lifted; for an open circuit breaker, at equal intervals. Probes need not
      be returned, so a process that ends loses none (`circuit_state.py`). A block that ended may be dropped after ten minutes.
    - `block` only extends a block. `close_circuit` has no effect if the scope was blocked again since `as_of`.
    - All times are on the limiter's own clock, the same for all who share it; `Permit.at` is on that clock and is passed back as
      `as_of`.
    - Methods do not raise, and take at most as long as an upstream call is worth (about 50 ms): if a shared limiter cannot be
      reached, each replica falls back to a `LocalLimiter` and reports it in the log and in a metric.
    - Accounts are digests; still they are never logged.

    Methods are async for implementations that use the network; those of LocalLimiter never suspend.
    """

    def blocked(self, account: str, route: str) -> Rejection | None:
        """Returns the open block known locally, without I/O, so that a blocked call does not even wait for a slot."""

    async def acquire(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """Take one call now, or return why not. `ahead` is the number of calls that already wait and go first."""

    async def sync_remaining(self, account: str, route: str, remaining: int, as_of: float) -> None:
        """Record the remaining calls that upstream reported in the response to the call granted at `as_of`."""

    async def block(self, scope: BlockScope, seconds: float, reason: Reason) -> None:
        """Grant no call in this scope for `seconds`, then only probes."""

    async def close_circuit(self, scope: BlockScope, as_of: float) -> None:
        """Lift the block after the probe granted at `as_of` succeeded."""

    async def aclose(self) -> None:
        """Release resources."""
