"""Client quotas for any 60 seconds, counted by `limits`: requests by its exact moving window, costs by its approximate one.

The approximate window weighs the count of the last minute by how much of it is left; the exact one would store each unit.
Counted in this process, or in the Valkey server that replicas share; while that is unreachable, in this process.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter as SharedMovingWindow
from limits.aio.strategies import RateLimiter as SharedWindow
from limits.aio.strategies import SlidingWindowCounterRateLimiter as SharedSlidingWindow
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from graphql_api.observability.metrics import STORE_INVALID_ENTRIES
from graphql_api.upstream.valkey import Reach, is_shared, pool_of

if TYPE_CHECKING:
    from valkey.asyncio import BlockingConnectionPool

WINDOW_SECONDS = 60
"""Seconds."""
REQUEST_COST = 50
"""Units that each request counts where quotas count costs, whatever it asks for: half a millisecond."""

Unit = Literal["requests", "cost"]
"""What a quota counts."""


class RateLimitState(NamedTuple):
    """A client's quota after a request. `reset`: seconds until the window has more room."""

    allowed: bool
    quota: int
    remaining: int
    reset: float
    unit: Unit = "requests"

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit headers, as in draft-ietf-httpapi-ratelimit-headers-10 (structured field values)."""
        name, unit = ("minute", "") if self.unit == "requests" else ("cost-per-minute", ';qu="cost"')
        return {
            "RateLimit-Policy": f'"{name}";q={self.quota}{unit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{name}";r={self.remaining};t={max(0, round(self.reset))}',
        }


class Quotas:
    """Counts requests or costs per client. `shared` is the storage that replicas share; None counts in this process only."""

    def __init__(
        self,
        shared: Storage | None = None,
        clock: Callable[[], float] = time.monotonic,
        pool: "BlockingConnectionPool | None" = None,
        unit: Unit = "requests",
    ) -> None:
        self.unit = unit
        local, window = (
            (MovingWindowRateLimiter, SharedMovingWindow)
            if unit == "requests"
            else (SlidingWindowCounterRateLimiter, SharedSlidingWindow)
        )
        self._local: RateLimiter = local(MemoryStorage())
        self._shared: SharedWindow | None = window(shared) if shared is not None else None
        self._reach = Reach("the Valkey server for quotas", (StorageError,), clock, pool)
        self._pool = pool

    @classmethod
    def of(cls, store: str, unit: Unit = "requests") -> "Quotas":
        """Quotas for the setting `store`: shared if it names a Valkey server."""
        if not is_shared(store):
            return cls(unit=unit)
        pool = pool_of(store)
        options: Any = {"wrap_exceptions": True, "key_prefix": _PREFIXES[unit], "connection_pool": pool}
        shared = storage_from_string("async+valkey://", **options)
        assert isinstance(shared, Storage)
        return cls(shared, pool=pool, unit=unit)

    async def aclose(self) -> None:
        """Close the connections to the shared server."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def take(self, client: str, per_minute: int, amount: int = 1) -> RateLimitState:
        """Count an amount of a client unless it exceeds the rest of its quota; `allowed` in the result says which."""
        if (shared := self._shared) is not None:
            state = await self._reach.run(lambda: _take(shared, client, per_minute, amount), None)
            if state is not None:
                return state._replace(unit=self.unit)
        return self.take_local(client, per_minute, amount)

    def take_local(self, client: str, per_minute: int, amount: int = 1) -> RateLimitState:
        """Count an amount in this process only."""
        item = RateLimitItemPerMinute(per_minute)
        is_allowed = self._local.hit(item, client, cost=amount)
        return _state(item, is_allowed, self._local.get_window_stats(item, client))._replace(unit=self.unit)

    def has_capacity_local(self, client: str, per_minute: int, amount: int = 1) -> bool:
        """Whether the client has this amount left; always False if the counts are shared."""
        return self._shared is None and self._local.test(RateLimitItemPerMinute(per_minute), client, cost=amount)


_PREFIXES: dict[Unit, str] = {"requests": "competent:quota", "cost": "competent:quota:cost"}
"""Prefixes of the keys in the shared server: the two windows store different types of values."""


async def _take(limiter: SharedWindow, client: str, per_minute: int, amount: int) -> RateLimitState:
    item = RateLimitItemPerMinute(per_minute)
    try:
        allowed = await limiter.hit(item, client, cost=amount)
    except StorageError as error:
        if "WRONGTYPE" not in str(error.storage_error):
            raise
        # Another program may have written to this key. Without clearing it, one client's bad value would make all clients
        # be counted in this process only.
        STORE_INVALID_ENTRIES.labels("state").inc()
        await limiter.clear(item, client)
        allowed = await limiter.hit(item, client, cost=amount)
    return _state(item, allowed, await limiter.get_window_stats(item, client))


def _state(item: RateLimitItem, allowed: bool, window: WindowStats) -> RateLimitState:
    return RateLimitState(allowed, item.amount, max(0, window.remaining), max(0.0, window.reset_time - time.time()))
