"""Client of the Competent API: one document per call, limited in time, size and number of calls.

Every call returns the requested document, checked, or raises one of our errors.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import NamedTuple

from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.competent.hal import JsonObject
from graphql_api.competent.routes import OTHER_SOFT_SKILLS, RouteMatch, route_of
from graphql_api.competent.values import uuid
from graphql_api.errors import UpstreamError, UpstreamInvalidResponse, UpstreamNotFound, UpstreamUnauthorized
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.tracing import CallSpan
from graphql_api.settings import Settings
from graphql_api.upstream.body import BodyReader
from graphql_api.upstream.call_event import CallEvent, record_metrics
from graphql_api.upstream.error_mapping import bare, refusal, socket_error
from graphql_api.upstream.headers import calls_left, request_headers, validators_of
from graphql_api.upstream.heap import HeapTrimmer
from graphql_api.upstream.limiter import SERVER, CallLimiter
from graphql_api.upstream.local_limiter import LocalLimiter
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.resilience import CallResult, FetchRequest, ResilientCaller
from graphql_api.upstream.transport import Client, Response

log = logging.getLogger(__name__)

NONE = Validators()

_LIST_KEYS = {"_embedded", "_links", "page", "number"}
"""Keys of which a list or a release has at least one."""


class RawResponse(NamedTuple):
    """A response as received; header names are in lower case, the body is inflated."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """Fetches documents from a Competent API by path.

    The `client` has the base URL, the key and the transport; the ResilientCaller decides when and how often it is called; this
    class checks that the response is the requested document. Replicas share rate limits through `limiter`; without one, limits
    are per process. `emit` is called with each CallEvent. `heap` returns the memory of large bodies to the system.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        limiter: CallLimiter | None = None,
        random: Random | None = None,
        emit: Callable[[CallEvent], None] = record_metrics,
        heap: HeapTrimmer | None = None,
    ) -> None:
        self._client = client
        self._limiter = LocalLimiter(RateLimit.of(settings).share(settings.workers)) if limiter is None else limiter
        self._emit = emit
        self._caller = ResilientCaller(settings, self._limiter, random, self._log_call)
        self._bodies = BodyReader(settings.upstream_document_bytes, heap or HeapTrimmer())
        self._total_timeout = settings.upstream_total_timeout

    async def fetch(self, path: str, context: FetchContext, validators: Validators = NONE) -> Fetched:
        """Fetch the document at a path known to `routes.py`, or learn that it is unchanged; raises only UpstreamError."""
        match = route_of(path)
        if match is None:
            raise UpstreamNotFound(detail=f"{path} is not a path of the Competent API")
        headers = request_headers(context, validators)
        request = FetchRequest(match.route.template, path, _account(context), context.urgency, context.deadline)
        try:
            return await self._caller.fetch(request, partial(self._call, path, match, headers))
        except UpstreamUnauthorized as error:
            if context.key is None:
                raise
            raise UpstreamUnauthorized(
                "The Competent API rejects the key that you sent.", retry_after=error.retry_after, detail=error.detail
            ) from error

    async def probe(self, path: str, sent: Mapping[str, str] | None = None) -> RawResponse:
        """Send one request, bypassing rate limit, retries and circuit breaker; returns the response whatever its status.

        Raises an UpstreamError if the path is unknown or the request fails; limits of time and size apply.
        """
        if route_of(path) is None and path != OTHER_SOFT_SKILLS.template:
            raise UpstreamNotFound(detail=f"{path} is not a path of the Competent API")
        try:
            async with (
                asyncio.timeout(self._total_timeout),
                self._client.stream("GET", path, headers=sent or {}) as response,
            ):
                body = await self._bodies.read_bytes(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return RawResponse(response.status_code, headers, body)
        except OSError as error:
            raise socket_error(error) from error

    async def _call(self, path: str, match: RouteMatch, headers: Mapping[str, str], until: float) -> CallResult:
        remaining: int | None = None
        status: int | None = None
        span = CallSpan(headers, match.route.template)
        try:
            async with (
                asyncio.timeout_at(until),
                self._client.stream("GET", path, headers=span.headers) as response,
            ):
                status = response.status_code
                remaining = calls_left(response.headers)
                result = CallResult(await self._read(response, match), remaining)
        except (UpstreamError, OSError) as error:
            result = CallResult(bare(socket_error(error) if isinstance(error, OSError) else error), remaining)
        except BaseException:
            span.end(status, "cancelled")
            raise
        span.end(status, result.outcome.code if isinstance(result.outcome, UpstreamError) else None)
        return result

    async def _read(self, response: Response, match: RouteMatch) -> Fetched:
        if response.status_code == 304:
            return Fetched(None, validators_of(response.headers))
        if error := refusal(response):
            raise error
        document, values, size = await self._bodies.read_object(response)
        return Fetched(_validated(document, match), validators_of(response.headers), values, size)

    def _log_call(self, event: CallEvent) -> None:
        self._emit(event)
        level = logging.WARNING if event.failed and event.made else logging.DEBUG
        log.log(level, "upstream %s %s %s (attempt %d)", event.path, event.outcome, event.detail, event.attempt)

    def measure(self) -> None:
        """Update the gauges of calls in progress, waiting and blocked."""
        self._caller.measure()

    async def aclose(self) -> None:
        """Close connections and background work."""
        await self._limiter.aclose()
        await self._client.aclose()


def _account(context: FetchContext) -> str:
    if context.key is None:
        return SERVER
    return hashlib.blake2s(context.key.reveal().encode(), digest_size=16).hexdigest()


def _validated(document: JsonObject, match: RouteMatch) -> JsonObject:
    # Error documents may come with status 200: from API Connect (httpCode) or from the service (status and error).
    status = document.get("httpCode", document.get("status") if "error" in document else None)
    if status in (404, "404"):
        raise UpstreamNotFound(detail="status 404 in a document with status 200")
    if status is not None:
        raise UpstreamInvalidResponse(detail="an error document with status 200")
    if not match.route.identified and not document.keys() & _LIST_KEYS:
        raise UpstreamInvalidResponse(detail="neither a list nor a release")
    if match.route.identified and uuid(document.get("id")) != match.uuid:
        raise UpstreamInvalidResponse(detail="a document of another id")
    return document
