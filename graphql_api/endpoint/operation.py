"""The operation in a request: read within bounds from a body or a query string, or refused with a sentence that says why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from graphql_api.endpoint.negotiation import JSON
from graphql_api.endpoint.refusal import Refused


@dataclass(frozen=True, slots=True)
class Operation:
    """A request for one operation, as GraphQL over HTTP names its parts."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] = field(default_factory=dict)


async def operation_of(request: Request, max_body_bytes: int) -> Operation:
    """The operation that a request asks for."""
    if request.method in ("GET", "HEAD"):
        return from_parameters(request.query_params)
    if request.method != "POST":
        raise Refused(405, "Use POST, or GET for a query.", allow="GET, POST")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Refused(415, "Send the operation as JSON with `Content-Type: application/json`.")
    return from_object(_parsed(await _read(request, max_body_bytes), "The body"))


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise Refused(413, f"The body has more than {most} bytes.")
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
    extensions = body.get("extensions")
    if not isinstance(query, str) or not query.strip():
        raise Refused(400, "`query` must be a GraphQL document.")
    if not isinstance(variables, dict | None):
        raise Refused(400, "`variables` must be an object.")
    if not isinstance(name, str | None):
        raise Refused(400, "`operationName` must be a string.")
    if not isinstance(extensions, dict | None):
        raise Refused(400, "`extensions` must be an object.")
    return Operation(query, variables, name or None, extensions or {})


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
