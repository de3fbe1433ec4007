"""Builds responses: documents and errors of the service, and errors of the gateway in front of it.

Regular responses and injected faults use the same functions.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

import orjson
from starlette.responses import Response

from graphql_api.sandbox.dataset import LANGUAGES
from graphql_api.sandbox.serializers import INTERNAL

_SERVICE_PATH = "/" + INTERNAL.split("/", 3)[3]


def hal(body: bytes, language: str | None = None) -> Response:
    """A document; if a language is requested, texts in other languages are null."""
    if language:
        body = orjson.dumps(_in_language(orjson.loads(body), language.lower()))
    return Response(body, media_type="application/hal+json")


def plain(body: object, status: int = 200) -> Response:
    """A response of the sandbox's own routes, as plain JSON."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def service_error(status: int, path: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error of the service behind the gateway, in Spring's format and with its internal path."""
    body = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "status": status,
        "error": HTTPStatus(status).phrase,
        "path": _SERVICE_PATH + path,
    }
    return Response(orjson.dumps(body), status, headers, "application/json")


def unauthorized() -> Response:
    """The gateway's response to a missing or wrong key."""
    return _refusal(401, "Unauthorized", "Invalid client id or secret.")


def too_many_requests(retry_after: int) -> Response:
    """The gateway's response to calls over the rate limit; `retry_after` in seconds."""
    return _refusal(429, "Too Many Requests", "Rate Limit exceeded", {"Retry-After": str(retry_after)})


def _refusal(status: int, message: str, information: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"httpCode": str(status), "httpMessage": message, "moreInformation": information}
    return Response(orjson.dumps(body), status, headers, "application/json")


def _in_language(value: object, language: str) -> object:
    if isinstance(value, list):
        return [_in_language(item, language) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {*LANGUAGES}:
        return {name: text if name == language else None for name, text in value.items()}
    return {name: _in_language(item, language) for name, item in value.items()}
