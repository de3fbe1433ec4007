"""Resilience of upstream calls: deadline, retries, circuit breaker, rate limit and bulkhead; emits an event per call.

The decisions are made by classes without I/O; this module drives them. A rejected call holds no slot: it fails immediately with a
Retry-After, or waits outside the bulkhead if it is a crawl or its turn comes before the deadline.
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from random import Random
from typing import NamedTuple, assert_never

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
from graphql_api.upstream.breaker import MAX_RECOVERY_WAIT, CircuitBreaker
from graphql_api.upstream.bulkhead import Bulkhead
from graphql_api.upstream.call_event import CallEvent, record_state
from graphql_api.upstream.limiter import SERVER, BlockScope, CallLimiter, Permit, Reason, Rejection
from graphql_api.upstream.policy import POLICIES, WaitsFor
from graphql_api.upstream.retry import RetryBudget, backoff

DEFAULT_BLOCK = 5.0
"""Seconds of the block if upstream responds 429 without `Retry-After`, or rejects a key."""
FAILURE_TTL = 2.0
"""Seconds for which a failed document fails immediately on new requests, so that many requests cause few calls."""
INVALID_RESPONSE_TTL = 5.0
"""The same for responses that are unusable and unlikely to change soon: too large, too many values, a redirect."""
MAX_FAILURES = 1000
MIN_CALL_TIME = 0.02
"""Minimum seconds before the deadline for starting a call; no response arrives sooner."""

_ERRORS = {
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


class CachedFailure(NamedTuple):
    """A cached failure of a document; not the exception itself, whose traceback would keep its frames in memory."""

    until: float
    error: type[UpstreamError]
    message: str
    detail: str


class CallResult(NamedTuple):
    """The result of a call, and the calls left in the rate limit if upstream reported them."""

    outcome: Fetched | UpstreamError
    remaining: int | None = None


Call = Callable[[float], Awaitable[CallResult]]
"""Performs one call, including body, JSON and all checks, and ends by a time on the event loop's clock."""


