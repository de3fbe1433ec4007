"""Limits on open WebSockets and event streams: per process, per client, and on unsent bytes; and a token bucket for rates."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from graphql_api.observability.metrics import STREAMING_CONNECTIONS

log = logging.getLogger(__name__)


class TooManyConnections(Exception):
    """The maximum number of connections is open; the message is for the client."""


class TooManyPerClient(TooManyConnections):
    """The client has its maximum number of connections open."""


class ConnectionSlot:
    """One open connection, counted for its client until released."""

    def __init__(self, connections: "Connections", client: str) -> None:
        self._connections = connections
        self._client = ""
        self.move(client)

    def move(self, client: str) -> None:
        """Count for another client from now on; raises TooManyPerClient if that client has its maximum."""
        if client != self._client:
            self._connections.check(client)
            self.release()
            self._connections.clients[client] += 1
            self._client = client

    def release(self) -> None:
        """Stop counting for the client."""
        if self._client:
            self._connections.clients[self._client] -= 1
            self._connections.clients += Counter()  # drops clients with zero connections
            self._client = ""


class Connections:
    """Counts and limits open connections.

    `max_connections` and `max_per_client` limit their number, `max_unsent_bytes` the unsent bytes of all WebSockets together.
    `stopping` is set when the server shuts down.
    """

    def __init__(
        self,
        max_connections: int,
        stopping: asyncio.Event,
        max_per_client: int = 100,
        max_unsent_bytes: int = 64_000_000,
    ) -> None:
        self.max_connections = max_connections
        self.max_per_client = max_per_client
        self.max_unsent_bytes = max_unsent_bytes
        self.stopping = stopping
        self.open = 0
        self.unsent_bytes = 0
        """Bytes of messages waiting for clients that have not read earlier ones."""
        self.clients: Counter[str] = Counter()
        self._warned = False

    @property
    def full(self) -> bool:
        """Whether the maximum number of connections is open."""
        return self.open >= self.max_connections

    def check(self, client: str) -> None:
        """Raises TooManyPerClient if this client has its maximum number of connections."""
        if self.clients[client] < self.max_per_client or not client:
            return
        if not self._warned:
            self._warned = True
            log.warning(
                "refused a connection: its client has %d open (COMPETENT_STREAMING_CONNECTIONS_PER_CLIENT). Behind a proxy, all "
                "clients have its address unless COMPETENT_TRUSTED_PROXIES names it",
                self.max_per_client,
            )
        raise TooManyPerClient(f"At most {self.max_per_client} connections per client; close one, or try again later")

    @contextmanager
    def open_one(self, protocol: str, client: str = "") -> Iterator[ConnectionSlot]:
        """Count a connection inside the block; raises TooManyConnections if a limit is reached."""
        if self.full:
            raise TooManyConnections("Too many connections; try again later")
        slot = ConnectionSlot(self, client)
        self.open += 1
        STREAMING_CONNECTIONS.labels(protocol).inc()
        try:
            yield slot
        finally:
            slot.release()
            self.open -= 1
            STREAMING_CONNECTIONS.labels(protocol).dec()


class TokenBucket:
    """Holds up to `burst` tokens, and gains `rate` of them per second; it starts full."""

    __slots__ = ("_burst", "_clock", "_left", "_rate", "_seen")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._seen = clock()

    def take(self, count: int = 1) -> bool:
        """Take tokens; returns False, and takes none, if there are fewer."""
        self._refill()
        if self._left < count:
            return False
        self._left -= count
        return True

    def wait(self) -> float:
        """Returns the seconds until there is a token; 0 if there is one."""
        self._refill()
        return max(0.0, (1 - self._left) / self._rate)

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
