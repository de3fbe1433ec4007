"""Encodes responses of the fast path: the same bytes that the ASGI path sends."""

from collections.abc import Iterable
from gzip import compress
from typing import NamedTuple

from graphql_api.execution.operations import Executed
from graphql_api.execution.response_cache import MAX_COMPRESSED_BYTES, CachedResponse, entity_tag
from graphql_api.http.content_negotiation import GZIP_MIN_BYTES
from graphql_api.http.graphql import Endpoint
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
from graphql_api.observability.request_context import RequestContext, text_in
from graphql_api.server.fast_path.header_profile import HeaderProfile
from graphql_api.server.fast_path.request_cache import ParsedRequest
from graphql_api.server.fast_path.response_heads import ResponseHeads


class SharedResponse(NamedTuple):
    """A response without the header fields that differ each time."""

    profile_number: int
    status: int
    head: bytes
    """Status line and header fields that responses to this profile share."""
    more: bytes
    """Header fields that depend on the content."""
    content: bytes

    def with_fields(self, fields: bytes, request_id: str) -> bytes:
        """All of it, with more encoded header fields."""
        own = b"x-request-id: ", request_id.encode(), b"\r\n\r\n"
        return b"".join((self.head, fields, self.more, *own, self.content))


class ResponseEncoder:
    """Encodes responses. A cached response remembers how it was encoded for the last profile."""

    def __init__(self, endpoint: Endpoint, response_heads: ResponseHeads) -> None:
        self._endpoint = endpoint
        self._response_heads = response_heads

    def encode(
        self, profile: HeaderProfile, request: ParsedRequest, result: Executed | CachedResponse, record: RequestContext
    ) -> SharedResponse | None:
        """Returns the response; None if it has to be compressed in a thread."""
        if isinstance(result, Executed):
            return self._encode(profile, request, result, record)
        encoded = result.encoded
        if isinstance(encoded, SharedResponse) and encoded.profile_number == profile.number:
            return encoded
        result.encoded = encoded = self._encode(profile, request, result, record)
        return encoded

    def _encode(
        self, profile: HeaderProfile, request: ParsedRequest, result: Executed | CachedResponse, record: RequestContext
    ) -> SharedResponse | None:
        body, more = encode_body(result, record, explain=False), b""
        moves, is_long = request.introspects or record.fetch_context.depends_on_current, len(body) >= GZIP_MIN_BYTES
        content, form = body, _unchanged
        tag = "" if profile.query_string is None else _tag(result, body)
        if tag:
            more = b"etag: %b\r\n" % tag.encode()
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
        if head[0] != NOT_MODIFIED:
            more += b"content-length: %d\r\n" % len(content)
        return SharedResponse(profile.number, *head, more, content)


def encode_fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header fields as sent."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def _tag(result: Executed | CachedResponse, body: bytes) -> str:
    return result.tag if isinstance(result, CachedResponse) else entity_tag(body)


def _gzipped(result: Executed | CachedResponse, body: bytes) -> bytes | None:
    if isinstance(result, CachedResponse) and result.gzipped is not None:
        return result.gzipped
    return None if len(body) > MAX_COMPRESSED_BYTES else compress(body, GZIP_LEVEL, mtime=0)


def _unchanged(reply: Reply) -> Reply:
    return reply
