"""Fixtures that run the tests of the store with each backend. A new backend takes a line in each list."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from graphql_api.store import Backend
from graphql_api.store.memory import Memory
from graphql_api.store.sqlite import SqliteFile
from tests.store.fakes import Clock, Location, OpenBackend, Opened, Upstream

BACKENDS: dict[str, Callable[[Path, str], Backend]] = {
    "sqlite": lambda folder, origin: SqliteFile(folder / "documents.sqlite", origin),
}
"""Functions that open a backend in a folder of the test, by name."""


class _Location:
    def __init__(self, backend_name: str, folder: Path, upstream: Upstream, clock: Clock) -> None:
        self.shared = backend_name != "memory"
        self._backend_name, self._folder, self._upstream, self._clock = backend_name, folder, upstream, clock
        self.opened: list[Opened] = []

    def open(self) -> Opened:
        # With a backend nothing is cached in memory, so that each lookup reads the backend.
        memory = Memory(0 if self.shared else 1_000_000)
        backend = BACKENDS[self._backend_name](self._folder, "https://api.example") if self.shared else None
        opened = Opened(self._upstream, self._clock, memory, backend)
        self.opened.append(opened)
        return opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstream() -> Upstream:
    return Upstream()


@pytest.fixture(params=["memory", *BACKENDS])
async def location(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream, clock: Clock
) -> AsyncIterator[Location]:
    """Each place, one per test run."""
    made = _Location(request.param, tmp_path, upstream, clock)
    yield made
    upstream.released.set()
    for opened in made.opened:
        await opened.store.aclose()


@pytest.fixture
async def opened(location: Location) -> Opened:
    """A store over each place, one per test run."""
    return location.open()


@pytest.fixture(params=[*BACKENDS])
async def open_backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenBackend]:
    """Opens each backend, one per test run, as often as needed."""
    made: list[Backend] = []

    def open_one(origin: str = "https://api.example") -> Backend:
        made.append(BACKENDS[request.param](tmp_path, origin))
        return made[-1]

    yield open_one
    for backend in made:
        await backend.aclose()
