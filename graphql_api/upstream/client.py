"""Client of the Competent API: one document per call, limited in time, size and number of calls.

Every call returns the requested document, checked, or raises one of our errors.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.competent.routes import RouteMatch, route_of
from graphql_api.competent.values import uuid
from graphql_api.errors import UpstreamError, UpstreamInvalidResponse, UpstreamNotFound, UpstreamUnauthorized
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.tracing import CallSpan
from graphql_api.settings import Settings
from graphql_api.upstream.body import BodyReader
from graphql_api.upstream.call_event import CallEvent, count
from graphql_api.upstream.error_mapping import bare, our_errors, refusal
from graphql_api.upstream.headers import calls_left, sent, validators_of
from graphql_api.upstream.heap import HeapTrimmer
from graphql_api.upstream.limiter import SERVER, CallLimiter
from graphql_api.upstream.local_limiter import LocalLedger
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.resilience import CallResult, FetchRequest, ResilientCaller
from graphql_api.upstream.transport import Client, Response

log = logging.getLogger(__name__)

NONE = Validators()

_LIST = {"_embedded", "_links", "page", "number"}
"""Keys of which a list or a release has at least one."""


class RawResponse(NamedTuple):
    """A response as received; header names are in lower case, the body is inflated."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """Fetches documents from a Competent API by path.

    The `client` has the base URL, the key and the transport; the ResilientCaller decides when and how often it is called; this
    class checks that the response is the requested document. Replicas share rate limits through `ledger`; without one, limits are
    per process. `tell` is called with each CallEvent.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        ledger: CallLimiter | None = None,
        random: Random | None = None,
        tell: Callable[[CallEvent], None] = count,
    ) -> None:
        self._client = client
        self._ledger = LocalLedger(RateLimit.of(settings).share(settings.workers)) if ledger is None else ledger
        self._tell = tell
        self._guard = ResilientCaller(settings, self._ledger, random, self._log_call)
        self._heap = HeapTrimmer()
        self._bodies = BodyReader(settings.upstream_document_bytes, self._heap)
        self._longest = settings.upstream_total_timeout

    async def fetch(self, path: str, asker: FetchContext, validators: Validators = NONE) -> Fetched:
        """Fetch the document at a path known to `routes.py`, or learn that it is unchanged; raises only UpstreamError."""
        known = route_of(path)
        if known is None:
            raise UpstreamNotFound(detail=f"{path} is not a path of the Competent API")
        headers = sent(asker, validators)
        wanted = FetchRequest(known.route.template, path, _account(asker), asker.urgency, asker.deadline)

        async def ask(until: float) -> CallResult:
            return await self._ask(path, known, headers, until)

        try:
            return await self._guard.fetch(wanted, ask)
        except UpstreamUnauthorized as error:
            if asker.key is None:
                raise
            raise UpstreamUnauthorized(
                "The Competent API rejects the key that you sent.", retry_after=error.retry_after, detail=error.detail
            ) from error

    async def probe(self, path: str, headers: Mapping[str, str] | None = None) -> RawResponse:
        """Send one request, bypassing rate limit, retries and circuit breaker; returns the response whatever its status.

        Raises an UpstreamError if the path is unknown or the request fails; limits of time and size apply.
        """
        if route_of(path) is None:
            raise UpstreamNotFound(detail=f"{path} is not a path of the Competent API")
        with our_errors():
            async with (
                asyncio.timeout(self._longest),
                self._client.stream("GET", path, headers=headers or {}) as response,
            ):
                body = await self._bodies.read_bytes(response)
                return RawResponse(response.status_code, dict(response.headers), body)

    async def _ask(self, path: str, known: RouteMatch, headers: Mapping[str, str], until: float) -> CallResult:
        left: int | None = None
        status: int | None = None
        span = CallSpan(headers, known.route.template)
        try:
            with our_errors():
                async with (
                    asyncio.timeout_at(until),
                    self._client.stream("GET", path, headers=span.headers) as response,
                ):
                    status = response.status_code
                    left = calls_left(response.headers)
                    answer = CallResult(await self._read(response, known), left)
        except UpstreamError as error:
            answer = CallResult(bare(error), left)
        except BaseException:
            span.end(status, "cancelled")
            raise
        span.end(status, answer.came.code if isinstance(answer.came, UpstreamError) else None)
        return answer

    async def _read(self, response: Response, known: RouteMatch) -> Fetched:
        if response.status_code == 304:
            return Fetched(None, validators_of(response.headers))
        if error := refusal(response):
            raise error
        document, values = await self._bodies.read_object(response)
        return Fetched(_checked(document, known), validators_of(response.headers), values)

    def _log_call(self, called: CallEvent) -> None:
        self._tell(called)
        level = logging.WARNING if called.failed and called.made else logging.DEBUG
        log.log(level, "upstream %s %s %s (attempt %d)", called.path, called.outcome, called.detail, called.attempt)

    async def aclose(self) -> None:
        """Close connections and background work."""
        self._heap.close()
        await self._ledger.aclose()
        await self._client.aclose()


def _account(asker: FetchContext) -> str:
    if asker.key is None:
        return SERVER
    return hashlib.blake2s(asker.key.reveal().encode(), digest_size=16).hexdigest()


def _checked(document: dict[str, Any], known: RouteMatch) -> dict[str, Any]:
    # Error documents may come with status 200: from API Connect (httpCode) or from the service (status and error).
    status = document.get("httpCode", document.get("status") if "error" in document else None)
    if status in (404, "404"):
        raise UpstreamNotFound(detail="status 404 in a document with status 200")
    if status is not None:
        raise UpstreamInvalidResponse(detail="an error document with status 200")
    if not known.route.identified and not document.keys() & _LIST:
        raise UpstreamInvalidResponse(detail="neither a list nor a release")
    if known.route.identified and uuid(document.get("id")) != known.uuid:
        raise UpstreamInvalidResponse(detail="a document of another id")
    return document
