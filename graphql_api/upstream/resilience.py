"""Resilience of upstream calls: deadline, retries, circuit breaker, rate limit and bulkhead; emits an event per call.

The decisions are made by classes without I/O; this module drives them. A rejected call holds no slot: it fails immediately with a
Retry-After, or waits outside the bulkhead if it is a crawl or its turn comes before the deadline.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import NamedTuple

from graphql_api.caching import TTLCache
from graphql_api.competent.fetch import Fetched
from graphql_api.errors import (
    UpstreamError,
    UpstreamInvalidResponse,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from graphql_api.observability.fetch_context import Priority
from graphql_api.settings import Settings
from graphql_api.upstream.breaker import PATIENCE, Breaker
from graphql_api.upstream.bulkhead import Bulkhead
from graphql_api.upstream.call_event import CallEvent
from graphql_api.upstream.limiter import SERVER, CallLimiter, Permit, Reason, Rejection, Scope
from graphql_api.upstream.retry import RetryBudget, attempts, backoff

UNTOLD = 5.0
"""Seconds of the block if upstream responds 429 without `Retry-After`, or rejects a key."""
FAILED_FOR = 2.0
"""Seconds for which a failed document fails immediately on new requests, so that many requests cause few calls."""
UNUSABLE_FOR = 5.0
"""The same for responses that are unusable and unlikely to change soon: too large, too many values, a redirect."""
FAILED_MOST = 1000
SHORTEST = 0.02
"""Minimum seconds before the deadline for starting a call; no response arrives sooner."""

_REFUSALS = {
    Reason.PLAN: UpstreamRateLimited,
    Reason.RATE_LIMITED: UpstreamRateLimited,
    Reason.UNAUTHORIZED: UpstreamUnauthorized,
    Reason.UNAVAILABLE: UpstreamUnavailable,
    Reason.FAILING: UpstreamUnavailable,
}


class FetchRequest(NamedTuple):
    """A document to fetch, with account, priority and deadline."""

    route: str
    path: str
    account: str
    urgency: Priority
    deadline: float
    """On the event loop's clock."""


class Failure(NamedTuple):
    """A cached failure of a document; not the exception itself, whose traceback would keep its frames in memory."""

    until: float
    error: type[UpstreamError]
    message: str
    detail: str


class CallResult(NamedTuple):
    """The result of a call, and the calls left in the rate limit if upstream reported them."""

    came: Fetched | UpstreamError
    left: int | None = None


Ask = Callable[[float], Awaitable[CallResult]]
"""Performs one call, including body, JSON and all checks, and ends by a time on the event loop's clock."""


