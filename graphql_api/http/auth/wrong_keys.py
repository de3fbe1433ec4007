"""Slows down requests with wrong keys, per network.

A key cannot be guessed, but a client with a revoked key may retry in a loop, and each attempt costs a request and a log line.
A valid key from the same network is not delayed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from time import monotonic

from graphql_api.caching import LRUCache
from graphql_api.http.auth.authenticators import WrongKey
from graphql_api.http.graphql import HTTPError
from graphql_api.http.streaming.token_bucket import TokenBucket

DELAY = 1.0
"""Seconds by which a wrong key over the limit is delayed."""
MAX_DELAYED = 100
"""Maximum number of requests delayed at the same time; further ones are answered immediately."""
MAX_NETWORKS = 10_000
"""Maximum number of networks tracked; the least recently used is evicted."""


class WrongKeys:
    """Limits wrong keys per network: `per_minute` are answered immediately, further ones after a second, with 429."""

    def __init__(
        self,
        per_minute: int = 10,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._sleep = sleep
        self._networks: LRUCache[str, TokenBucket] = LRUCache(math.inf, MAX_NETWORKS)
        self._delayed = 0

    async def refusal(self, refusal: HTTPError, network: str) -> HTTPError:
        """The error to respond with: `refusal`, or after a delay 429 if the network sent too many wrong keys."""
        if not isinstance(refusal, WrongKey):
            return refusal
        bucket = self._bucket(network)
        if bucket.take():
            return refusal
        await self._delay()
        return HTTPError(
            429,
            "Too many requests with a wrong key from your address.",
            "RATE_LIMITED",
            max(1, math.ceil(bucket.wait())),
        )

    def _bucket(self, network: str) -> TokenBucket:
        bucket = self._networks.get(network)
        if bucket is None:
            bucket = TokenBucket(self._per_minute / 60, self._per_minute, self._clock)
            self._networks.put(network, bucket, 0)
        return bucket

    async def _delay(self) -> None:
        if self._delayed < MAX_DELAYED:
            self._delayed += 1
            try:
                await self._sleep(DELAY)
            finally:
                self._delayed -= 1
