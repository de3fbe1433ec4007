"""The context of a fetch: priority, deadline, headers and key of its calls upstream, and how its documents were obtained."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass
from enum import IntEnum

from graphql_api.settings.environment import Secret


class Priority(IntEnum):
    """Priority of calls to the Competent API; the lowest value goes first."""

    INTERACTIVE = 0
    """A client is waiting for the document."""
    REVALIDATION = 1
    """A stale copy is served meanwhile."""
    CRAWL = 2
    """A release is being crawled for its index."""


@dataclass(slots=True)
class FetchStats:
    """How the documents of one operation were obtained."""

    requests: int = 0
    """Calls to the Competent API that the operation made or joined."""
    cached: int = 0
    """Fresh documents from the cache."""
    stale: int = 0
    """Stale documents from the cache."""

    @property
    def as_dict(self) -> dict[str, int]:
        """The counts by name, as in `extensions.upstream` and in log lines."""
        return {"requests": self.requests, "cached": self.cached, "stale": self.stale}


class FetchContext:
    """The client of fetches, such as one operation or a crawl.

    `deadline` is a time of the event loop's clock after which the caller no longer needs the documents. `headers` are sent with
    each call upstream: request id and trace context. `key` is a client's own key for the Competent API, sent instead of the
    server's.

    A call that several contexts share has a context of its own without a deadline; each of them stops waiting at its own.
    """

    # Defaults are attributes of the class, which no request has to set.

    depends_on_current = False
    """Whether a document was read that changes when a release is published."""
    is_provisional = False
    """Whether the response will soon be better: caches must not store it."""
    max_requests = math.inf
    """After this number of calls no further call is made; crawls and command-line tools have no such limit."""
    may_index = True
    """Whether it may start the crawl of a release."""
    wait_guard: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered while the operation waits for the Competent API. Raises UpstreamError if too many operations wait already."""

    def __init__(
        self,
        urgency: Priority = Priority.INTERACTIVE,
        deadline: float = math.inf,
        headers: dict[str, str] | None = None,
        stats: FetchStats | None = None,
        key: Secret | None = None,
    ) -> None:
        self.urgency = urgency
        self.deadline = deadline
        self.headers = {} if headers is None else headers
        self.stats = stats or FetchStats()
        self.key = key

    def renewed(self) -> "FetchContext":
        """A copy with its own counts, for another operation or event of the same client."""
        renewed = copy(self)
        renewed.stats = FetchStats()
        return renewed
