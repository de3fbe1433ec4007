"""The access policy: an authenticator, quotas, and a limit on wrong keys per network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql_api.http.auth.authenticators import Authenticator, Principal
from graphql_api.http.auth.rate_limit import Quotas, RateLimitState
from graphql_api.http.auth.wrong_keys import WrongKeys
from graphql_api.http.graphql import HTTPError
from graphql_api.observability.request_context import RequestContext


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Authenticates and counts requests and operations, and records the client in their context."""

    gate: Authenticator
    quotas: Quotas
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)

    def caller(self, shown: Mapping[str, str], record: RequestContext) -> Principal:
        """The authenticated client; raises HTTPError if the credentials are missing or invalid."""
        caller = self.gate.caller(shown)
        record.client, record.asker.key = caller.name, caller.key
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
