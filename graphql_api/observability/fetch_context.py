"""The context of a fetch: who needs a document, with what priority, until when, and how its documents were obtained."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import IntEnum

from graphql_api.settings.secret import Secret


class Urgency(IntEnum):
    """Whose calls go first where calls to the Competent API are scarce: the lowest."""

    QUESTION = 0
    """A client waits for it."""
    REVALIDATION = 1
    """A stored copy is at hand and is being served meanwhile."""
    WALK = 2
    """An index is being filled."""


@dataclass(slots=True)
class Tally:
    """How the documents of one operation were come by."""

    requests: int = 0
    """Calls to the Competent API that it caused or joined."""
    cached: int = 0
    """Documents that were stored and fresh."""
    stale: int = 0
    """Documents that were stored and no longer fresh, served all the same."""

    @property
    def told(self) -> dict[str, int]:
        """As clients and operators are told."""
        return {"requests": self.requests, "cached": self.cached, "stale": self.stale}


@dataclass(slots=True, eq=False)
class Asker:
    """Who asks for documents.

    `deadline` is a time of the event loop's clock after which nobody waits for an answer any more. `headers` go upstream
    with each call that this asker causes: a request id, the context of a trace. `key` is a client's own key for the Competent
    API, sent instead of the server's. An asker whose tally has reached `most_requests` causes no further call; walks and the
    operator's tools have no such bound.

    What several ask for is fetched for an asker of its own, without a deadline: each of them leaves at their own.
    """

    urgency: Urgency = Urgency.QUESTION
    deadline: float = math.inf
    headers: dict[str, str] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    moving: bool = False
    key: Secret | None = field(default=None, repr=False)
    most_requests: float = math.inf
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered while this asker waits for the Competent API; raises an UpstreamError where too many wait already."""
