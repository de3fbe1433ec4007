"""What goes back to the client: body, status and headers, all JSON and all with the id of the request.

The one place where `extensions` of an answer are put together, and where codes are written down for those who log.
"""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.execution.engine import Answer
from graphql_api.execution.plan import KeptAnswer, tag_of
from graphql_api.http.content_negotiation import GZIP_FROM
from graphql_api.http.graphql.cache_control import VARY
from graphql_api.http.graphql.errors import HTTPError, InternalError
from graphql_api.http.graphql.response_type import JSON, RESPONSE_JSON
from graphql_api.http.header_fields import names_tag
from graphql_api.observability.metrics import ERRORS
from graphql_api.observability.request_context import Head, RequestContext, record_of, text_in

log = logging.getLogger(__name__)


_CONTENT = {each: f"{each}; charset=utf-8".encode() for each in (JSON, RESPONSE_JSON)}
_VARY = VARY.encode()
_VARY_LONG = _VARY + b", Accept-Encoding"
NOT_MODIFIED = 304
_ADVICE = {404: "Not found. The page at / lists all addresses of this server.", 405: "Use GET."}
"""What to do where Starlette says only what is wrong."""


class Reply:
    """An answer as it is sent: its status, its header fields as ASGI has them, and its body. It is an ASGI app.

    Nearly all answers are this, and Starlette's Response would encode and look through the fields of each again.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def encoded(answer: Answer, record: RequestContext, explain: bool) -> bytes:
    """The body of the answer to an operation, signed; `explain` adds what it cost. What came of it goes into the record."""
    record.executed, record.codes = answer.executed, []
    if answer.body is not None and not explain and not record.asker.tally.stale:
        return answer.body
    sign(answer.errors, record)
    return orjson.dumps(body_of(answer, record, explain))


class EncodedResponse(NamedTuple):
    """The answer to an operation: what it is told by, for how long it may be kept, and the whole of it where that was kept."""

    body: bytes
    status: int
    media_type: str
    control: str
    kept: KeptAnswer | None

    @property
    def tag(self) -> str:
        """What tells it from others."""
        return tag_of(self.body) if self.kept is None else self.kept.tag

    def is_held_by(self, head: Head) -> bool:
        """Whether who sent these header fields holds it already."""
        return names_tag(text_in(head, b"if-none-match"), self.tag)


def replied(told: EncodedResponse, record: RequestContext) -> Reply:
    """The same as it is sent."""
    headers = [
        (b"content-length", str(len(told.body)).encode()),
        (b"content-type", _CONTENT[told.media_type]),
        (b"x-request-id", record.request_id.encode()),
        (b"vary", _VARY),
        (b"cache-control", told.control.encode()),
    ]
    return Reply(told.status, headers, told.body)


def unchanged(reply: Reply) -> Reply:
    """The same where the client holds it already: without a body, and with what goes for the one that it holds."""
    headers = [each for each in reply.headers if not each[0].startswith(b"content-")]
    return Reply(NOT_MODIFIED, headers if len(reply.body) < GZIP_FROM else _varied(headers), b"")


def compressed(reply: Reply, gzipped: bytes = b"") -> Reply:
    """The same with its body compressed, as it was kept."""
    headers = _varied([each for each in reply.headers if each[0] != b"content-length"])
    headers += ((b"content-length", str(len(gzipped)).encode()), (b"content-encoding", b"gzip"))
    return Reply(reply.status, headers, gzipped)


def _varied(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With what the layer that compresses says of long answers, for those that it passes as they are."""
    return [(name, _VARY_LONG if name == b"vary" else value) for name, value in headers]


def body_of(answer: Answer, record: RequestContext, explain: bool) -> dict[str, Any]:
    """The body of an answer: `errors` first, so that nobody misses them."""
    body: dict[str, Any] = {"errors": answer.errors} if answer.errors else {}
    if answer.executed:
        body["data"] = answer.data if answer.body is None else orjson.Fragment(answer.body[len(b'{"data":') : -1])
    if extensions := _extensions(record, explain):
        body["extensions"] = extensions
    return body


def _extensions(record: RequestContext, explain: bool) -> dict[str, Any]:
    tally = record.asker.tally
    told: dict[str, Any] = {}
    if explain or tally.stale:
        told["upstream"] = tally.as_dict
    if explain and record.cost is not None:
        told["cost"] = {"requested": record.cost, "allowed": record.cost_allowed}
    return told


def refused(refusal: HTTPError, media_type: str, record: RequestContext, status: int | None = None) -> Response:
    """The answer to a request that no operation can be run for; `status` is that of the refusal where none is given."""
    record.codes = []
    errors = [refusal.as_dict]
    sign(errors, record)
    headers = headers_of(record) | refusal.headers
    body = orjson.dumps({"errors": errors})
    return Response(body, status or refusal.status, headers, media_type=f"{media_type}; charset=utf-8")


async def http_error(request: Request, error: Exception) -> Response:
    """Any other refusal of this server (no such page, wrong method) as JSON."""
    assert isinstance(error, HTTPException)
    refusal = HTTPError(error.status_code, _ADVICE.get(error.status_code, error.detail))
    refusal.headers |= dict(error.headers or {})
    return refused(refusal, JSON, record_of(request.scope))


async def unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: logged with its trace, told without."""
    record = record_of(request.scope)
    log.error("unexpected error in request %s", record.request_id, exc_info=error)
    return refused(InternalError(), JSON, record)


def sign(errors: Iterable[dict[str, Any]], record: RequestContext) -> None:
    """Put the id of the request into errors, and their codes into its record; they are told to a client, and so counted."""
    for error in errors:
        error["extensions"]["requestId"] = record.request_id
        record.codes.append(error["extensions"]["code"])
        ERRORS.labels(error["extensions"]["code"]).inc()


def headers_of(record: RequestContext) -> dict[str, str]:
    """Of every answer; how long it may be kept is said where more is known of it."""
    return {"X-Request-ID": record.request_id, "Vary": VARY, "Cache-Control": "no-store"}
