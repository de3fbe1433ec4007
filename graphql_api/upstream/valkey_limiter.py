"""Call limiter shared by replicas: windows and blocks in a Valkey server; each step is one script and one round trip.

While the server is unreachable, it falls back to a LocalLedger, which has counted this process's own calls all along.
"""

import secrets
import time
from collections.abc import Callable
from importlib.resources import files

from graphql_api.observability.fetch_context import Priority
from graphql_api.upstream.limiter import Permit, Reason, Rejection, Scope
from graphql_api.upstream.local_limiter import LocalLedger
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.valkey import Shared

_EVERYBODY = "everybody"
MOST_HEARD = 1000
"""Maximum number of blocks cached for `blocked`."""


class SharedLedger:
    """CallLimiter shared by all that use the same server. Uses the server's clock unless `clock` is passed (tests)."""

    def __init__(self, shared: Shared, plan: RateLimit, clock: Callable[[], float] | None = None) -> None:
        self._shared = shared
        self._plan = plan
        self._now = clock
        self._clock = clock or time.monotonic
        self._alone = LocalLedger(plan, self._clock)
        self._heard: dict[Scope, tuple[float, Reason]] = {}
        self._script = (files("graphql_api.upstream") / "limiter.lua").read_text(encoding="utf-8")

    def blocked(self, account: str, route: str) -> Rejection | None:
        """Returns the last block seen by this process, while it is open."""
        held = [each for scope in (Scope(route), Scope(route, account)) if (each := self._holds(scope))]
        return max(held, key=lambda refused: refused.wait, default=None)

    def _holds(self, scope: Scope) -> Rejection | None:
        until, reason = self._heard.get(scope, (0.0, Reason.UNAVAILABLE))
        wait = until - self._clock()
        if wait > 0:
            return Rejection(reason, wait)
        self._heard.pop(scope, None)
        return None

    async def take(self, account: str, route: str, urgency: Priority, ahead: int = 0) -> Permit | Rejection:
        """Take one call, counted for all replicas."""
        plan = self._plan
        figures = (
            plan.most,
            plan.period,
            plan.reserved(urgency) + ahead,
            plan.probes,
            plan.probe_span,
            plan.heard,
            int(urgency),
        )
        answer = await self._run("take", route, _of(account), *figures, secrets.token_hex(8))
        if answer is None:
            return await self._alone.take(account, route, urgency, ahead)
        if answer[0] == b"refused":
            return self._refused(Scope(route, account), *answer[1:])
        at, everybody, own, left = answer[1:]
        await self._alone.take(account, route, urgency)
        probes = ((Scope(route), everybody), (Scope(route, account), own))
        told = tuple(scope for scope, probed in probes if probed == b"1")
        return Permit(float(at), told, int(left) if plan.most else None)

    def _refused(self, scope: Scope, reason: bytes, wait: bytes, probing: bytes) -> Rejection:
        refused = Rejection(_reason(reason), float(wait), probing == b"1")
        if refused.reason is not Reason.PLAN and not refused.probing:
            self._hear(scope, refused.wait, refused.reason)
        return refused

    def _hear(self, scope: Scope, seconds: float, reason: Reason) -> None:
        until = self._clock() + seconds
        if until >= self._heard.get(scope, (0.0, reason))[0]:
            self._heard[scope] = until, reason
        if len(self._heard) > MOST_HEARD:
            del self._heard[next(iter(self._heard))]

    async def told_left(self, account: str, route: str, left: int, as_of: float) -> None:
        """Record upstream's remaining calls for all replicas."""
        await self._alone.told_left(account, route, left, as_of)
        await self._run("told_left", route, _of(account), left, as_of, self._plan.period)

    async def block(self, scope: Scope, seconds: float, reason: Reason) -> None:
        """Block a scope for all replicas."""
        self._hear(scope, seconds, reason)
        await self._alone.block(scope, seconds, reason)
        await self._run("block", scope.route, _of(scope.account), seconds, reason.value)

    async def lift(self, scope: Scope, as_of: float) -> None:
        """Lift a block for all replicas."""
        await self._alone.lift(scope, self._clock())
        await self._run("lift", scope.route, _of(scope.account), as_of)

    async def _run(self, step: str, route: str, account: str, *told: object) -> list[bytes] | None:
        """Returns the result of a step of the script; None if the server is unreachable."""
        keys = [
            self._shared.key("window", f"{route} {account}"),
            self._shared.key("word", f"{route} {account}"),
            self._shared.key("revalidations", f"{route} {account}"),
            *(
                self._shared.key(kind, f"{route} {whose}")
                for whose in (_EVERYBODY, account)
                for kind in ("block", "probes")
            ),
        ]
        now = "" if self._now is None else repr(self._now())
        arguments = [step, now, *map(str, told)]
        answer: list[bytes] | None = await self._shared.eval(self._script, keys, arguments)
        return answer

    async def aclose(self) -> None:
        """No resources of its own to release."""


def _reason(value: bytes) -> Reason:
    try:
        return Reason(value.decode())
    except ValueError:  # written by another version or another program
        return Reason.UNAVAILABLE


def _of(account: str | None) -> str:
    return _EVERYBODY if account is None else f"of {account}"
