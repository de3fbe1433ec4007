"""Call limiter shared by replicas: windows and blocks in a Valkey server; each step is one script and one round trip.

While the server is unreachable, it falls back to a LocalLimiter, which has counted this process's own calls all along.
"""

import secrets
import time
from collections.abc import Callable
from importlib.resources import files

from graphql_api.caching import TTLCache
from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.limiter import BlockScope, Permit, Reason, Rejection
from graphql_api.upstream.local_limiter import LocalLimiter
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.valkey import Shared

_EVERYBODY = "everybody"
MAX_CACHED_BLOCKS = 1000
"""Maximum number of blocks cached for `blocked`."""


class ValkeyLimiter:
    """CallLimiter shared by all that use the same server. Uses the server's clock unless `clock` is passed (tests)."""

    def __init__(self, shared: Shared, limit: RateLimit, clock: Callable[[], float] | None = None) -> None:
        self._shared = shared
        self._limit = limit
        self._now = clock
        self._clock = clock or time.monotonic
        self._local = LocalLimiter(limit, self._clock)
        self._blocks: TTLCache[tuple[float, Reason]] = TTLCache(self._clock, MAX_CACHED_BLOCKS)
        self._script = (files("graphql_api.upstream") / "limiter.lua").read_text(encoding="utf-8")

    def blocked(self, account: str, route: str) -> Rejection | None:
        """Returns the last block seen by this process, while it is open."""
        rejections = [
            rejection
            for scope in (BlockScope(route), BlockScope(route, account))
            if (rejection := self._cached_rejection(scope))
        ]
        return max(rejections, key=lambda rejection: rejection.wait, default=None)

    def _cached_rejection(self, scope: BlockScope) -> Rejection | None:
        block = self._blocks.get(scope)
        if block is None:
            return None
        until, reason = block
        return Rejection(reason, max(until - self._clock(), 0.0))

    async def acquire(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """Take one call, counted for all replicas."""
        limit = self._limit
        figures = (
            limit.max_calls,
            limit.period,
            limit.reserved(urgency) + ahead,
            limit.probes,
            limit.probe_span,
            limit.server_hint_ttl,
            int(urgency),
        )
        reply = await self._run("acquire", route, _owner(account), *figures, secrets.token_hex(8))
        if reply is None:
            return await self._local.acquire(account, route, urgency, ahead)
        if reply[0] == b"refused":
            return self._rejection(BlockScope(route, account), *reply[1:])
        at, everybody, own, left = reply[1:]
        await self._local.acquire(account, route, urgency)
        probes = ((BlockScope(route), everybody), (BlockScope(route, account), own))
        half_open = tuple(scope for scope, probed in probes if probed == b"1")
        return Permit(float(at), half_open, int(left) if limit.max_calls else None)

    def _rejection(self, scope: BlockScope, reason: bytes, wait: bytes, probing: bytes) -> Rejection:
        rejection = Rejection(_reason(reason), float(wait), probing == b"1")
        if rejection.reason is not Reason.PLAN and not rejection.probing:
            self._cache_block(scope, rejection.wait, rejection.reason)
        return rejection

    def _cache_block(self, scope: BlockScope, seconds: float, reason: Reason) -> None:
        until = self._clock() + seconds
        if until >= (self._blocks.get(scope) or (0.0, reason))[0]:
            self._blocks.put(scope, (until, reason), seconds)

    async def sync_remaining(self, account: str, route: str, remaining: int, as_of: float) -> None:
        """Record upstream's remaining calls for all replicas."""
        await self._local.sync_remaining(account, route, remaining, as_of)
        await self._run("sync_remaining", route, _owner(account), remaining, as_of, self._limit.period)

    async def block(self, scope: BlockScope, seconds: float, reason: Reason) -> None:
        """Block a scope for all replicas."""
        self._cache_block(scope, seconds, reason)
        await self._local.block(scope, seconds, reason)
        await self._run("block", scope.route, _owner(scope.account), seconds, reason.value)

    async def close_circuit(self, scope: BlockScope, as_of: float) -> None:
        """Lift a block for all replicas."""
        await self._local.close_circuit(scope, self._clock())
        await self._run("close_circuit", scope.route, _owner(scope.account), as_of)

    async def _run(self, step: str, route: str, account: str, *arguments: object) -> list[bytes] | None:
        """Returns the result of a step of the script; None if the server is unreachable."""
        keys = [
            self._shared.key("window", f"{route} {account}"),
            self._shared.key("remaining", f"{route} {account}"),
            self._shared.key("revalidations", f"{route} {account}"),
            *(
                self._shared.key(key_type, f"{route} {owner}")
                for owner in (_EVERYBODY, account)
                for key_type in ("block", "probes")
            ),
        ]
        now = "" if self._now is None else repr(self._now())
        argv = [step, now, *map(str, arguments)]
        reply: list[bytes] | None = await self._shared.eval(self._script, keys, argv)
        return reply

    async def aclose(self) -> None:
        """No resources of its own to release."""


def _reason(value: bytes) -> Reason:
    try:
        return Reason(value.decode())
    except ValueError:  # written by another version or another program
        return Reason.UNAVAILABLE


def _owner(account: str | None) -> str:
    return _EVERYBODY if account is None else f"of {account}"
