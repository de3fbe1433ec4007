"""Quotas of clients: so many requests in any 60 seconds, counted by `limits` in its exact moving window.

Counted in this process, or in the Valkey server that replicas share; where that cannot be reached, in this process until it can.
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

WINDOW = 60
"""Seconds."""


class RateLimitState(NamedTuple):
    """Where a client stands after a request; `reset` is in seconds, until the oldest request that counts no longer does."""

    allowed: bool
    quota: int
    remaining: int
    reset: float

    @property
    def headers(self) -> dict[str, str]:
        """As in draft-ietf-httpapi-ratelimit-headers-10, the draft of the RateLimit fields with structured values."""
        return {
            "RateLimit-Policy": f'"minute";q={self.quota};w={WINDOW}',
            "RateLimit": f'"minute";r={self.remaining};t={max(0, round(self.reset))}',
        }


class Quotas:
    """Counts requests. `shared` is where replicas count together; None: nowhere."""

    def __init__(
        self,
        shared: Storage | None = None,
        clock: Callable[[], float] = time.monotonic,
        pool: "BlockingConnectionPool | None" = None,
    ) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = SharedWindow(shared) if shared is not None else None
        self._reach = Reach("the Valkey server for quotas", (StorageError,), clock, pool)
        self._pool = pool

    @classmethod
    def of(cls, store: str) -> "Quotas":
        """Those of the setting `store`: shared where it names a Valkey server."""
        if not is_shared(store):
            return cls()
        pool = pool_of(store)
        options: Any = {"wrap_exceptions": True, "key_prefix": "competent:quota", "connection_pool": pool}
        shared = storage_from_string("async+valkey://", **options)
        assert isinstance(shared, Storage)
        return cls(shared, pool=pool)

    async def aclose(self) -> None:
        """Close the connections to the server that is shared."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def take(self, client: str, per_minute: int) -> RateLimitState:
        """Count a request of a client, if it has one left."""
        if (shared := self._shared) is not None:
            standing = await self._reach.run(lambda: _take(shared, client, per_minute), None)
            if standing is not None:
                return standing
        return self.take_here(client, per_minute)

    def take_here(self, client: str, per_minute: int) -> RateLimitState:
        """Count it in this process."""
        item = RateLimitItemPerMinute(per_minute)
        return _standing(item, self._own.hit(item, client), self._own.get_window_stats(item, client))

    def has_left_here(self, client: str, per_minute: int) -> bool:
        """Whether a client has a request left, where all are counted in this process."""
        return self._shared is None and self._own.test(RateLimitItemPerMinute(per_minute), client)


async def _take(limiter: SharedWindow, client: str, per_minute: int) -> RateLimitState:
    item = RateLimitItemPerMinute(per_minute)
    try:
        allowed = await limiter.hit(item, client)
    except StorageError as error:
        if "WRONGTYPE" not in str(error.storage_error):
            raise
        # Others can write to the same server. The value of one client must not make all of them be counted alone.
        STORE_INVALID_ENTRIES.labels("state").inc()
        await limiter.clear(item, client)
        allowed = await limiter.hit(item, client)
    return _standing(item, allowed, await limiter.get_window_stats(item, client))


def _standing(item: RateLimitItem, allowed: bool, window: WindowStats) -> RateLimitState:
    return RateLimitState(allowed, item.amount, max(0, window.remaining), max(0.0, window.reset_time - time.time()))
