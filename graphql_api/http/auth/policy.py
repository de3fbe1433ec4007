"""The access policy: an authenticator, quotas, and a limit on wrong keys per network."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from graphql_api.caching import LRUCache
from graphql_api.http.auth.authenticators import Authenticator, Principal, WrongKey
from graphql_api.http.auth.rate_limit import Quotas, RateLimitState
from graphql_api.http.graphql import HTTPError
from graphql_api.http.streaming.limits import TokenBucket
from graphql_api.observability.request_context import RequestContext

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


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Authenticates and counts requests and operations, and records the client in their context."""

    gate: Authenticator
    quotas: Quotas
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)

    def caller(self, shown: Mapping[str, str], record: RequestContext) -> Principal:
        """The authenticated client; raises HTTPError if the credentials are missing or invalid."""
        caller = self.gate.caller(shown)
        record.client, record.fetch_context.key = caller.name, caller.key
        return caller

    async def count(self, caller: Principal) -> Mapping[str, str]:
        """Count a request and return the RateLimit headers; raises HTTPError (429) if the quota is used up."""
        if caller.per_minute is None:
            return {}
        return _headers(await self.quotas.take(caller.name, caller.per_minute))

    def count_here(self, caller: Principal) -> Mapping[str, str]:
        """Synchronous `count()`; call only after `has_left_here()` returned True."""
        return {} if caller.per_minute is None else _headers(self.quotas.take_here(caller.name, caller.per_minute))

    def has_left_here(self, caller: Principal) -> bool:
        """Whether quotas are counted in this process and the client has requests left."""
        return caller.per_minute is None or self.quotas.has_left_here(caller.name, caller.per_minute)

    def still(self, shown: Mapping[str, str]) -> bool:
        """Whether the credentials are still valid: a key can be revoked while a response is being sent."""
        try:
            self.gate.caller(shown)
        except HTTPError:
            return False
        return True


def _headers(standing: RateLimitState) -> Mapping[str, str]:
    if standing.allowed:
        return standing.headers
    message = f"Rate limit exceeded: your key may send {standing.quota:,} requests per minute."
    refusal = HTTPError(429, message, "RATE_LIMITED", max(1, round(standing.reset)))
    refusal.headers |= standing.headers
    raise refusal
