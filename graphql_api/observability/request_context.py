"""The context of one request, shared by everything that handles it: response, log, metrics and trace.

There is one per request: the fast path creates its own, and all others get it from the ASGI scope with `record_of`.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from random import getrandbits
from types import MappingProxyType

from starlette.types import Scope

from graphql_api.observability.fetch_context import FetchContext

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


Head = Mapping[bytes, bytes]
"""Request headers by lower-case name; repeated headers are joined into one value."""
_NO_HEAD: Head = MappingProxyType({})
_NO_FIELDS: Mapping[str, object] = MappingProxyType({})


def text_in(head: Head, name: bytes) -> str:
    """A header as text; empty if it is missing."""
    return head.get(name, b"").decode("latin-1")


def declared_length(head: Head) -> int:
    """The number of bytes that a request says its body has; 0 if it does not say."""
    declared = head.get(b"content-length", b"")
    return int(declared) if declared.isdigit() and len(declared) < 16 else 0


def combined(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name, repeated ones joined in their order (RFC 9110, 5.3).

    If a header that may occur only once is repeated, the joined value is invalid and treated like any other invalid value.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in fields:
        separator = b"; " if name == b"cookie" else b", "
        headers[name] = headers[name] + separator + value if name in headers else value
    return headers


class RequestContext:
    """One request and its GraphQL operation. Fields stay empty if processing did not get that far."""

    # Defaults are attributes of the class, which no request has to set.

    name: str = ""
    """The operation name that the client sent: a GraphQL name of any length."""
    operation_type: str = ""
    """`query`, `mutation` or `subscription`."""
    responses: int | None = None
    """Number of responses sent so far, if there can be several; otherwise None."""
    cost: int | None = None
    """The estimated cost of the operation, if it was computed."""
    cost_allowed: int | None = None
    """The maximum cost of an operation."""
    cost_actual: int | None = None
    """The cost of what the response holds, if the client asked to explain it."""
    cost_fields: list[dict[str, object]] | None = None
    """The cost by field, likewise; None if there are too many."""
    is_personal: bool = False
    """Whether the operation may take the text of a person, which is logged and cached nowhere."""
    charge: Callable[[int], Awaitable[None]] | None = None
    """Counts the cost of an operation for the client's quota before it is executed; raises an error if that is used up."""
    executed: bool = False
    """True if fields were resolved, False if the request was refused."""
    forced_outcome: str = ""
    """An outcome that overrides the computed one: `shed` (503 under load), `failed` or `cancelled`."""
    document_fields: Mapping[str, object] = _NO_FIELDS
    """The client's `document` and `variables`; logged only with COMPETENT_LOG_DOCUMENTS."""

    def __init__(
        self,
        request_id: str = "",
        head: Head = _NO_HEAD,
        fetch_context: FetchContext | None = None,
        client: str = "",
        address: str = "",
        protocol: str = "http",
    ) -> None:
        self.request_id = request_id
        self.head = head
        """Request headers, parsed once."""
        self.fetch_context = fetch_context or FetchContext()
        """The context of its fetches: deadline, and how its documents were obtained."""
        self.client = client
        """The name of the client, if it has a key of this server."""
        self.address = address
        """The IP address of the client; logged only with COMPETENT_LOG_ADDRESSES."""
        self.protocol = protocol
        """How the operation arrived: `http`, `websocket` or `events` (server-sent events)."""
        self.error_codes: list[str] = []
        """The code of each error in the response, in order."""

    @property
    def outcome(self) -> str:
        """`forced_outcome` if it is set, otherwise `ok`, `partial` (there are errors) or `refused` (nothing was executed)."""
        if self.forced_outcome:
            return self.forced_outcome
        if not self.executed:
            return "refused"
        return "partial" if self.error_codes else "ok"


def record_of(scope: Scope) -> RequestContext:
    """The context of an ASGI scope's request, created if missing; its id is the client's `X-Request-ID` if that is valid."""
    state: dict[str, object] = scope.setdefault("state", {})
    record = state.get("record")
    if not isinstance(record, RequestContext):
        record = state["record"] = _new_record(scope.get("headers", ()))
        if scope.get("client"):
            record.address = scope["client"][0]
    return record


def new_id() -> str:
    """A random id for a request without a valid one."""
    return getrandbits(128).to_bytes(16).hex()  # only identifies requests, so it needs no secure randomness


def _new_record(raw_headers: Iterable[tuple[bytes, bytes]]) -> RequestContext:
    pairs = list(raw_headers)
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers = combined(pairs)
    # The request id and trace context are passed on only if their header occurs once.
    single = headers if len(headers) == len(pairs) else _sent_once(pairs)
    request_id = _valid_request_id(single.get(b"x-request-id", b"")) or new_id()
    return RequestContext(
        request_id, headers, fetch_context=FetchContext(headers=_upstream_headers(request_id, single))
    )


def request_id_of(scope: Scope) -> str | None:
    """The client's `X-Request-ID` in an ASGI scope; None if it is missing, repeated or invalid."""
    values = [value for name, value in scope["headers"] if name == b"x-request-id"]
    return _valid_request_id(values[0]) if len(values) == 1 else None


def _valid_request_id(value: bytes) -> str | None:
    request_id = value.decode("latin-1")
    return request_id if _REQUEST_ID.fullmatch(request_id) else None


def _sent_once(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    counts = Counter(name for name, _ in fields)
    return {name: value for name, value in fields if counts[name] == 1}


def _upstream_headers(request_id: str, single: Mapping[bytes, bytes]) -> dict[str, str]:
    """Headers for each call upstream: the request id and, if valid, the trace context (W3C Trace Context)."""
    headers = {"X-Request-ID": request_id}
    parent = text_in(single, b"traceparent")
    if _TRACEPARENT.fullmatch(parent):
        headers["traceparent"] = parent
        if _TRACESTATE.fullmatch(state := text_in(single, b"tracestate")):
            headers["tracestate"] = state
    return headers
