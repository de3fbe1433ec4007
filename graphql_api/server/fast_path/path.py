"""The path itself: from a request to its answer in one go, or nothing."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from gzip import compress
from time import perf_counter
from typing import NamedTuple, Protocol

from starlette.types import Scope

from graphql_api.caching import LRUCache
from graphql_api.execution.compiled.response_cache import MAX_COMPRESSED_BYTES
from graphql_api.http.admission import LoopBudget
from graphql_api.http.auth import AccessPolicy
from graphql_api.http.content_negotiation import GZIP_MIN_BYTES
from graphql_api.http.graphql import Endpoint, HTTPError
from graphql_api.http.graphql.cache_control import NO_STORE
from graphql_api.http.graphql.request_cache import ParsedRequest, RequestCache
from graphql_api.http.graphql.response import (
    NOT_MODIFIED,
    EncodedResponse,
    Reply,
    build_response,
    gzip_response,
    not_modified,
)
from graphql_api.http.middleware import GZIP_LEVEL
from graphql_api.observability import tracing
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, new_id, request_id_of
from graphql_api.schema.cached_loaders import CacheMiss, CacheOnlyLoaders
from graphql_api.schema.dependencies import Dependencies
from graphql_api.server.fast_path.client import Client, Clients
from graphql_api.server.fast_path.heads import Heads
from graphql_api.server.response_cycle import Headers
from graphql_api.store import Store

log = logging.getLogger(__name__)

QUICK = 0.001
"""Seconds within which an answer is over immediately."""
PUT_OFF = 64
"""Times that a question is not tried which was not answered immediately: it stands in line with all that may take long."""
HEADS_BYTES = 4_000_000
"""Most bytes of heads of requests that are known as they came."""
HEAD_BYTES = 300
"""What one takes beside its text."""


class Caches(Protocol):
    """What the fast path reads: memory alone."""

    @property
    def store(self) -> Store:
        """Documents."""

    def cache_only_loaders(self, asker: FetchContext) -> CacheOnlyLoaders:
        """Loaders that fetch nothing."""

    def used_again(self, reads: Sequence[Dependencies], asker: FetchContext) -> None:
        """Count what a cached response was made of as used."""


class FastPath:
    """Answers requests to the endpoint that need nothing but what is at hand."""

    def __init__(
        self,
        endpoint: Endpoint,
        caches: Caches,
        decide: AccessPolicy | None,
        passes: LoopBudget,
        outcomes: OperationLog,
        stopping: asyncio.Event,
        heads: Heads,
        root_path: str = "",
    ) -> None:
        self._endpoint = endpoint
        self._caches = caches
        self._decide = decide
        self._passes = passes
        self._outcomes = outcomes
        self._stopping = stopping
        self._heads = heads
        self.quick = QUICK
        """Seconds within which an answer is over immediately: a question that takes longer stands in line for a while."""
        self._questions = RequestCache(endpoint.schema, endpoint.documents)
        self._clients = Clients(root_path)
        self._came: LRUCache[bytes, tuple[Client, int]] = LRUCache(HEADS_BYTES)

    def answer(self, request: bytes, fields: Headers) -> bytes | None:
        """The answer to a request whose head came like this before; None where it is to be read, nothing where it cannot be
        answered now.

        `request` is what came in one piece where a request begins, `fields` are header fields of the server's.
        """
        end = _end_of_head(request)
        known = self._came.get(request[:end])
        if known is None or len(request) != end + known[1]:
            return None
        return self._tried(known[0], request[end:], new_id(), fields) or b""

    def answer_read(self, scope: Scope, body: bytes, came: bytes | None, fields: Headers) -> bytes | None:
        """The answer to a request that was read; `came` is all of it where it came in one piece."""
        client = self._clients.of(scope)
        if client is None or len(body) > (self._endpoint.max_body_bytes if client.query_string is None else 0):
            return None
        request_id = request_id_of(scope)
        if came is not None and request_id is None:
            self._remember(came, scope, client, len(body))
        return self._tried(client, body, request_id or new_id(), fields)

    def _remember(self, came: bytes, scope: Scope, client: Client, length: int) -> None:
        end = _end_of_head(came)
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if len(came) == end + length and told == b"%d" % length:
            self._came.put(came[:end], (client, length), end + HEAD_BYTES)

    def _tried(self, client: Client, body: bytes, request_id: str, fields: Headers) -> bytes | None:
        if self._stopping.is_set() or tracing.is_on() or not self._passes.has_time:
            return None
        begun = perf_counter()
        try:
            return self._answer(client, body, request_id, fields, begun)
        except (CacheMiss, HTTPError):
            return None
        except Exception:
            log.debug("the fast path failed", exc_info=True)  # what is wrong is met again, and told
            return None
        finally:
            self._passes.spend(perf_counter() - begun)

    def _answer(self, client: Client, body: bytes, request_id: str, fields: Headers, begun: float) -> bytes | None:
        record = RequestContext(request_id, client.head)
        count = self._let_in(client, record)
        question = self._question(client, body) if count is not None else None
        if count is None or question is None:
            return None
        record.document_fields = {"document": question.query, "variables": question.operation.variables}
        answer = self._again(client, question, record) or self._anew(client, question, record)
        if answer is None:
            question.skip_count = PUT_OFF
            return None
        # From here on nothing goes wrong: it is answered, and counts.
        self._endpoint.on_cached_response(question)
        seconds = perf_counter() - begun
        if seconds > self.quick:
            question.skip_count = PUT_OFF
        self._outcomes.log_operation(record, "ok", seconds, answer.status)
        return answer.whole(fields, count())

    def _again(self, client: Client, question: ParsedRequest, record: RequestContext) -> "_Written | None":
        """The answer if nothing has to be made for it."""
        chosen, schema = question.executable, self._endpoint.schema
        cached = schema.cached_response(chosen, client.languages, self._caches.store.now())
        if cached is None:
            return None
        schema.note(chosen.operation, chosen.cost, record)
        record.fetch_context.depends_on_current |= cached.read.moving
        key = question.introspects or record.fetch_context.depends_on_current, len(cached.body) >= GZIP_MIN_BYTES
        plain = client.plain.get(key)
        if plain is not None:
            answer = _Written(*plain, record.request_id, "", cached.body)
        else:
            answer = self._written(
                client, self._endpoint.respond_from_cache(cached, question, record, client.media_type), record
            )
            if answer.body is cached.body and not answer.tag:
                client.plain[key] = answer.status, answer.head
        self._caches.used_again((cached.read,), record.fetch_context)
        return answer

    def _anew(self, client: Client, question: ParsedRequest, record: RequestContext) -> "_Written | None":
        loaders = self._caches.cache_only_loaders(record.fetch_context)
        told = self._endpoint.respond_cached(question, record, client.media_type, client.languages, loaders)
        if told is None:
            return None
        answer = self._written(client, told, record)
        loaders.close()
        return answer

    def _let_in(self, client: Client, record: RequestContext) -> Callable[[], Headers] | None:
        """What counts the request and tells how many are left; None where it may not be answered, or is not counted here."""
        if (decide := self._decide) is None:
            return tuple
        caller = decide.authenticate(client.shown, record)
        return (lambda: _fields(decide.count_local(caller))) if decide.has_capacity_local(caller) else None

    def _question(self, client: Client, body: bytes) -> ParsedRequest | None:
        by_get = client.query_string
        question = self._questions.get(body) if by_get is None else self._questions.get_by_url(by_get)
        if question is not None and question.skip_count:
            question.skip_count -= 1
            return None
        return question

    def _written(self, client: Client, told: EncodedResponse, record: RequestContext) -> "_Written":
        form, body, tag = self._form(client, told)
        key = told.status, told.media_type, told.cache_control, len(told.body) >= GZIP_MIN_BYTES, form
        found = client.heads.get(key)
        if found is None:
            reply = form(build_response(told, record))
            found = client.heads[key] = reply.status, self._heads.of(reply, client.head)
        return _Written(*found, record.request_id, tag, body)

    def _form(self, client: Client, told: EncodedResponse) -> tuple[Callable[[Reply], Reply], bytes, str]:
        """How it is told, the body for that, and its tag if it has one."""
        tag = told.tag if client.query_string is not None and told.cache_control != NO_STORE else ""
        if tag and told.is_current_for(client.head):
            return not_modified, b"", tag
        if len(told.body) >= client.gzip_from:
            return gzip_response, _gzipped(told), tag
        return _as_it_is, told.body, tag


def _gzipped(told: EncodedResponse) -> bytes:
    if told.cache_entry is not None and told.cache_entry.gzipped is not None:
        return told.cache_entry.gzipped
    if len(told.body) > MAX_COMPRESSED_BYTES:
        raise CacheMiss  # it is done in a thread
    return compress(told.body, GZIP_LEVEL, mtime=0)


class _Written(NamedTuple):
    """An answer, all but the fields of the server's."""

    status: int
    head: bytes
    request_id: str
    tag: str
    body: bytes

    def whole(self, *more: Headers) -> bytes:
        """All of it, with more header fields."""
        pieces = [self.head, *[b"%b: %b\r\n" % each for fields in more for each in fields]]
        if self.tag:
            pieces.append(b"etag: %b\r\n" % self.tag.encode())
        if self.status != NOT_MODIFIED:
            pieces.append(b"content-length: %d\r\n" % len(self.body))
        pieces += (b"x-request-id: %b\r\n\r\n" % self.request_id.encode(), self.body)
        return b"".join(pieces)


def _as_it_is(reply: Reply) -> Reply:
    return reply


def _end_of_head(request: bytes) -> int:
    return request.find(b"\r\n\r\n") + 4


def _fields(headers: Mapping[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
