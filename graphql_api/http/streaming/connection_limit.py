"""The WebSockets and event streams that are open in this process: how many, how many per client, and when they are to end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from graphql_api.observability.metrics import STREAMING_CONNECTIONS
from graphql_api.observability.request_context import RequestContext

log = logging.getLogger(__name__)


class TooMany(Exception):
    """As many connections are open as may be; the message is for the client."""


class TooManyOfClient(TooMany):
    """As many connections of one client are open as it may have."""


class Place:
    """One open connection: it counts for its client until it is released."""

    def __init__(self, connections: "Connections", client: str) -> None:
        self._connections = connections
        self._client = ""
        self.move(client)

    def move(self, client: str) -> None:
        """Count for another client from now on; raises TooMany if that client has too many."""
        if client != self._client:
            self._connections.check(client)
            self.release()
            self._connections.clients[client] += 1
            self._client = client

    def release(self) -> None:
        """Count for no client."""
        if self._client:
            self._connections.clients[self._client] -= 1
            self._connections.clients += Counter()  # drops the clients that have none
            self._client = ""


class Connections:
    """Counts connections; `stopping` is set when the server is told to stop."""

    def __init__(
        self, most: int, stopping: asyncio.Event, most_per_client: int = 100, most_unsent: int = 64_000_000
    ) -> None:
        self.most = most
        self.most_per_client = most_per_client
        self.most_unsent = most_unsent
        self.stopping = stopping
        self.open = 0
        self.unsent = 0
        """Bytes of messages that wait until their clients have read those before."""
        self.clients: Counter[str] = Counter()
        self._warned = False

    @property
    def full(self) -> bool:
        """Whether there is no room for another."""
        return self.open >= self.most

    def check(self, client: str) -> None:
        """Raises TooMany if this client has as many connections as it may."""
        if self.clients[client] < self.most_per_client or not client:
            return
        if not self._warned:
            self._warned = True
            log.warning(
                "refused a connection: its client has %d open (COMPETENT_STREAMING_CONNECTIONS_PER_CLIENT). Behind a proxy, all "
                "clients have its address unless COMPETENT_TRUSTED_PROXIES names it",
                self.most_per_client,
            )
        raise TooManyOfClient(f"At most {self.most_per_client} connections per client; close one, or try again later")

    @contextmanager
    def one(self, protocol: str, client: str = "") -> Iterator[Place]:
        """Count a connection while within; raises TooMany if there is no room for it."""
        if self.full:
            raise TooMany("Too many connections; try again later")
        place = Place(self, client)
        self.open += 1
        STREAMING_CONNECTIONS.labels(protocol).inc()
        try:
            yield place
        finally:
            place.release()
            self.open -= 1
            STREAMING_CONNECTIONS.labels(protocol).dec()


def client_of(scope: Scope, record: RequestContext) -> str:
    """Whom a connection counts for: the client of its key, else its network; empty if neither is known."""
    return f"key {record.client}" if record.client else network_of(scope)


def network_of(scope: Scope) -> str:
    """The address that the request comes from: an IPv4 address, or the /64 network of an IPv6 one; empty if unknown."""
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache(1000)
def _network(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:  # a proxy may send a name, or a socket of the file system may have a path
        return host[:100]
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))
