"""What is known of one request while it is answered, for all who tell of it: the answer, the log, the metrics, the trace.

There is one record a request, made by whoever asks for it first; who wants to read it after the answer holds on to it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from random import getrandbits
from typing import Any

from graphql_api.observability.fetch_context import FetchContext

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


Head = Mapping[bytes, bytes]
"""The header fields of a request by their names in lower case; those sent in several lines as one list."""


def text_in(head: Head, name: bytes) -> str:
    """A header field as text; empty where there is none."""
    return head.get(name, b"").decode("latin-1")


def combined(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Header fields by name, the lines of a name as one value in their order (RFC 9110, 5.3).

    A field that may be sent once and comes twice is no valid value of it then, and is refused or ignored as any other.
    """
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        separator = b"; " if name == b"cookie" else b", "
        found[name] = found[name] + separator + value if name in found else value
    return found


@dataclass(slots=True)
class RequestContext:
    """One request and its GraphQL operation; what stays empty was not reached."""

    request_id: str = ""
    head: Head = field(default_factory=dict, repr=False)
    """Read once, for all who look at it."""
    name: str = ""
    """The name of the operation, as the client gave it: any text that GraphQL has as a name, of any length."""
    client: str = ""
    """The name of the client, where it has a key of this server's."""
    address: str = ""
    """The address of the client. Only logged where the operator asks for it."""
    kind: str = ""
    """`query`, `mutation` or `subscription`."""
    protocol: str = "http"
    """What the operation came by: `http`, or with a connection that stays `websocket` or `events` (server-sent events)."""
    answers: int | None = None
    """How many answers it was given so far, where it may be given several."""
    cost: int | None = None
    """The estimated cost of the operation, if it was worked out."""
    cost_allowed: int | None = None
    """The most that an operation may cost."""
    executed: bool = False
    """Whether fields were resolved; False where the request itself was refused."""
    codes: list[str] = field(default_factory=list)
    """The code of each error in the answer, in its order."""
    asker: FetchContext = field(default_factory=FetchContext)
    """For whom documents are fetched: deadline, and the tally of how they were come by."""
    ended: str = ""
    """The outcome, where it is known better than by what was executed: `shed`, `failed` or `cancelled`."""
    texts: dict[str, Any] = field(default_factory=dict)
    """What the client wrote: `document` and `variables`. Only logged where the operator asks for it."""

    @property
    def outcome(self) -> str:
        """How it ended, else `ok`, `partial` (some fields failed) or `refused` (nothing was executed)."""
        if self.ended:
            return self.ended
        if not self.executed:
            return "refused"
        return "partial" if self.codes else "ok"


def record_of(scope: MutableMapping[str, Any]) -> RequestContext:
    """The record of the request of an ASGI scope; its id is the client's `X-Request-ID` where that is a plain one."""
    state: MutableMapping[str, Any] = scope.setdefault("state", {})
    found: RequestContext | None = state.get("record")
    if found is None:
        found = state["record"] = _new_record(scope.get("headers", ()))
        if scope.get("client"):
            found.address = scope["client"][0]
    return found


def new_id() -> str:
    """An id for a request whose client gave it none."""
    return f"{getrandbits(128):032x}"  # it tells requests apart, and opens nothing


def _new_record(fields: Iterable[tuple[bytes, bytes]]) -> RequestContext:
    told = list(fields)
    head = dict(told)
    if len(head) != len(told):
        head = combined(told)
    # What goes on from here is believed only where it is told once.
    only = head if len(head) == len(told) else _told_once(told)
    request_id = _usable(only.get(b"x-request-id", b"")) or new_id()
    return RequestContext(request_id, head, asker=FetchContext(headers=_passed_on(request_id, only)))


def request_id_of(scope: Mapping[str, Any]) -> str | None:
    """The id that the client of a request of ASGI gave it; None where there is none that can be used."""
    told = [value for name, value in scope["headers"] if name == b"x-request-id"]
    return _usable(told[0]) if len(told) == 1 else None


def _usable(told: bytes) -> str | None:
    request_id = told.decode("latin-1")
    return request_id if _REQUEST_ID.fullmatch(request_id) else None


def _told_once(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    times = Counter(name for name, _ in fields)
    return {name: value for name, value in fields if times[name] == 1}


def _passed_on(request_id: str, only: Mapping[bytes, bytes]) -> dict[str, str]:
    """What goes upstream with each call: the id, and the context of a trace (W3C Trace Context) where it is a valid one."""
    passed = {"X-Request-ID": request_id}
    parent = text_in(only, b"traceparent")
    if _TRACEPARENT.fullmatch(parent):
        passed["traceparent"] = parent
        if _TRACESTATE.fullmatch(state := text_in(only, b"tracestate")):
            passed["tracestate"] = state
    return passed
