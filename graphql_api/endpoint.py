"""GraphQL over HTTP: one operation in, one JSON answer out, with the status that the answer's type asks for.

Every refusal is JSON with a code; the documents that an operation reads are loaded by loaders of this request alone.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graphql_api.loaders import Loaders
from graphql_api.schema import Answer, CompetentSchema
from graphql_api.types.text import Language, accepted

log = logging.getLogger(__name__)

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers see of the request."""

    loaders: Loaders
    languages: tuple[Language, ...]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """A request for one operation, as GraphQL over HTTP names its parts."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


class Refused(Exception):
    """A request that no operation can be run for."""

    def __init__(self, status: int, message: str, code: str = "BAD_REQUEST", **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class Endpoint:
    """Answers GET and POST on `/graphql`."""

    def __init__(self, schema: CompetentSchema, make_loaders: Callable[[], Loaders], max_body_bytes: int) -> None:
        self._schema = schema
        self._make_loaders = make_loaders
        self._max_body_bytes = max_body_bytes

    async def respond(self, request: Request) -> Response:
        """The answer to a request, whatever comes in."""
        request_id = _request_id(request)
        media_type = JSON
        try:
            media_type = negotiate(request.headers.get("accept", "*/*"))
            answer = await self._answer(await self._operation(request), request, request_id)
        except Refused as refused:
            error = {"message": str(refused), "extensions": {"code": refused.code}}
            return _json({"errors": [error]}, refused.status, media_type, request_id, refused.headers)
        status = 400 if media_type == RESPONSE_JSON and not answer.executed else 200
        return _json(_body(answer), status, media_type, request_id)

    async def _answer(self, operation: Operation, request: Request, request_id: str) -> Answer:
        languages = accepted(request.headers.get("accept-language", ""))
        context = Context(self._make_loaders(), languages, request_id)
        return await self._schema.answer(operation.query, operation.variables, operation.operation_name, context)

    async def _operation(self, request: Request) -> Operation:
        if request.method in ("GET", "HEAD"):
            return from_parameters(request.query_params)
        if request.method != "POST":
            raise Refused(405, "Use POST, or GET for a query.", allow="GET, POST")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Refused(415, "Send the operation as JSON with `Content-Type: application/json`.")
        return from_object(_parsed(await self._read(request), "The body"))

    async def _read(self, request: Request) -> bytes:
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._max_body_bytes:
                    raise Refused(413, f"The body has more than {self._max_body_bytes} bytes.")
        except ClientDisconnect:
            raise Refused(400, "The body ended early.") from None  # nobody is there to read this
        return bytes(body)


def from_object(body: Any) -> Operation:
    """The operation in a body of GraphQL over HTTP."""
    if isinstance(body, list):
        raise Refused(400, "Send one operation at a time: batches in an array are not supported.")
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object with `query`.")
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise Refused(400, "`query` must be a GraphQL document.")
    if not isinstance(variables, dict | None):
        raise Refused(400, "`variables` must be an object.")
    if not isinstance(name, str | None):
        raise Refused(400, "`operationName` must be a string.")
    if not isinstance(body.get("extensions"), dict | None):
        raise Refused(400, "`extensions` must be an object.")
    return Operation(query, variables, name or None)


def from_parameters(parameters: Mapping[str, str]) -> Operation:
    """The operation in the query string of a GET."""
    objects = {
        name: _parsed(text.encode(), f"`{name}`")
        for name in ("variables", "extensions")
        if (text := parameters.get(name, ""))
    }
    named = {"query": parameters.get("query"), "operationName": parameters.get("operationName")}
    return from_object(named | objects)


def _parsed(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused(400, f"{what} is not JSON.") from None


def negotiate(accept: str) -> str:
    """The type of the answer: of the two that there are, the one that the client prefers."""
    best, chosen = 0.0, ""
    for part in accept.split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((_quality(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        offered = _OFFERS.get(media_range)
        if offered and quality > best:
            best, chosen = quality, offered
    if not chosen:
        raise Refused(406, f"This endpoint answers in {RESPONSE_JSON} and {JSON}.")
    return chosen


_OFFERS = {RESPONSE_JSON: RESPONSE_JSON, JSON: JSON, "application/*": JSON, "*/*": JSON}


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _request_id(request: Request) -> str:
    told = request.headers.get("x-request-id", "")
    return told if _REQUEST_ID.fullmatch(told) else uuid4().hex


def _body(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = {"data": answer.data} if answer.executed else {}
    return {"errors": answer.errors} | body if answer.errors else body


def _json(
    body: dict[str, Any], status: int, media_type: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    for error in body.get("errors", ()):
        error["extensions"]["requestId"] = request_id
    told = {"X-Request-ID": request_id, "X-Content-Type-Options": "nosniff", "Vary": "Accept, Accept-Language"}
    return Response(orjson.dumps(body), status, told | dict(headers or {}), media_type=f"{media_type}; charset=utf-8")


async def http_error(request: Request, error: Exception) -> Response:
    """Any other refusal of this server (no such page, wrong method) as JSON."""
    assert isinstance(error, HTTPException)
    body = {"errors": [{"message": error.detail, "extensions": {"code": "BAD_REQUEST"}}]}
    return _json(body, error.status_code, JSON, _request_id(request), error.headers)


async def unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: logged with its trace, told without."""
    request_id = _request_id(request)
    log.error("unexpected error in request %s", request_id, exc_info=error)
    body = {"errors": [{"message": "Something went wrong here.", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}
    return _json(body, 500, JSON, request_id)
