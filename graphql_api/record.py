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


@dataclass(slots=True)
class Record:
    """One request and its GraphQL operation; what stays empty was not reached."""

    request_id: str = ""
    name: str = ""
    """The name of the operation, as the client gave it: any text that GraphQL has as a name, of any length."""
    kind: str = ""
    """`query`, `mutation` or `subscription`."""
    cost: int | None = None
    """The cost of the operation, where it was counted."""
    executed: bool = False
    """Whether fields were resolved; False where the request itself was refused."""
    codes: list[str] = field(default_factory=list)
    """The code of each error in the answer, in its order."""
    asker: Asker = field(default_factory=Asker)
    """For whom documents are fetched: deadline, and the tally of how they were come by."""

    @property
    def outcome(self) -> str:
        """`ok`, `partial` (some fields failed) or `refused` (nothing was executed)."""
        if not self.executed:
            return "refused"
        return "partial" if self.codes else "ok"


def record_of(scope: MutableMapping[str, Any]) -> Record:
    """The record of the request of an ASGI scope; its id is the client's `X-Request-ID` where that is a plain one."""
    state: MutableMapping[str, Any] = scope.setdefault("state", {})
    if "record" not in state:
        state["record"] = Record(_request_id(scope), asker=Asker())
    found: Record = state["record"]
    return found


def _request_id(scope: MutableMapping[str, Any]) -> str:
    told = next((value for name, value in scope.get("headers", ()) if name == b"x-request-id"), b"").decode("latin-1")
    return told if _REQUEST_ID.fullmatch(told) else uuid4().hex
