"""The context of a fetch: who needs a document, with what priority, until when, and how its documents were obtained."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import IntEnum

from graphql_api.settings.secret import Secret


class Priority(IntEnum):
    """Priority of calls to the Competent API; the lowest value goes first."""

    QUESTION = 0
    """A client is waiting for the document."""
    REVALIDATION = 1
    """A stale copy is served meanwhile."""
    WALK = 2
    """A release is being crawled for its index."""


@dataclass(slots=True)
class FetchStats:
    """How the documents of one operation were obtained."""

    requests: int = 0
    """Calls to the Competent API that it made or joined."""
    cached: int = 0
    """Fresh documents from the cache."""
    stale: int = 0
    """Stale documents from the cache."""

    @property
    def as_dict(self) -> dict[str, int]:
        """As in `extensions.upstream` and in log lines."""
        return {"requests": self.requests, "cached": self.cached, "stale": self.stale}


@dataclass(slots=True, eq=False)
class FetchContext:
    """Who asks for documents.

    `deadline` is a time of the event loop's clock after which nobody waits for an answer any more. `headers` go upstream
    with each call that this asker causes: a request id, the context of a trace. `key` is a client's own key for the Competent
    API, sent instead of the server's. An asker whose tally has reached `most_requests` causes no further call; walks and the
    operator's tools have no such bound.

    What several ask for is fetched for an asker of its own, without a deadline: each of them leaves at their own.
    """

    urgency: Priority = Priority.QUESTION
    deadline: float = math.inf
    headers: dict[str, str] = field(default_factory=dict)
    tally: FetchStats = field(default_factory=FetchStats)
    moving: bool = False
    key: Secret | None = field(default=None, repr=False)
    most_requests: float = math.inf
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered while this asker waits for the Competent API; raises an UpstreamError where too many wait already."""