class ResilientCaller:
    """Makes calls within upstream's limits, so that clients wait no longer than is useful."""

    def __init__(
        self,
        settings: Settings,
        limiter: CallLimiter,
        random: Random | None,
        emit: Callable[[CallEvent], None],
    ) -> None:
        self._attempt_timeout, self._total_timeout = settings.upstream_attempt_timeout, settings.upstream_total_timeout
        self._limiter = limiter
        self._random = random or Random()  # noqa: S311  # jitter, not cryptography
        self._emit = emit
        self._bulkhead = Bulkhead(settings.upstream_concurrency)
        self._breakers: defaultdict[str, CircuitBreaker] = defaultdict(CircuitBreaker)
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._queued: Counter[tuple[str, str, Priority]] = Counter()
        self._failures: TTLCache[CachedFailure] = TTLCache(_now, MAX_FAILURES)

    async def fetch(self, request: FetchRequest, call: Call) -> Fetched:
        """Returns the result of the first successful attempt; raises the UpstreamError of the last one."""
        request = FetchRequest(*request[:-1], self._deadline(request))  # `_replace` takes three times as long
        self._raise_recent_failure(request)
        self._budgets[request.route].record_call()
        policy = POLICIES[request.urgency]
        for attempt in range(1, policy.attempts + 1):
            try:
                return await self._one_attempt(request, attempt, call)
            except UpstreamError as error:
                wait = backoff(attempt, policy, self._random)
                if not self._should_retry(request, attempt, error, wait):
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _deadline(self, request: FetchRequest) -> float:
        total = self._total_timeout if POLICIES[request.urgency].is_bounded else math.inf
        return min(request.deadline, _now() + total)

    def _should_retry(self, request: FetchRequest, attempt: int, error: UpstreamError, wait: float) -> bool:
        policy = POLICIES[request.urgency]
        if not error.passing or attempt == policy.attempts:
            return False
        blocked = self._limiter.blocked(request.account, request.route)
        if blocked and self._useful_wait(request, blocked, wait) is None:
            return False
        if _now() + wait + MIN_CALL_TIME > request.deadline:
            return False
        return not policy.needs_retry_budget or self._budgets[request.route].spend(_now())

    async def _one_attempt(self, request: FetchRequest, attempt: int, call: Call) -> Fetched:
        waited = 0.0
        while True:
            rejection = self._limiter.blocked(request.account, request.route)
            if rejection is None:
                outcome = await self._acquire_and_call(request, attempt, call)
                if isinstance(outcome, Fetched):
                    return outcome
                if isinstance(outcome, UpstreamError):
                    try:
                        raise outcome
                    finally:
                        del outcome  # breaks the reference cycle between this frame and the traceback
                rejection = outcome
            wait = self._useful_wait(request, rejection, waited)
            if wait is None:
                raise self._rejected(request, attempt, _error_of(rejection))
            waited += wait
            await self._wait(request, rejection, wait)

    async def _acquire_and_call(
        self, request: FetchRequest, attempt: int, call: Call
    ) -> Fetched | UpstreamError | Rejection:
        try:
            await self._bulkhead.acquire(request.urgency, request.deadline - MIN_CALL_TIME)
        except TimeoutError:
            return self._rejected(request, attempt, UpstreamTimeout(detail="too many calls in progress"))
        try:
            permit = await self._limiter.acquire(request.account, request.route, request.urgency, self._ahead(request))
            if isinstance(permit, Rejection):
                return permit
            return await self._call(request, attempt, call, permit)
        finally:
            self._bulkhead.release()

    def _ahead(self, request: FetchRequest) -> int:
        if not self._queued:
            return 0
        return sum(
            self._queued[request.account, request.route, priority]
            for priority in Priority
            if priority <= request.urgency
        )

    def _useful_wait(self, request: FetchRequest, rejection: Rejection, waited: float) -> float | None:
        """Returns the seconds to wait without a slot; None if the call should fail immediately."""
        match POLICIES[request.urgency].waits_for:
            case WaitsFor.ANYTHING:
                wait = rejection.wait * self._random.uniform(1.0, 1.25) + 0.001
            case WaitsFor.RATE_LIMIT | WaitsFor.RECOVERY if rejection.reason is Reason.PLAN:
                wait = rejection.wait + 0.001
            case WaitsFor.RECOVERY if rejection.reason is Reason.FAILING or rejection.probing:
                wait = self._recovery_wait(rejection)
                if waited + wait > self._breakers[request.route].max_recovery_wait(_now()):
                    return None
            case WaitsFor.RATE_LIMIT | WaitsFor.RECOVERY:
                return None
            case unreachable:
                assert_never(unreachable)
        return wait if _now() + wait + MIN_CALL_TIME < request.deadline else None

    def _recovery_wait(self, rejection: Rejection) -> float:
        if rejection.probing:
            return MAX_RECOVERY_WAIT
        return rejection.wait + self._random.uniform(0.0, MAX_RECOVERY_WAIT / 4)

    async def _wait(self, request: FetchRequest, rejection: Rejection, wait: float) -> None:
        if rejection.reason != Reason.PLAN:
            await asyncio.sleep(wait)
            return
        queue = (request.account, request.route, request.urgency)
        self._queued[queue] += 1
        try:
            await asyncio.sleep(wait)
        finally:
            self._queued[queue] -= 1
            if not self._queued[queue]:
                del self._queued[queue]

    async def _call(self, request: FetchRequest, attempt: int, call: Call, permit: Permit) -> Fetched | UpstreamError:
        started = _now()
        # A crawl can wait, but a slow probe would delay the calls that wait for its result.
        is_bounded = POLICIES[request.urgency].is_bounded or permit.probes
        limit = self._attempt_timeout if is_bounded else self._total_timeout
        result = await call(min(started + limit, request.deadline))
        seconds = _now() - started
        cut_short = isinstance(result.outcome, UpstreamTimeout) and seconds < self._attempt_timeout * 0.99
        if not cut_short:  # otherwise the caller's own deadline was too short, which says nothing about upstream
            await self._update_limits(request, permit, result)
            self._cache_failure(request, result.outcome)
        self._emit(self._event(request, attempt, result.outcome, permit, seconds))
        return result.outcome

    async def _update_limits(self, request: FetchRequest, permit: Permit, result: CallResult) -> None:
        if isinstance(result.outcome, Fetched) and result.remaining is None and not permit.probes:  # nearly always
            self._breakers[request.route].succeeded(_now())
            return
        all_accounts, account = BlockScope(request.route), BlockScope(request.route, request.account)
        error = result.outcome if isinstance(result.outcome, UpstreamError) else None
        failed = error is not None and error.passing and not isinstance(error, UpstreamRateLimited)
        breaker, probe = self._breakers[request.route], all_accounts in permit.probes
        if result.remaining is not None:
            await self._limiter.sync_remaining(request.account, request.route, result.remaining, permit.at)
        if isinstance(error, UpstreamRateLimited):
            await self._limiter.block(account, _or(error.retry_after, DEFAULT_BLOCK), Reason.RATE_LIMITED)
        elif isinstance(error, UpstreamUnauthorized):
            await self._limiter.block(account, DEFAULT_BLOCK, Reason.UNAUTHORIZED)
        elif account in permit.probes and not failed:
            await self._limiter.close_circuit(account, permit.at)
        if failed:
            assert error is not None
            if open_for := breaker.failed(_now(), probe):
                await self._limiter.block(all_accounts, open_for, Reason.FAILING)
            if error.retry_after is not None:
                await self._limiter.block(all_accounts, error.retry_after, Reason.UNAVAILABLE)
        else:
            breaker.succeeded(_now(), probe)
            if probe:
                await self._limiter.close_circuit(all_accounts, permit.at)

    def measure(self) -> None:
        """Update the gauges of calls in progress, waiting and blocked."""
        waiting = {priority: self._bulkhead.waiting(priority) for priority in Priority}
        blocked = {route: self._limiter.blocked(_NO_ACCOUNT, route) is not None for route in self._budgets}
        record_state(self._bulkhead.in_use, waiting, blocked)

    def _cache_failure(self, request: FetchRequest, outcome: Fetched | UpstreamError) -> None:
        key = (request.account, request.path)
        if isinstance(outcome, Fetched):
            if self._failures:
                self._failures.drop(key)
            return
        seconds = (
            FAILURE_TTL if outcome.passing else INVALID_RESPONSE_TTL * isinstance(outcome, UpstreamInvalidResponse)
        )
        if seconds and outcome.retry_after is None and POLICIES[request.urgency].caches_failures:
            failure = CachedFailure(_now() + seconds, type(outcome), str(outcome), outcome.detail)
            self._failures.put(key, failure, seconds)

    def _raise_recent_failure(self, request: FetchRequest) -> None:
        if not POLICIES[request.urgency].repeats_failures:
            return
        failure = self._failures.get((request.account, request.path))
        if failure is None:
            return
        seconds = max(math.ceil(failure.until - _now()), 1)  # time may have passed since the lookup
        error = failure.error(
            failure.message, retry_after=seconds, detail=f"repeated from a moment ago: {failure.detail}"
        )
        raise self._rejected(request, 1, error)

    def _rejected(self, request: FetchRequest, attempt: int, error: UpstreamError) -> UpstreamError:
        self._emit(self._event(request, attempt, error, None, 0.0))
        return error.lasting()  # do not retry: any useful waiting is already done

    def _event(
        self,
        request: FetchRequest,
        attempt: int,
        outcome: Fetched | UpstreamError,
        permit: Permit | None,
        seconds: float,
    ) -> CallEvent:
        match outcome:
            case UpstreamNotFound():
                code, failed = "NOT_FOUND", False
            case UpstreamError():
                code, failed = outcome.code, True
            case Fetched():
                code, failed = "NOT_MODIFIED" if outcome.document is None else "OK", False
            case unreachable:
                assert_never(unreachable)
        return CallEvent(
            route=request.route,
            path=request.path,
            outcome=code,
            failed=failed,
            detail=outcome.detail if isinstance(outcome, UpstreamError) else "",
            urgency=request.urgency,
            attempt=attempt,
            made=permit is not None,
            seconds=seconds,
            remaining=permit.remaining if permit and request.account == SERVER else None,
        )


_NO_ACCOUNT = "-"
"""An account without blocks of its own, for reading the blocks that apply to all accounts."""


def _error_of(rejection: Rejection) -> UpstreamError:
    seconds = max(math.ceil(rejection.wait - 0.001), 1)
    return _ERRORS[rejection.reason](retry_after=seconds, detail=f"not called: {rejection.reason}")


def _or(seconds: float | None, otherwise: float) -> float:
    return otherwise if seconds is None else seconds


def _now() -> float:
    return asyncio.get_running_loop().time()
