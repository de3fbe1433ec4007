"""Headers of upstream requests, and what is read from the headers of upstream responses.

Only the headers listed here are sent, each with a validated value, so clients cannot inject others.
"""

import re
from collections.abc import Mapping
from typing import TypeGuard

from graphql_api.competent.fetch import Validators
from graphql_api.errors import UpstreamUnauthorized
from graphql_api.observability.fetch_context import FetchContext

KEY_HEADER = "X-IBM-Client-Id"
"""The request header in which the Competent API takes a key."""
_PASSED_ON = {
    "x-request-id": re.compile(r"[A-Za-z0-9._-]{1,64}"),
    "traceparent": re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
    "tracestate": re.compile(r"[\x20-\x7e]{1,512}"),
}
_NAMES = {"x-request-id": "X-Request-ID"}
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,510}[\x21-\x7e])?")
_KEY = re.compile(r"[\x21-\x7e]{1,256}")
MAX_LEFT_CHARS = 500
"""Maximum number of characters read of `X-RateLimit-Remaining`; each plan takes about 30."""
_LEFT = re.compile(r"name=[^,;]*,(-?\d{1,9})|^(-?\d{1,9})$")


def request_headers(context: FetchContext, validators: Validators) -> dict[str, str]:
    """Returns the request headers for a call; raises UpstreamUnauthorized if the client's key is malformed."""
    headers: dict[str, str] = {}
    if is_validator(validators.etag):
        headers["If-None-Match"] = validators.etag
    if is_validator(validators.last_modified):
        headers["If-Modified-Since"] = validators.last_modified
    for name, value in context.headers.items():
        allowed = _PASSED_ON.get(name.lower())
        if allowed and allowed.fullmatch(value):
            headers[_NAMES.get(name.lower(), name.lower())] = value
    if context.key is not None:
        if not _KEY.fullmatch(context.key.reveal()):
            raise UpstreamUnauthorized("The key that you sent does not have the form of a key for the Competent API.")
        headers[KEY_HEADER] = context.key.reveal()
    return headers


def is_validator(value: object) -> TypeGuard[str]:
    """Whether a value can be sent as a validator: printable ASCII, at most 512 characters."""
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def validators_of(headers: Mapping[str, str]) -> Validators:
    """Returns ETag and Last-Modified if they can be sent back; they are stored with the document."""
    etag, last_modified = headers.get("etag"), headers.get("last-modified")
    return Validators(etag if is_validator(etag) else None, last_modified if is_validator(last_modified) else None)


def calls_left(headers: Mapping[str, str]) -> int | None:
    """Returns the calls left in the rate limit; None if the header is missing or invalid.

    Read from `X-RateLimit-Remaining: name=default,1992;` (IBM API Connect); the lowest number if there are several.
    """
    header = headers.get("x-ratelimit-remaining")
    if not header:
        return None
    counts = _LEFT.findall(header[:MAX_LEFT_CHARS].strip())
    return max(min(int(named or plain) for named, plain in counts), 0) if counts else None
