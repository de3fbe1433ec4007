"""How many connections stay open in this process, and the sign that all of them are to end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from graphql_api.metrics import LIVE_CONNECTIONS


class TooMany(Exception):
    """As many connections are open as may be."""


class Connections:
    """Counts connections; `stopping` is set when the server is told to stop."""

    def __init__(self, most: int, stopping: asyncio.Event) -> None:
        self.most = most
        self.stopping = stopping
        self.open = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another."""
        return self.open >= self.most

    @contextmanager
    def one(self, protocol: str) -> Iterator[None]:
        """Count a connection while within; raises TooMany where there is no room for it."""
        if self.full:
            raise TooMany
        self.open += 1
        LIVE_CONNECTIONS.labels(protocol).inc()
        try:
            yield
        finally:
            self.open -= 1
            LIVE_CONNECTIONS.labels(protocol).dec()
