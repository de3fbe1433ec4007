"""Quotas of clients: so many requests in any 60 seconds, counted by `limits` in its exact moving window.

Counted in this process, or in the Valkey server that replicas share; where that cannot be reached, in this process until it can.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from graphql_api.shared import Reach, is_shared, pool_of

if TYPE_CHECKING:
    from valkey.asyncio import BlockingConnectionPool

WINDOW = 60
"""Seconds."""


class Standing(NamedTuple):
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
        self._shared = MovingWindowRateLimiter(shared) if shared is not None else None
        self._reach = Reach("the server that shares quotas", (StorageError,), clock, pool)
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

    async def take(self, client: str, per_minute: int) -> Standing:
        """Count a request of a client, if it has one left."""
        if (shared := self._shared) is not None:
            standing = await self._reach.run(lambda: _take(shared, client, per_minute), None)
            if standing is not None:
                return standing
        return await _take(self._own, client, per_minute)


async def _take(limiter: MovingWindowRateLimiter, client: str, per_minute: int) -> Standing:
    item = RateLimitItemPerMinute(per_minute)
    allowed = await limiter.hit(item, client)
    reset, remaining = await limiter.get_window_stats(item, client)
    return Standing(allowed, per_minute, max(0, remaining), max(0.0, reset - time.time()))
