"""How long an answer may be kept by browsers and proxies, told by what it was made from, and whether it has changed.

Long where it holds nothing but a numbered release, short where `current` or the list of releases was asked, never where
something is missing or stale.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from graphql_api.record import Record

VARY = "Accept, Accept-Language"
_NOT_STORED = "no-store"
_OF_THIS_SERVER = re.compile(r"\b__(schema|type)\b")
_PRIVATE = ("authorization", "x-api-key", "x-ibm-client-id")


@dataclass(frozen=True, slots=True)
class Caching:
    """Seconds for answers from a numbered release, and for those that change when a release is published."""

    release: float
    current: float

    def headers(self, record: Record, request: Request, query: str, explained: bool) -> dict[str, str]:
        """`Cache-Control` for the answer to an operation."""
        if record.outcome != "ok" or record.asker.tally.stale or explained:
            return {"Cache-Control": _NOT_STORED}
        # What introspection tells changes with the version of this server.
        moving = record.asker.moving or _OF_THIS_SERVER.search(query) is not None
        seconds = int(self.current if moving else self.release)
        scope = "private" if any(name in request.headers for name in _PRIVATE) else "public"
        return {"Cache-Control": f"{scope}, max-age={seconds}" if seconds else "no-cache"}


def conditional(response: Response, headers: Mapping[str, str]) -> Response:
    """The response with an `ETag`, or 304 where the client holds it already (RFC 9110, 13.1.2).

    The tag is a weak one: compressed on its way or not, the answer is the same.
    """
    tag = f'W/"{blake2b(bytes(response.body), digest_size=12).hexdigest()}"'
    response.headers["ETag"] = tag
    told = {each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")}
    if tag.removeprefix("W/") not in told and "*" not in told:
        return response
    kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    return Response(status_code=304, headers=kept)
