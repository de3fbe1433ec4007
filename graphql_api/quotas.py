"""Quotas of clients: so many requests in any 60 seconds, counted by `limits` in its exact moving window.

Counted in this process, or in the Valkey server that replicas share; where that cannot be reached, in this process until it can.
"""

import logging
import time
from typing import NamedTuple

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

log = logging.getLogger(__name__)

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

    def __init__(self, shared: Storage | None = None) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = MovingWindowRateLimiter(shared) if shared is not None else None
        self._told = False

    @classmethod
    def of(cls, store: str) -> "Quotas":
        """Those of the setting `store`: shared where it names a Valkey server."""
        if not store.startswith(("valkey://", "valkeys://")):
            return cls()
        shared = storage_from_string(f"async+{store}", wrap_exceptions=True, key_prefix="competent:quota")
        assert isinstance(shared, Storage)
        return cls(shared)

    async def take(self, client: str, per_minute: int) -> Standing:
        """Count a request of a client, if it has one left."""
        if self._shared is not None:
            try:
                standing = await _take(self._shared, client, per_minute)
            except StorageError as error:
                if not self._told:
                    log.warning(
                        "quotas are counted in this process, as the server that shares them cannot be reached: %r",
                        error,
                    )
                self._told = True
            else:
                self._told = False
                return standing
        return await _take(self._own, client, per_minute)


async def _take(limiter: MovingWindowRateLimiter, client: str, per_minute: int) -> Standing:
    item = RateLimitItemPerMinute(per_minute)
    allowed = await limiter.hit(item, client)
    reset, remaining = await limiter.get_window_stats(item, client)
    return Standing(allowed, per_minute, max(0, remaining), max(0.0, reset - time.time()))
