"""The fast path itself: from a complete request to its response in one call, or not at all."""

import asyncio
import logging
from time import perf_counter, thread_time
from typing import NamedTuple

from starlette.types import Scope

from graphql_api.caching import LRUCache
from graphql_api.http.admission import LoopBudget
from graphql_api.http.auth import AccessPolicy
from graphql_api.http.auth.authenticators import Principal
from graphql_api.http.graphql import Endpoint, HTTPError
from graphql_api.observability import tracing
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, new_id, request_id_of
from graphql_api.schema.cached_loaders import CacheMiss
from graphql_api.server.fast_path.header_profile import HeaderProfile, HeaderProfiles
from graphql_api.server.fast_path.request_cache import ParsedRequest, RequestCache
from graphql_api.server.fast_path.response_encoder import ResponseEncoder, encode_fields
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
        self._encoder = ResponseEncoder(endpoint, response_heads)
        self._server_fields: tuple[Headers, bytes] = (), b""
        """The server's default header fields, and how they are sent; they change once per second."""
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
        start = perf_counter()
        try:
            return self._response(profile, body, RequestContext(request_id, profile.head), fields, start)
        except (CacheMiss, HTTPError):
            return None
        except Exception:
            log.debug("the fast path failed", exc_info=True)  # a fault shows, and is logged, on the ASGI path again
            return None
        finally:
            self._loop_budget.spend(perf_counter() - start)

    def _response(
        self, profile: HeaderProfile, body: bytes, record: RequestContext, fields: Headers, start: float
    ) -> bytes | None:
        policy = self._policy
        principal = None if policy is None else policy.authenticate(profile.credentials, record)
        request = self._request(profile, body)
        if request is None:
            return None
        cost = request.executable.cost
        if policy is not None and principal is not None and not policy.has_capacity_local(principal, cost):
            return None
        cpu_start = thread_time() if request.took_long else None
        record.document_fields = request.document_fields
        result = self._endpoint.engine.execute_cached(request.executable, profile.languages, record)
        response = None if result is None else self._encoder.encode(profile, request, result, record)
        seconds = perf_counter() - start
        if response is None:
            request.skip_count = SKIP_AFTER_MISS
            return None
        if seconds > self.max_seconds or request.took_long:
            self._note_long(request, seconds, cpu_start)
        # From here on nothing fails: the response is sent, logged and counted.
        self._endpoint.documents.store_executed(request.operation, request.query)
        self._operation_log.log_operation(record, "ok", seconds, response.status)
        return response.with_fields(self._fields(fields, principal, cost), record.request_id)

    def _note_long(self, request: ParsedRequest, seconds: float, cpu_start: float | None) -> None:
        """Skip the fast path if a request that took long by the clock takes as long again, by CPU time.

        Reading the CPU time takes four times as long as reading the clock, so only suspects are measured by it.
        """
        if cpu_start is not None and thread_time() - cpu_start > self.max_seconds:
            request.skip_count = SKIP_AFTER_MISS
        request.took_long = seconds > self.max_seconds

    def _fields(self, fields: Headers, principal: Principal | None, cost: int) -> bytes:
        """The server's header fields, and those of the client's quota, from which the request is counted."""
        if fields is not self._server_fields[0]:
            self._server_fields = fields, encode_fields(fields)
        encoded = self._server_fields[1]
        if self._policy is None or principal is None:
            return encoded
        quota = self._policy.count_local(principal, cost)
        return encoded + encode_fields((name.lower().encode(), value.encode()) for name, value in quota.items())

    def _request(self, profile: HeaderProfile, body: bytes) -> ParsedRequest | None:
        query_string = profile.query_string
        request = self._requests.get(body) if query_string is None else self._requests.get_by_url(query_string)
        if request is not None and request.skip_count:
            request.skip_count -= 1
            return None
        return request


def _end_of_head(request: bytes) -> int:
    return request.find(b"\r\n\r\n") + 4
