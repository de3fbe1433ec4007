"""The access policy: an authenticator, quotas, and a limit on wrong keys per network."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from graphql_api.caching import LRUCache
from graphql_api.http.auth.authenticators import ApiKeyAuth, Authenticator, PassthroughAuth, Principal, WrongKey
from graphql_api.http.auth.keys import keys_of
from graphql_api.http.auth.rate_limit import REQUEST_COST, Quotas, RateLimitState, Unit
from graphql_api.http.graphql import HTTPError
from graphql_api.http.streaming.limits import TokenBucket
from graphql_api.observability.request_context import RequestContext
from graphql_api.settings import Settings
from graphql_api.settings.validation import LOOPBACK

log = logging.getLogger(__name__)

DELAY_SECONDS = 1.0
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
                await self._sleep(DELAY_SECONDS)
            finally:
                self._delayed -= 1


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Authenticates and counts requests and operations, and records the client in their context."""

    authenticator: Authenticator
    quotas: Quotas
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)

    def authenticate(self, credentials: Mapping[str, str], record: RequestContext) -> Principal:
        """The authenticated client; raises HTTPError if the credentials are missing or invalid."""
        principal = self.authenticator.authenticate(credentials)
        record.client, record.fetch_context.key = principal.name, principal.key
        return principal

    async def admit(self, principal: Principal, record: RequestContext) -> "Meter":
        """Count a request, and let the cost of its operation be counted; raises HTTPError (429) if the quota is used up."""
        meter = Meter(self.quotas, principal)
        if principal.per_minute is not None:
            await meter.count(1 if self.quotas.unit == "requests" else REQUEST_COST)
            if self.quotas.unit == "cost":
                record.charge = meter.count
        return meter

    def count_local(self, principal: Principal, cost: int) -> Mapping[str, str]:
        """Count a request with its operation, and return the RateLimit headers; call only if `has_capacity_local()`."""
        if principal.per_minute is None:
            return {}
        return _headers(self.quotas.take_local(principal.name, principal.per_minute, self._amount(cost)), cost)

    def has_capacity_local(self, principal: Principal, cost: int) -> bool:
        """Whether quotas are counted in this process and the client has enough left for an operation."""
        return principal.per_minute is None or self.quotas.has_capacity_local(
            principal.name, principal.per_minute, self._amount(cost)
        )

    def _amount(self, cost: int) -> int:
        return 1 if self.quotas.unit == "requests" else REQUEST_COST + cost

    def is_valid(self, credentials: Mapping[str, str]) -> bool:
        """Whether the credentials are still valid: a key can be revoked while a response is being sent."""
        try:
            self.authenticator.authenticate(credentials)
        except HTTPError:
            return False
        return True


@dataclass(slots=True)
class Meter:
    """Counts one request of a client, in one or more steps."""

    quotas: Quotas
    principal: Principal
    headers: Mapping[str, str] = field(default_factory=dict)
    """The RateLimit headers after the last step."""

    async def count(self, amount: int) -> None:
        """Count requests or units of cost; raises HTTPError (429) if the rest of the quota does not suffice."""
        if self.principal.per_minute is not None:
            state = await self.quotas.take(self.principal.name, self.principal.per_minute, amount)
            self.headers = _headers(state, amount)


def _headers(state: RateLimitState, amount: int) -> Mapping[str, str]:
    if state.allowed:
        return state.headers
    if state.unit == "requests":
        message = f"Rate limit exceeded: your key may send {state.quota:,} requests per minute."
    else:
        message = (
            f"Rate limit exceeded: this costs {amount:,} units, {state.remaining:,} are left of the {state.quota:,} units per "
            "minute of your key."
        )
    refusal = HTTPError(429, message, "RATE_LIMITED", max(1, round(state.reset)))
    refusal.headers |= state.headers
    raise refusal


def _default_quota(settings: Settings) -> int:
    return settings.key_cost_per_minute if settings.key_quota == "cost" else settings.key_requests_per_minute


def readers_of(settings: Settings) -> Principal | None:
    """The client that the readers of public pages are together; None if the pages are not public."""
    return Principal("pages", _default_quota(settings)) if settings.pages == "public" else None


def access_policy_for(settings: Settings) -> AccessPolicy | None:
    """The access policy configured by the settings; None if access is open. Raises SettingsError if keys cannot be read."""
    authenticators: dict[str, Callable[[], Authenticator]] = {
        "keys": lambda: ApiKeyAuth(keys_of(settings), _default_quota(settings)),
        "passthrough": PassthroughAuth,
    }
    if settings.access in authenticators:
        unit: Unit = "cost" if settings.key_quota == "cost" else "requests"
        wrong_keys = WrongKeys(settings.wrong_keys_per_minute)
        return AccessPolicy(authenticators[settings.access](), Quotas.of(settings.store, unit), wrong_keys)
    if settings.host not in LOOPBACK:
        log.warning(
            "anyone who can reach %s can use this server: set COMPETENT_ACCESS=keys to require keys", settings.host
        )
    return None