class ResilientCaller:
    """Makes calls within upstream's limits, so that clients wait no longer than is useful."""

    def __init__(
        self,
        settings: Settings,
        ledger: CallLimiter,
        random: Random | None,
        tell: Callable[[CallEvent], None],
    ) -> None:
        self._attempt, self._total = settings.upstream_attempt_timeout, settings.upstream_total_timeout
        self._ledger = ledger
        self._random = random or Random()  # noqa: S311  # jitter, not cryptography
        self._tell = tell
        self._places = Bulkhead(settings.upstream_concurrency)
        self._breakers: dict[str, Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._queued: Counter[tuple[str, str, Priority]] = Counter()
        self._failed: TTLCache[Failure] = TTLCache(_now, FAILED_MOST)

    async def fetch(self, wanted: FetchRequest, ask: Ask) -> Fetched:
        """Returns the result of the first successful attempt; raises the UpstreamError of the last one."""
        wanted = wanted._replace(deadline=self._deadline(wanted))
        self._refuse_failed(wanted)
        budget = self._budgets.setdefault(wanted.route, RetryBudget())
        budget.called()
        for attempt in range(1, attempts(wanted.urgency) + 1):
            try:
                return await self._one_attempt(wanted, attempt, ask)
            except UpstreamError as error:
                wait = backoff(attempt, wanted.urgency, self._random)
                if not self._should_retry(wanted, attempt, error, wait):
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _deadline(self, wanted: FetchRequest) -> float:
        if wanted.urgency == Priority.CRAWL:
            return wanted.deadline
        return min(wanted.deadline, _now() + self._total)

    def _should_retry(self, wanted: FetchRequest, attempt: int, error: UpstreamError, wait: float) -> bool:
        if not error.passing or attempt == attempts(wanted.urgency):
            return False
        blocked = self._ledger.blocked(wanted.account, wanted.route)
        if blocked and self._worth_waiting(wanted, blocked, wait) is None:
            return False
        if _now() + wait + SHORTEST > wanted.deadline:
            return False
        return wanted.urgency == Priority.CRAWL or self._budgets[wanted.route].spend(_now())

    async def _one_attempt(self, wanted: FetchRequest, attempt: int, ask: Ask) -> Fetched:
        waited = 0.0
        while True:
            refused = self._ledger.blocked(wanted.account, wanted.route)
            if refused is None:
                came = await self._with_place(wanted, attempt, ask)
                if isinstance(came, Fetched):
                    return came
                if isinstance(came, UpstreamError):
                    try:
                        raise came
                    finally:
                        del came  # breaks the reference cycle between this frame and the traceback
                refused = came
            wait = self._worth_waiting(wanted, refused, waited)
            if wait is None:
                raise self._not_called(wanted, attempt, _refusal(refused))
            waited += wait
            await self._wait(wanted, refused, wait)

    async def _with_place(self, wanted: FetchRequest, attempt: int, ask: Ask) -> Fetched | UpstreamError | Rejection:
        try:
            async with self._places.place(wanted.urgency, wanted.deadline - SHORTEST):
                taken = await self._ledger.take(wanted.account, wanted.route, wanted.urgency, self._ahead(wanted))
                if isinstance(taken, Rejection):
                    return taken
                return await self._call(wanted, attempt, ask, taken)
        except TimeoutError:
            return self._not_called(wanted, attempt, UpstreamTimeout(detail="too many calls in progress"))

    def _ahead(self, wanted: FetchRequest) -> int:
        if not self._queued:
            return 0
        return sum(self._queued[wanted.account, wanted.route, each] for each in Priority if each <= wanted.urgency)

    def _worth_waiting(self, wanted: FetchRequest, refused: Rejection, waited: float) -> float | None:
        """Returns the seconds to wait without a slot; None if the call should fail immediately."""
        if wanted.urgency == Priority.CRAWL:
            wait = refused.wait * self._random.uniform(1.0, 1.25) + 0.001
        elif refused.reason == Reason.PLAN:
            wait = refused.wait + 0.001
        elif wanted.urgency == Priority.REVALIDATION:
            return None
        elif refused.reason == Reason.FAILING or refused.probing:
            wait = PATIENCE if refused.probing else refused.wait + self._random.uniform(0.0, PATIENCE / 4)
            if waited + wait > self._breaker(wanted).patience(_now()):
                return None
        else:
            return None
        return wait if _now() + wait + SHORTEST < wanted.deadline else None

    def _breaker(self, wanted: FetchRequest) -> Breaker:
        return self._breakers.setdefault(wanted.route, Breaker())

    async def _wait(self, wanted: FetchRequest, refused: Rejection, wait: float) -> None:
        if refused.reason != Reason.PLAN:
            await asyncio.sleep(wait)
            return
        queue = (wanted.account, wanted.route, wanted.urgency)
        self._queued[queue] += 1
        try:
            await asyncio.sleep(wait)
        finally:
            self._queued[queue] -= 1
            if not self._queued[queue]:
                del self._queued[queue]

    async def _call(self, wanted: FetchRequest, attempt: int, ask: Ask, granted: Permit) -> Fetched | UpstreamError:
        began = _now()
        # A crawl can wait, but a slow probe would delay the calls that wait for its result.
        most = self._total if wanted.urgency == Priority.CRAWL and not granted.probes else self._attempt
        answer = await ask(min(began + most, wanted.deadline))
        seconds = _now() - began
        cut_short = isinstance(answer.came, UpstreamTimeout) and seconds < self._attempt * 0.99
        if not cut_short:  # otherwise the caller's own deadline was too short, which says nothing about upstream
            await self._learn(wanted, granted, answer)
            self._remember(wanted, answer.came)
        self._tell(self._called(wanted, attempt, answer.came, granted, seconds))
        return answer.came

    async def _learn(self, wanted: FetchRequest, granted: Permit, answer: CallResult) -> None:
        everybody, account = Scope(wanted.route), Scope(wanted.route, wanted.account)
        error = answer.came if isinstance(answer.came, UpstreamError) else None
        failed = error is not None and error.passing and not isinstance(error, UpstreamRateLimited)
        breaker, probe = self._breaker(wanted), everybody in granted.probes
        if answer.left is not None:
            await self._ledger.told_left(wanted.account, wanted.route, answer.left, granted.at)
        if isinstance(error, UpstreamRateLimited):
            await self._ledger.block(account, _or(error.retry_after, UNTOLD), Reason.RATE_LIMITED)
        elif isinstance(error, UpstreamUnauthorized):
            await self._ledger.block(account, UNTOLD, Reason.UNAUTHORIZED)
        elif account in granted.probes and not failed:
            await self._ledger.lift(account, granted.at)
        if failed:
            assert error is not None
            if open_for := breaker.failed(_now(), probe):
                await self._ledger.block(everybody, open_for, Reason.FAILING)
            if error.retry_after is not None:
                await self._ledger.block(everybody, error.retry_after, Reason.UNAVAILABLE)
        else:
            breaker.succeeded(_now(), probe)
            if probe:
                await self._ledger.lift(everybody, granted.at)

    def _remember(self, wanted: FetchRequest, came: Fetched | UpstreamError) -> None:
        key = (wanted.account, wanted.path)
        if isinstance(came, Fetched):
            self._failed.forget(key)
            return
        seconds = FAILED_FOR if came.passing else UNUSABLE_FOR * isinstance(came, UpstreamInvalidResponse)
        if seconds and came.retry_after is None and wanted.urgency != Priority.REVALIDATION:
            failure = Failure(_now() + seconds, type(came), str(came), came.detail)
            self._failed.put(key, failure, seconds)

    def _refuse_failed(self, wanted: FetchRequest) -> None:
        known = self._failed.get((wanted.account, wanted.path))
        if known is None or wanted.urgency == Priority.CRAWL:
            return
        left = max(math.ceil(known.until - _now()), 1)  # time may have passed since the lookup
        again = known.error(known.message, retry_after=left, detail=f"repeated from a moment ago: {known.detail}")
        raise self._not_called(wanted, 1, again)

    def _not_called(self, wanted: FetchRequest, attempt: int, error: UpstreamError) -> UpstreamError:
        self._tell(self._called(wanted, attempt, error, None, 0.0))
        return error.lasting()  # do not retry: any useful waiting is already done

    def _called(
        self, wanted: FetchRequest, attempt: int, came: Fetched | UpstreamError, granted: Permit | None, seconds: float
    ) -> CallEvent:
        match came:
            case UpstreamNotFound():
                outcome, failed = "NOT_FOUND", False
            case UpstreamError():
                outcome, failed = came.code, True
            case Fetched():
                outcome, failed = "NOT_MODIFIED" if came.document is None else "OK", False
        return CallEvent(
            route=wanted.route,
            path=wanted.path,
            outcome=outcome,
            failed=failed,
            detail=came.detail if isinstance(came, UpstreamError) else "",
            urgency=wanted.urgency,
            attempt=attempt,
            made=granted is not None,
            seconds=seconds,
            blocked=self._ledger.blocked(_NOBODY, wanted.route) is not None,
            left=granted.left if granted and wanted.account == SERVER else None,
            in_use=self._places.in_use,
            waiting=tuple(self._places.waiting(each) for each in Priority),
        )


_NOBODY = "-"
"""An account without blocks of its own, for reading the blocks that apply to all accounts."""


def _refusal(refused: Rejection) -> UpstreamError:
    seconds = max(math.ceil(refused.wait - 0.001), 1)
    return _REFUSALS[refused.reason](retry_after=seconds, detail=f"not called: {refused.reason}")


def _or(seconds: float | None, otherwise: float) -> float:
    return otherwise if seconds is None else seconds


def _now() -> float:
    return asyncio.get_running_loop().time()
