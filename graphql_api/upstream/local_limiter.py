"""Call limiter of one process: rate limit windows and blocks in memory, bounded in number."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.circuit_state import CircuitState
from graphql_api.upstream.limiter import SERVER, Permit, Reason, Rejection, Scope
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.revalidation_share import RevalidationShare, share_of_left
from graphql_api.upstream.sliding_window import Window

T = TypeVar("T")

MOST = 2000
"""Maximum number of windows, and of blocks, cached; least recently used ones of clients' own keys are evicted."""


class LocalLedger:
    """In-process CallLimiter. The windows and blocks of the server's own key are never evicted."""

    def __init__(self, plan: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._clock = clock
        self._windows: OrderedDict[Scope, tuple[Window, RevalidationShare]] = OrderedDict()
        self._blocks: OrderedDict[Scope, CircuitState] = OrderedDict()

    def blocked(self, account: str, route: str) -> Rejection | None:
        """Returns the open block of this account or of all accounts, the longer of the two."""
        if not self._blocks:
            return None
        now = self._clock()
        held = [refused for _, block in self._of(account, route) if (refused := block.holds(now))]
        return max(held, key=lambda refused: refused.wait, default=None)

    async def take(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """Take one call if neither a block nor the rate limit rejects it."""
        now = self._clock()
        blocks = self._of(account, route) if self._blocks else ()
        refused = [each for _, block in blocks if (each := block.refuses(now))]
        if refused:
            return max(refused, key=lambda each: each.wait)
        left = None
        if self._plan.most:
            window, share = self._window(Scope(route, account))
            wait = window.take(now, share.reserved(now, urgency, ahead), share_of_left=share_of_left(urgency))
            share.record(now, urgency, granted=not wait)
            if wait:
                return Rejection(Reason.PLAN, wait)
            left = window.left(now)
        for _, block in blocks:
            block.probe(now)
        return Permit(now, tuple(scope for scope, _ in blocks), left)

    def _of(self, account: str, route: str) -> list[tuple[Scope, CircuitState]]:
        scopes = (Scope(route), Scope(route, account))
        return [(scope, block) for scope in scopes if (block := self._blocks.get(scope))]

    def _window(self, scope: Scope) -> tuple[Window, RevalidationShare]:
        return _get_or_create(self._windows, scope, lambda: (Window(self._plan), RevalidationShare(self._plan)))

    async def told_left(self, account: str, route: str, left: int, as_of: float) -> None:
        """Record upstream's remaining calls in the window of this account and route."""
        if self._plan.most:
            self._window(Scope(route, account))[0].told_left(self._clock(), left, as_of)

    async def block(self, scope: Scope, seconds: float, reason: Reason) -> None:
        """Create or extend the block of a scope."""
        block = _get_or_create(self._blocks, scope, lambda: CircuitState(self._plan))
        block.extend(self._clock(), seconds, reason)

    async def lift(self, scope: Scope, as_of: float) -> None:
        """Remove a block, unless it was set again since the probe."""
        block = self._blocks.get(scope)
        if block is not None and block.lifted(as_of):
            del self._blocks[scope]

    async def aclose(self) -> None:
        """No resources to release."""


def _get_or_create(kept: OrderedDict[Scope, T], scope: Scope, make: Callable[[], T]) -> T:
    """Returns the entry of a scope; creates it if missing."""
    found = kept.get(scope)
    if found is None:
        found = kept[scope] = make()
        _bound(kept)
    kept.move_to_end(scope)
    return found


def _bound(kept: OrderedDict[Scope, Any]) -> None:
    if len(kept) > MOST:
        oldest = next((scope for scope in kept if scope.account not in (SERVER, None)), None)
        if oldest is not None:
            del kept[oldest]
