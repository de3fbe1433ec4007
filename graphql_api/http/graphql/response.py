"""Builds GraphQL responses: media type, status, headers and body, in JSON with the request id.

The only place that assembles response `extensions` and records error codes for logs and metrics.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple, assert_never

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.execution.error_formatting import ErrorDict
from graphql_api.execution.operations import Executed, Refused, Result
from graphql_api.execution.response_cache import CachedResponse, entity_tag
from graphql_api.http.content_negotiation import GZIP_MIN_BYTES, preferred
from graphql_api.http.graphql.cache_control import VARY
from graphql_api.http.graphql.errors import BadRequest, HTTPError, InternalError
from graphql_api.http.header_fields import names_tag
from graphql_api.observability.metrics import ERRORS
from graphql_api.observability.request_context import Head, RequestContext, record_of, text_in

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"

_OFFERED = (JSON, RESPONSE_JSON)
"""Plain JSON first: clients that name neither may not know the newer type."""


def negotiate(accept: str) -> str:
    """The media type that an `Accept` header prefers; raises HTTPError (406) if it accepts neither."""
    media_type = preferred(accept, _OFFERED)
    if media_type is None:
        raise HTTPError(406, f"Not acceptable: this endpoint responds with {RESPONSE_JSON} or {JSON}.")
    return media_type


PARTIAL = 294
"""Partial Success: data and errors."""


class StatusPolicy:
    """As the audits of `graphql-http` require: in `application/json`, 200 for every well-formed GraphQL request."""

    def for_result(self, media_type: str, record: RequestContext) -> tuple[int, str]:
        """Status and media type of the response to an operation, from its recorded outcome."""
        return (400 if media_type == RESPONSE_JSON and not record.executed else 200), media_type

    def for_error(self, media_type: str, refusal: HTTPError) -> tuple[int, str]:
        """Status and media type of the response to a request that cannot be executed."""
        return refusal.status, media_type


class StatusPolicy2026(StatusPolicy):
    """As the September 2026 edition recommends; 4xx and 5xx use the newer type, even if the client accepts only JSON.

    Source: https://http-spec.graphql.org/September2026/, sections "Body" and "Status Codes". The edition does not define
    the status for an unknown persisted document; it is 422 here.
    """

    def for_result(self, media_type: str, record: RequestContext) -> tuple[int, str]:
        if record.executed:
            return (PARTIAL if record.error_codes and media_type == RESPONSE_JSON else 200), media_type
        return (400 if record.error_codes[:1] == ["GRAPHQL_PARSE_FAILED"] else 422), RESPONSE_JSON

    def for_error(self, media_type: str, refusal: HTTPError) -> tuple[int, str]:
        status = 422 if isinstance(refusal, BadRequest) or refusal.status == 200 else refusal.status
        return status, (JSON if status == 406 else RESPONSE_JSON)


STATUSES = {"audits": StatusPolicy(), "2026": StatusPolicy2026()}
"""Policies by value of the setting."""


log = logging.getLogger(__name__)


_CONTENT_TYPES = {media_type: f"{media_type}; charset=utf-8".encode() for media_type in (JSON, RESPONSE_JSON)}
_VARY = VARY.encode()
_VARY_COMPRESSED = _VARY + b", Accept-Encoding"
NOT_MODIFIED = 304
NOT_FOUND = "Not found. The page at / lists all addresses of this server."
_ADVICE = {404: NOT_FOUND, 405: "Use GET."}
"""Messages by status that say what to do; Starlette's say only what is wrong."""


