"""Call limiter of one process: rate limit windows and blocks in memory, bounded in number."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from graphql_api.caching import LRUCache
from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.circuit_state import CircuitState
from graphql_api.upstream.limiter import SERVER, BlockScope, Permit, Reason, Rejection
from graphql_api.upstream.policy import POLICIES
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.revalidation_share import RevalidationShare
from graphql_api.upstream.sliding_window import Window

T = TypeVar("T")

MAX_SCOPES = 2000
"""Maximum number of windows, and of blocks, of clients' own keys; the least recently used ones are evicted."""


class _ByScope(Generic[T]):
    """Values by scope. Those of the server's own key and of all accounts are never evicted: there is one per route."""

    def __init__(self) -> None:
        self._of_server: dict[BlockScope, T] = {}
        self._of_clients: LRUCache[BlockScope, T] = LRUCache(math.inf, MAX_SCOPES)

    def get(self, scope: BlockScope) -> T | None:
        if scope.account in (SERVER, None):
            return self._of_server.get(scope)
        return self._of_clients.get(scope)

    def get_or_create(self, scope: BlockScope, create: Callable[[], T]) -> T:
        value = self.get(scope)
        if value is None:
            value = create()
            if scope.account in (SERVER, None):
                self._of_server[scope] = value
            else:
                self._of_clients.put(scope, value, 0)
        return value

    def remove(self, scope: BlockScope) -> None:
        self._of_server.pop(scope, None)
        self._of_clients.drop(scope)

    def __len__(self) -> int:
        return len(self._of_server) + len(self._of_clients)


class LocalLimiter:
    """In-process CallLimiter. The windows and blocks of the server's own key are never evicted."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: _ByScope[tuple[Window, RevalidationShare]] = _ByScope()
        self._blocks: _ByScope[CircuitState] = _ByScope()

    def blocked(self, account: str, route: str) -> Rejection | None:
        """Returns the open block of this account or of all accounts, the longer of the two."""
        if not self._blocks:
            return None
        now = self._clock()
        return _longest(block.open_rejection(now) for _, block in self._blocks_of(account, route))

    async def acquire(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """Take one call if neither a block nor the rate limit rejects it."""
        now = self._clock()
        blocks = self._blocks_of(account, route) if self._blocks else []
        if blocks and (rejection := _longest(block.rejection(now) for _, block in blocks)):
            return rejection
        remaining = None
        if self._limit.max_calls:
            window, share = self._window(BlockScope(route, account))
            max_share = POLICIES[urgency].max_share_of_remaining
            wait = window.take(now, share.reserved(now, urgency, ahead), share_of_remaining=max_share)
            share.record(now, urgency, granted=not wait)
            if wait:
                return Rejection(Reason.PLAN, wait)
            remaining = window.remaining(now)
        for _, block in blocks:
            block.probe(now)
        return Permit(now, tuple(scope for scope, _ in blocks), remaining)

    def _blocks_of(self, account: str, route: str) -> list[tuple[BlockScope, CircuitState]]:
        scopes = (BlockScope(route), BlockScope(route, account))
        return [(scope, block) for scope in scopes if (block := self._blocks.get(scope))]

    def _window(self, scope: BlockScope) -> tuple[Window, RevalidationShare]:
        return self._windows.get_or_create(scope, lambda: (Window(self._limit), RevalidationShare(self._limit)))

    async def sync_remaining(self, account: str, route: str, remaining: int, as_of: float) -> None:
        """Record upstream's remaining calls in the window of this account and route."""
        if self._limit.max_calls:
            self._window(BlockScope(route, account))[0].sync_remaining(self._clock(), remaining, as_of)

    async def block(self, scope: BlockScope, seconds: float, reason: Reason) -> None:
        """Create or extend the block of a scope."""
        block = self._blocks.get_or_create(scope, lambda: CircuitState(self._limit))
        block.extend(self._clock(), seconds, reason)

    async def close_circuit(self, scope: BlockScope, as_of: float) -> None:
        """Remove a block, unless it was set again since the probe."""
        block = self._blocks.get(scope)
        if block is not None and block.may_close(as_of):
            self._blocks.remove(scope)

    async def aclose(self) -> None:
        """No resources to release."""


def _longest(rejections: Iterable[Rejection | None]) -> Rejection | None:
    return max(filter(None, rejections), key=lambda rejection: rejection.wait, default=None)
