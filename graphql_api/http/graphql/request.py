"""Reads the operation of a request from its body or query string, and its timeout, within limits; errors say what is wrong."""

import math
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import TypeVar

import orjson
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope

from graphql_api.http.graphql.errors import BadRequest, ClientLeft, HTTPError
from graphql_api.http.graphql.response import JSON
from graphql_api.http.header_fields import elements
from graphql_api.observability.request_context import Head, declared_length, record_of, text_in

T = TypeVar("T")

MAX_ID_CHARS = 200
_UTF_8 = ("utf-8", "utf8", "us-ascii")
"""Accepted values of `charset`: names of UTF-8 and its subset ASCII."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """The parameters of a GraphQL-over-HTTP request."""

    query: str | None
    variables: dict[str, object] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    """The id of a persisted document (GraphQL over HTTP, appendix on persisted documents)."""
    sha256: str | None = None
    """`extensions.persistedQuery.sha256Hash`: the SHA-256 of the query in lower-case hexadecimal, or the id of a trusted one."""


async def operation_of(scope: Scope, receive: Receive, max_body_bytes: int) -> OperationRequest:
    """Read the operation of a POST, GET or HEAD request; raises HTTPError if it is invalid, or ClientLeft."""
    method = scope["method"]
    if method == "POST":
        head = record_of(scope).head
        check_encoding(head)
        return from_body(await read_body(head, receive, max_body_bytes))
    if method in ("GET", "HEAD"):
        return from_parameters(QueryParams(scope["query_string"]))
    raise HTTPError(405, "Use POST, or GET for a query.", allow="GET, HEAD, POST")


def check_encoding(head: Head) -> None:
    """Raises HTTPError (415) if the body is not uncompressed JSON in UTF-8."""
    if head.get(b"content-type") != b"application/json":
        _check_type(text_in(head, b"content-type"))
    if any(coding.value != "identity" for coding in elements(text_in(head, b"content-encoding"))):
        raise HTTPError(
            415, "`Content-Encoding` is not supported; send the body uncompressed.", accept_encoding="identity"
        )


def _check_type(content_type: str) -> None:
    media_types = list(elements(content_type))
    if not media_types or not all(
        media_type.value == JSON and media_type.parameters.get("charset", "utf-8") in _UTF_8
        for media_type in media_types
    ):
        raise HTTPError(415, "Send the operation as JSON in UTF-8 with `Content-Type: application/json`.")


async def read_body(head: Head, receive: Receive, max_bytes: int) -> bytes:
    """Read the whole body of a request.

    Raises HTTPError (413) as soon as it has more than `max_bytes` bytes, and ClientLeft if the client disconnects.
    """
    if (declared := declared_length(head)) > max_bytes:
        raise _too_large(f"{declared:,} bytes", max_bytes)
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            raise _too_large(f"{len(body):,} bytes or more", max_bytes)  # the rest is not read, so its size is unknown
    return body


def _too_large(size: str, max_bytes: int) -> HTTPError:
    return HTTPError(413, f"The body has {size}; the limit is {max_bytes:,}.")


def from_body(body: bytes) -> OperationRequest:
    """Parse the operation in the body of a POST; raises HTTPError (400) if it is invalid."""
    return from_object(_load_json(body, "The body"))


def from_object(body: object) -> OperationRequest:
    """The operation in a parsed JSON body; raises BadRequest if it is invalid."""
    if isinstance(body, list):
        raise BadRequest("Send one operation at a time: batches in an array are not supported.")
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object with `query`.")
    query = _field(body, "query", str, "a GraphQL document")
    operation = OperationRequest(
        query if query and query.strip() else None,
        _field(body, "variables", dict, "an object"),
        _field(body, "operationName", str, "a string") or None,
        _field(body, "documentId", str, "a string") or None,
        _sha256(_field(body, "extensions", dict, "an object") or {}),
    )
    if operation.query is None and operation.document_id is None and operation.sha256 is None:
        raise BadRequest("`query` must be a GraphQL document.")
    return operation


def _field(body: dict[str, object], name: str, expected_type: type[T], description: str) -> T | None:
    value = body.get(name)
    if expected_type is dict and value == []:  # PHP encodes an empty map as an array
        return None
    if value is not None and not isinstance(value, expected_type):
        raise BadRequest(f"`{name}` must be {description}.")
    return value


def _sha256(extensions: dict[str, object]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1 or persisted["version"] is True:
        raise BadRequest("`extensions.persistedQuery` must be an object with `version` 1.")
    sha256 = persisted.get("sha256Hash")
    if not isinstance(sha256, str) or not 0 < len(sha256) <= MAX_ID_CHARS:
        raise BadRequest("`extensions.persistedQuery.sha256Hash` must be the SHA-256 of the query, in hexadecimal.")
    return sha256


def from_parameters(parameters: QueryParams) -> OperationRequest:
    """The operation in the query string of a GET; raises HTTPError (400) if it is invalid."""
    values = dict(parameters)
    if len(parameters.multi_items()) != len(values):
        raise BadRequest("Duplicate parameter: each parameter may occur once in the URL.")
    objects = {
        name: _load_json(text.encode(), f"`{name}`")
        for name in ("variables", "extensions")
        if (text := values.get(name))
    }
    return from_object({name: values.get(name) for name in ("query", "operationName", "documentId")} | objects)


def _load_json(text: bytes, name: str) -> object:
    try:
        value: object = orjson.loads(text.removeprefix(BOM_UTF8))
        return value
    except orjson.JSONDecodeError as error:
        is_half = error.msg.endswith("surrogate in string")
        raise HTTPError(400, f"{name} {'has half of a surrogate pair' if is_half else 'is not JSON'}.") from None


def seconds_for(head: Head, max_seconds: float) -> float:
    """The timeout in seconds from the `X-Competent-Timeout` header, at most `max_seconds`; raises HTTPError (400) if invalid."""
    value = head.get(b"x-competent-timeout")
    if value is None:
        return max_seconds
    try:
        seconds = float(value.decode("latin-1"))
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise HTTPError(400, "`X-Competent-Timeout` must be a positive number of seconds, for example 2.5.")
    return min(seconds, max_seconds)
