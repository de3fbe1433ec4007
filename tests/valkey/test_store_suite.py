"""The suite of `tests/store` over a server that replicas share."""

from collections.abc import AsyncIterator

import pytest

from graphql_api.store import Backend
from graphql_api.store.memory import Memory
from graphql_api.store.valkey import ValkeyStore
from graphql_api.upstream.valkey import Shared
from tests.store.fakes import Clock, Location, OpenBackend, Opened, Upstream
from tests.store.test_backend import *  # noqa: F403
from tests.store.test_promises import *  # noqa: F403
from tests.valkey.conftest import Server

pytestmark = pytest.mark.valkey


class _Location:
    shared = True

    def __init__(self, url: str, upstream: Upstream, clock: Clock) -> None:
        self._url, self._upstream, self._clock = url, upstream, clock
        self.connections: list[Shared] = []
        self.opened: list[Opened] = []

    def backend(self, origin: str = "https://api.example") -> Backend:
        self.connections.append(Shared(self._url, origin))
        return ValkeyStore(self.connections[-1], 3600)

    def open(self) -> Opened:
        self.opened.append(Opened(self._upstream, self._clock, Memory(0), self.backend()))
        return self.opened[-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def location(valkey: Server, upstream: Upstream, clock: Clock) -> AsyncIterator[Location]:
    made = _Location(valkey.url, upstream, clock)
    yield made
    upstream.released.set()
    for opened in made.opened:
        await opened.store.aclose()
    for connection in made.connections:
        await connection.aclose()


@pytest.fixture
async def opened(location: Location) -> Opened:
    return location.open()


@pytest.fixture
async def open_backend(location: _Location) -> OpenBackend:
    return location.backend
