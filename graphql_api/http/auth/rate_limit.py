"""Client quotas: requests in any 60 seconds, counted by the exact moving window of `limits`.

Counted in this process, or in the Valkey server that replicas share; while that is unreachable, in this process.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter as SharedWindow
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from graphql_api.observability.metrics import STORE_INVALID_ENTRIES
from graphql_api.upstream.valkey import Reach, is_shared, pool_of

if TYPE_CHECKING:
    from valkey.asyncio import BlockingConnectionPool

WINDOW_SECONDS = 60
"""Seconds."""


class RateLimitState(NamedTuple):
    """A client's quota after a request. `reset`: seconds until the oldest counted request leaves the window."""

    allowed: bool
    quota: int
    remaining: int
    reset: float

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit headers, as in draft-ietf-httpapi-ratelimit-headers-10 (structured field values)."""
        return {
            "RateLimit-Policy": f'"minute";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"minute";r={self.remaining};t={max(0, round(self.reset))}',
        }


class Quotas:
    """Counts requests per client. `shared` is the storage that replicas share; None counts in this process only."""

    def __init__(
        self,
        shared: Storage | None = None,
        clock: Callable[[], float] = time.monotonic,
        pool: "BlockingConnectionPool | None" = None,
    ) -> None:
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._shared = SharedWindow(shared) if shared is not None else None
        self._reach = Reach("the Valkey server for quotas", (StorageError,), clock, pool)
        self._pool = pool

    @classmethod
    def of(cls, store: str) -> "Quotas":
        """Quotas for the setting `store`: shared if it names a Valkey server."""
        if not is_shared(store):
            return cls()
        pool = pool_of(store)
        options: Any = {"wrap_exceptions": True, "key_prefix": "competent:quota", "connection_pool": pool}
        shared = storage_from_string("async+valkey://", **options)
        assert isinstance(shared, Storage)
        return cls(shared, pool=pool)

    async def aclose(self) -> None:
        """Close the connections to the shared server."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def take(self, client: str, per_minute: int) -> RateLimitState:
        """Count a request of a client unless its quota is used up; `allowed` in the result says which."""
        if (shared := self._shared) is not None:
            state = await self._reach.run(lambda: _take(shared, client, per_minute), None)
            if state is not None:
                return state
        return self.take_local(client, per_minute)

    def take_local(self, client: str, per_minute: int) -> RateLimitState:
        """Count a request in this process only."""
        item = RateLimitItemPerMinute(per_minute)
        return _state(item, self._local.hit(item, client), self._local.get_window_stats(item, client))

    def has_capacity_local(self, client: str, per_minute: int) -> bool:
        """Whether the client has requests left; always False if the counts are shared."""
        return self._shared is None and self._local.test(RateLimitItemPerMinute(per_minute), client)


async def _take(limiter: SharedWindow, client: str, per_minute: int) -> RateLimitState:
    item = RateLimitItemPerMinute(per_minute)
    try:
        allowed = await limiter.hit(item, client)
    except StorageError as error:
        if "WRONGTYPE" not in str(error.storage_error):
            raise
        # Another program may have written to this key. Without clearing it, one client's bad value would make all clients
        # be counted in this process only.
        STORE_INVALID_ENTRIES.labels("state").inc()
        await limiter.clear(item, client)
        allowed = await limiter.hit(item, client)
    return _state(item, allowed, await limiter.get_window_stats(item, client))


def _state(item: RateLimitItem, allowed: bool, window: WindowStats) -> RateLimitState:
    return RateLimitState(allowed, item.amount, max(0, window.remaining), max(0.0, window.reset_time - time.time()))