class Reply:
    """A response as an ASGI app: status, encoded header fields and body.

    Faster than Starlette's Response, which would encode and scan the header fields of every response again.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def encode_body(result: Result, record: RequestContext, explain: bool) -> bytes:
    """The encoded body of a response; `explain` adds its cost and upstream counts. Records the outcome in `record`."""
    record.executed, record.error_codes = not isinstance(result, Refused), []
    if not isinstance(result, CachedResponse):
        add_request_id(result.errors, record)
    if not explain and not record.fetch_context.stats.stale:
        match result:  # the usual cases: neither errors nor extensions
            case CachedResponse(body=body):
                return body
            case Executed(data, []):
                return orjson.dumps({"data": data})
    return orjson.dumps(body_of(result, record, explain))


class EncodedResponse(NamedTuple):
    """An encoded response: body, status, media type, `Cache-Control`, and the response cache entry it came from, if any."""

    body: bytes
    status: int
    media_type: str
    cache_control: str
    cache_entry: CachedResponse | None

    @property
    def tag(self) -> str:
        """The entity tag of the body."""
        return entity_tag(self.body) if self.cache_entry is None else self.cache_entry.tag

    def is_current_for(self, head: Head) -> bool:
        """Whether `If-None-Match` in these request headers contains the tag."""
        return names_tag(text_in(head, b"if-none-match"), self.tag)


def build_response(encoded: EncodedResponse, record: RequestContext) -> Reply:
    """Build the ASGI response."""
    headers = [
        (b"content-length", str(len(encoded.body)).encode()),
        (b"content-type", _CONTENT_TYPES[encoded.media_type]),
        (b"x-request-id", record.request_id.encode()),
        (b"vary", _VARY),
        (b"cache-control", encoded.cache_control.encode()),
    ]
    return Reply(encoded.status, headers, encoded.body)


def not_modified(reply: Reply) -> Reply:
    """The 304 response for a client whose copy is current: same headers except `Content-*`, no body."""
    headers = [field for field in reply.headers if not field[0].startswith(b"content-")]
    return Reply(NOT_MODIFIED, headers if len(reply.body) < GZIP_MIN_BYTES else _vary_by_encoding(headers), b"")


def gzip_response(reply: Reply, gzipped: bytes = b"") -> Reply:
    """The response with the cached gzip body in place of its own."""
    headers = _vary_by_encoding([field for field in reply.headers if field[0] != b"content-length"])
    headers += ((b"content-length", str(len(gzipped)).encode()), (b"content-encoding", b"gzip"))
    return Reply(reply.status, headers, gzipped)


def _vary_by_encoding(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Add `Accept-Encoding` to `Vary`, as the compression middleware does for long responses."""
    return [(name, _VARY_COMPRESSED if name == b"vary" else value) for name, value in headers]


def body_of(result: Result, record: RequestContext, explain: bool) -> dict[str, object]:
    """The response body before encoding; `errors` come first, so that they are not overlooked."""
    body: dict[str, object]
    match result:
        case Refused(errors=errors):
            body = {"errors": errors}
        case Executed(data, errors):
            body = {"errors": errors, "data": data} if errors else {"data": data}
        case CachedResponse():
            body = {"data": orjson.Fragment(result.data)}
        case _:
            assert_never(result)
    if extensions := _extensions(record, explain):
        body["extensions"] = extensions
    return body


def _extensions(record: RequestContext, explain: bool) -> dict[str, object]:
    tally = record.fetch_context.stats
    encoded: dict[str, object] = {}
    if explain or tally.stale:
        encoded["upstream"] = tally.as_dict
    if explain and record.cost is not None:
        encoded["cost"] = {
            "requested": record.cost,
            "actual": record.cost_actual,
            "allowed": record.cost_allowed,
            "fields": record.cost_fields,
        }
    return encoded


def error_response(refusal: HTTPError, media_type: str, record: RequestContext, status: int | None = None) -> Response:
    """The response to a request that cannot be executed; `status` overrides the error's own."""
    record.error_codes = []
    errors = [refusal.as_dict]
    add_request_id(errors, record)
    headers = headers_of(record) | refusal.headers
    body = orjson.dumps({"errors": errors})
    return Response(body, status or refusal.status, headers, media_type=f"{media_type}; charset=utf-8")


async def http_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for HTTP errors such as 404 and 405: responds in JSON."""
    assert isinstance(error, HTTPException)
    refusal = HTTPError(error.status_code, _ADVICE.get(error.status_code, error.detail))
    refusal.headers |= dict(error.headers or {})
    return error_response(refusal, JSON, record_of(request.scope))


async def internal_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for unexpected errors: logs the traceback and responds 500 without details."""
    record = record_of(request.scope)
    log.error("unexpected error in request %s", record.request_id, exc_info=error)
    return error_response(InternalError(), JSON, record)


def add_request_id(errors: Iterable[ErrorDict], record: RequestContext) -> None:
    """Add the request id to errors, record their codes in `record` and count them in the metrics."""
    for error in errors:
        error["extensions"]["requestId"] = record.request_id
        record.error_codes.append(error["extensions"]["code"])
        ERRORS.labels(error["extensions"]["code"]).inc()


def headers_of(record: RequestContext) -> dict[str, str]:
    """The headers of every response; `no-store` until a caller sets another `Cache-Control`."""
    return {"X-Request-ID": record.request_id, "Vary": VARY, "Cache-Control": "no-store"}
