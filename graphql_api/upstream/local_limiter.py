"""The ledger of one process: windows and blocks in memory, bounded in number."""

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
"""Windows, and blocks, of clients' own keys that are kept; those longest unused go first."""


class LocalLedger:
    """A `Ledger` that asks nobody. The server's own windows and blocks are never among those that go."""

    def __init__(self, plan: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._clock = clock
        self._windows: OrderedDict[Scope, tuple[Window, RevalidationShare]] = OrderedDict()
        self._blocks: OrderedDict[Scope, CircuitState] = OrderedDict()

    def blocked(self, account: str, route: str) -> Rejection | None:
        """The block that holds for this account or for everybody; the longer of the two."""
        if not self._blocks:
            return None
        now = self._clock()
        held = [refused for _, block in self._of(account, route) if (refused := block.holds(now))]
        return max(held, key=lambda refused: refused.wait, default=None)

    async def take(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """One call, from the plan and past the blocks."""
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
        """Into the window of this account and route."""
        if self._plan.most:
            self._window(Scope(route, account))[0].told_left(self._clock(), left, as_of)

    async def block(self, scope: Scope, seconds: float, reason: Reason) -> None:
        """A new block, or more of the one that there is."""
        block = _get_or_create(self._blocks, scope, lambda: CircuitState(self._plan))
        block.extend(self._clock(), seconds, reason)

    async def lift(self, scope: Scope, as_of: float) -> None:
        """The end of a block, where it is still the one that was probed."""
        block = self._blocks.get(scope)
        if block is not None and block.lifted(as_of):
            del self._blocks[scope]

    async def aclose(self) -> None:
        """Nothing to close."""


def _get_or_create(kept: OrderedDict[Scope, T], scope: Scope, make: Callable[[], T]) -> T:
    """What there is for a scope, made where there is nothing yet."""
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
