"""The fast path itself: from a complete request to its response in one call, or not at all."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from gzip import compress
from time import perf_counter, thread_time
from typing import NamedTuple

from starlette.types import Scope

from graphql_api.caching import LRUCache
from graphql_api.execution.operations import Executed
from graphql_api.execution.response_cache import MAX_COMPRESSED_BYTES, CachedResponse, entity_tag
from graphql_api.http.admission import LoopBudget
from graphql_api.http.auth import AccessPolicy
from graphql_api.http.auth.authenticators import Principal
from graphql_api.http.content_negotiation import GZIP_MIN_BYTES
from graphql_api.http.graphql import Endpoint, HTTPError
from graphql_api.http.graphql.response import (
    NOT_MODIFIED,
    Reply,
    build_response,
    encode_body,
    gzip_response,
    not_modified,
)
from graphql_api.http.header_fields import names_tag
from graphql_api.http.middleware import GZIP_LEVEL
from graphql_api.observability import tracing
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, new_id, request_id_of, text_in
from graphql_api.schema.cached_loaders import CacheMiss
from graphql_api.server.fast_path.header_profile import HeaderProfile, HeaderProfiles
from graphql_api.server.fast_path.request_cache import ParsedRequest, RequestCache
from graphql_api.server.fast_path.response_heads import ResponseHeads
from graphql_api.server.protocol import Unanswered
from graphql_api.server.response_cycle import Headers

log = logging.getLogger(__name__)

MAX_SECONDS = 0.001
"""Seconds of CPU time that a response may take; a request that takes longer competes with all others on the ASGI path."""
SKIP_AFTER_MISS = 64
"""How many times a request skips the fast path after it could not be answered there, or took too long."""
HEADS_BYTES = 4_000_000
"""Maximum bytes of the heads of requests by which profiles are found without parsing."""
HEAD_BYTES = 300
"""Memory of a head beside its text."""


class KnownHead(NamedTuple):
    """The profile of requests with one head, and the length of their bodies."""

    profile: HeaderProfile
    body_bytes: int


class FastPath:
    """Responds to requests that need only what is in memory."""

    def __init__(
        self,
        endpoint: Endpoint,
        policy: AccessPolicy | None,
        loop_budget: LoopBudget,
        operation_log: OperationLog,
        stopping: asyncio.Event,
        response_heads: ResponseHeads,
        root_path: str = "",
    ) -> None:
        self._endpoint = endpoint
        self._policy = policy
        self._loop_budget = loop_budget
        self._operation_log = operation_log
        self._stopping = stopping
        self._response_heads = response_heads
        self.max_seconds = MAX_SECONDS
        self._requests = RequestCache(endpoint.engine, endpoint.documents)
        self._profiles = HeaderProfiles(root_path)
        self._heads: LRUCache[bytes, KnownHead] = LRUCache(HEADS_BYTES)

    def respond(self, request: bytes, fields: Headers) -> bytes | Unanswered:
        """Respond to a request as received; UNPARSED unless a request with the same head was parsed before.

        `fields` are the server's default response headers.
        """
        end = _end_of_head(request)
        head = self._heads.get(request[:end])
        if head is None or len(request) != end + head.body_bytes:
            return Unanswered.UNPARSED
        return self._respond(head.profile, request[end:], new_id(), fields) or Unanswered.DECLINED

    def respond_to_parsed(self, scope: Scope, body: bytes, received: bytes | None, fields: Headers) -> bytes | None:
        """Respond to a parsed request; None if it must take the ASGI path.

        `received` is the request as received, if it arrived in one piece and alone.
        """
        profile = self._profiles.of(scope)
        if profile is None or len(body) > (self._endpoint.max_body_bytes if profile.query_string is None else 0):
            return None
        request_id = request_id_of(scope)
        if received is not None and request_id is None:
            self._remember(received, scope, profile, len(body))
        return self._respond(profile, body, request_id or new_id(), fields)

    def _remember(self, received: bytes, scope: Scope, profile: HeaderProfile, body_bytes: int) -> None:
        end = _end_of_head(received)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if len(received) == end + body_bytes and declared == b"%d" % body_bytes:
            self._heads.put(received[:end], KnownHead(profile, body_bytes), end + HEAD_BYTES)

    def _respond(self, profile: HeaderProfile, body: bytes, request_id: str, fields: Headers) -> bytes | None:
        if self._stopping.is_set() or tracing.is_on() or not self._loop_budget.has_time:
            return None
        start = perf_counter(), thread_time()
        try:
            return self._response(profile, body, RequestContext(request_id, profile.head), fields, start)
        except (CacheMiss, HTTPError):
            return None
        except Exception:
            log.debug("the fast path failed", exc_info=True)  # a fault shows, and is logged, on the ASGI path again
            return None
        finally:
            self._loop_budget.spend(self._seconds_since(start))

    def _seconds_since(self, start: tuple[float, float]) -> float:
        """Seconds of CPU time or, if they are few, of the clock, which is read in a quarter of the time."""
        seconds = perf_counter() - start[0]
        return seconds if seconds <= self.max_seconds else thread_time() - start[1]

    def _response(
        self, profile: HeaderProfile, body: bytes, record: RequestContext, fields: Headers, start: tuple[float, float]
    ) -> bytes | None:
        principal = None if self._policy is None else self._policy.authenticate(profile.credentials, record)
        request = self._request(profile, body)
        count = self._admit(principal, request.executable.cost) if request is not None else None
        if count is None or request is None:
            return None
        record.document_fields = {"document": request.query, "variables": request.operation.variables}
        result = self._endpoint.engine.execute_cached(request.executable, profile.languages, record)
        response = None if result is None else self._encode(profile, request, result, record)
        if response is None or self._seconds_since(start) > self.max_seconds:
            request.skip_count = SKIP_AFTER_MISS
        if response is None:
            return None
        # From here on nothing fails: the response is sent, logged and counted.
        self._endpoint.documents.store_executed(request.operation, request.query)
        self._operation_log.log_operation(record, "ok", perf_counter() - start[0], response.status)
        return response.encoded(record.request_id, fields, count())

    def _admit(self, principal: Principal | None, cost: int) -> Callable[[], Headers] | None:
        """Returns what counts the request and makes its RateLimit fields; None if the ASGI path has to decide."""
        policy = self._policy
        if policy is None or principal is None:
            return tuple
        return (
            (lambda: _fields(policy.count_local(principal, cost)))
            if policy.has_capacity_local(principal, cost)
            else None
        )

    def _request(self, profile: HeaderProfile, body: bytes) -> ParsedRequest | None:
        query_string = profile.query_string
        request = self._requests.get(body) if query_string is None else self._requests.get_by_url(query_string)
        if request is not None and request.skip_count:
            request.skip_count -= 1
            return None
        return request

    def _encode(
        self, profile: HeaderProfile, request: ParsedRequest, result: Executed | CachedResponse, record: RequestContext
    ) -> "_Response | None":
        """Returns the response; None if it has to be compressed in a thread."""
        body, tag = encode_body(result, record, explain=False), ""
        moves, is_long = request.introspects or record.fetch_context.depends_on_current, len(body) >= GZIP_MIN_BYTES
        content, form = body, _unchanged
        if profile.query_string is not None:
            tag = result.tag if isinstance(result, CachedResponse) else entity_tag(body)
        if tag and names_tag(text_in(profile.head, b"if-none-match"), tag):
            content, form = b"", not_modified
        elif len(body) >= profile.gzip_from:
            compressed = _gzipped(result, body)
            if compressed is None:
                return None
            content, form = compressed, gzip_response
        head = profile.response_heads.get((moves, is_long, form))
        if head is None:
            encoded = self._endpoint.encode(result, request.query, record, profile.media_type)
            reply = form(build_response(encoded, record))
            head = reply.status, self._response_heads.of(reply, profile.head)
            profile.response_heads[moves, is_long, form] = head
        return _Response(*head, tag, content)


def _gzipped(result: Executed | CachedResponse, body: bytes) -> bytes | None:
    if isinstance(result, CachedResponse) and result.gzipped is not None:
        return result.gzipped
    return None if len(body) > MAX_COMPRESSED_BYTES else compress(body, GZIP_LEVEL, mtime=0)


class _Response(NamedTuple):
    """A response without the fields that differ in each."""

    status: int
    head: bytes
    tag: str
    content: bytes

    def encoded(self, request_id: str, *more: Headers) -> bytes:
        """All of it, with more header fields."""
        pieces = [self.head, *[b"%b: %b\r\n" % field for fields in more for field in fields]]
        if self.tag:
            pieces.append(b"etag: %b\r\n" % self.tag.encode())
        if self.status != NOT_MODIFIED:
            pieces.append(b"content-length: %d\r\n" % len(self.content))
        pieces += (b"x-request-id: %b\r\n\r\n" % request_id.encode(), self.content)
        return b"".join(pieces)


def _unchanged(reply: Reply) -> Reply:
    return reply


def _end_of_head(request: bytes) -> int:
    return request.find(b"\r\n\r\n") + 4


def _fields(headers: Mapping[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
