"""What is known of one request while it is answered, for all who tell of it: the answer, the log, the metrics, the trace.

There is one record a request, made by whoever asks for it first; who wants to read it after the answer holds on to it.
"""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from graphql_api.fetching import Asker

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(slots=True)
class Record:
    """One request and its GraphQL operation; what stays empty was not reached."""

    request_id: str = ""
    name: str = ""
    """The name of the operation, as the client gave it: any text that GraphQL has as a name, of any length."""
    client: str = ""
    """The name of the client, where it has a key of this server's."""
    kind: str = ""
    """`query`, `mutation` or `subscription`."""
    protocol: str = "http"
    """What the operation came by: `http`, or with a connection that stays `websocket` or `events` (server-sent events)."""
    answers: int | None = None
    """How many answers it was given so far, where it may be given several."""
    cost: int | None = None
    """The cost of the operation, where it was counted: how many values its answer may have."""
    cost_allowed: int | None = None
    """The most that an operation may cost."""
    executed: bool = False
    """Whether fields were resolved; False where the request itself was refused."""
    codes: list[str] = field(default_factory=list)
    """The code of each error in the answer, in its order."""
    asker: Asker = field(default_factory=Asker)
    """For whom documents are fetched: deadline, and the tally of how they were come by."""
    ended: str = ""
    """The outcome, where it is known better than by what was executed: `shed`, `failed` or `left`."""
    texts: dict[str, Any] = field(default_factory=dict)
    """What the client wrote: `query` and `variables`. Only logged where the operator asks for it."""

    @property
    def outcome(self) -> str:
        """How it ended, else `ok`, `partial` (some fields failed) or `refused` (nothing was executed)."""
        if self.ended:
            return self.ended
        if not self.executed:
            return "refused"
        return "partial" if self.codes else "ok"


def record_of(scope: MutableMapping[str, Any]) -> Record:
    """The record of the request of an ASGI scope; its id is the client's `X-Request-ID` where that is a plain one."""
    state: MutableMapping[str, Any] = scope.setdefault("state", {})
    if "record" not in state:
        headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
        request_id = _request_id(headers)
        state["record"] = Record(request_id, asker=Asker(headers=_passed_on(request_id, headers)))
    found: Record = state["record"]
    return found


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    told = _only(headers, b"x-request-id")
    return told if _REQUEST_ID.fullmatch(told) else uuid4().hex


def _passed_on(request_id: str, headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """What goes upstream with each call: the id, and the context of a trace (W3C Trace Context) where it is a valid one."""
    passed = {"X-Request-ID": request_id}
    if _TRACEPARENT.fullmatch(parent := _only(headers, b"traceparent")):
        passed["traceparent"] = parent
        if _TRACESTATE.fullmatch(state := _only(headers, b"tracestate")):
            passed["tracestate"] = state
    return passed


def _only(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    """The value of a header that is there once; else empty."""
    values = [value for each, value in headers if each == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""
