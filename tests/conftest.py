"""The server over a sandbox, both in this process: `ask` it, and see what it `asked` upstream."""

import asyncio
import logging
import os
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx
import hypothesis
import pytest
from prometheus_client import REGISTRY

from graphql_api.app import create_app
from graphql_api.observability import logs
from graphql_api.sandbox import Faults, Releases, bundled_releases, create_sandbox
from graphql_api.schema.time_slices import TIME_SLICE
from graphql_api.settings import Settings

CP_7 = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"
"""The technical competence that VDAB's own page shows."""


class Connection(sqlite3.Connection):
    """Warns where nobody closed it, as Python 3.13 and newer do by themselves; warnings fail a test."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # raised by a closed connection
            _ = self.total_changes
            warnings.warn(f"unclosed database in {self!r}", ResourceWarning, stacklevel=1, source=self)


@pytest.fixture(scope="session", autouse=True)
def warn_of_unclosed_connections() -> Iterator[None]:
    """So that a connection without an owner fails the tests on older Pythons too."""
    connect = sqlite3.connect
    if sys.version_info < (3, 13):
        sqlite3.connect = partial(connect, factory=Connection)
    yield
    sqlite3.connect = connect


LONG = 60.0
"""Seconds that nothing takes in a test, however busy the machine is: who waits for so long waits for what never comes."""
PATIENT = {
    "queue_timeout": LONG,
    "operation_timeout": LONG,
    "upstream_attempt_timeout": LONG,
    "upstream_total_timeout": LONG,
}

hypothesis.settings.register_profile(
    "however busy the machine is", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("however busy the machine is")


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class AtOnce(Random):
    """Chance that never waits: for tests in which the time between two attempts is of no interest."""

    def uniform(self, a: float, b: float) -> float:
        return a


def clean(**more: str) -> dict[str, str]:
    """The environment without settings that somebody left in it, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPETENT_")} | more


def counted(metric: str, **labels: str) -> float:
    """What a metric of this process says so far."""
    return REGISTRY.get_sample_value(metric, labels) or 0.0


class Turns:
    """How often others came to run."""

    count = 0


class Ticking:
    """A clock that goes on by a twentieth of a time slice each time that somebody looks at it."""

    looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.looks * TIME_SLICE / 20


@asynccontextmanager
async def counting_turns() -> AsyncIterator[Turns]:
    """Counts them while this lasts."""
    turns = Turns()

    async def others() -> None:
        while True:
            await asyncio.sleep(0)
            turns.count += 1

    task = asyncio.create_task(others())
    try:
        yield turns
    finally:
        task.cancel()


class Server:
    """A server over a sandbox, with what it asked of it and what goes wrong there.

    `around` may put something between the two.
    """

    def __init__(
        self,
        releases: Releases,
        settings: Settings,
        around: Callable[[Any], Any] = lambda sandbox: sandbox,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.faults = Faults()
        self.paths: list[str] = []
        self.sandbox = create_sandbox(releases, faults=self.faults, asked=self.paths)
        self.competent = around(self.sandbox)
        self.app = create_app(settings, self.competent, clock)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://server.test")

    async def post(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """The response to an operation."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=told)

    async def ask(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> Any:
        """The data of an operation that must have no errors."""
        answer = (await self.post(query, variables, **headers)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def errors(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> list[dict[str, Any]]:
        """The errors of an operation that must have some."""
        errors: list[dict[str, Any]] = (await self.post(query, variables, **headers)).json()["errors"]
        assert all(error["extensions"]["requestId"] for error in errors)
        return errors

    async def codes(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> list[str]:
        """The codes of those errors."""
        return [error["extensions"]["code"] for error in await self.errors(query, variables, **headers)]

    def asked(self) -> list[str]:
        """What was asked upstream since this was last called, in that order."""
        paths = self.paths.copy()
        self.paths.clear()
        return paths


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Takes back what a command that was run in this process has made of the log: its stream is closed by then."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    for handler in [each for each in logging.root.handlers if isinstance(each, logs.Handler)]:
        logging.root.removeHandler(handler)
        logging.captureWarnings(False)
        logs._only = None
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture(scope="session")
def releases() -> Iterator[Releases]:
    """The bundled releases, read once."""
    opened = bundled_releases()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is made once: above all the index of the bundled releases."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(cache_dir: Path) -> Settings:
    """Documents in memory; indexes are made at first need and kept for all tests; a crowd waits however slow the machine is.

    With COMPETENT_COMPILED_QUERIES=off in the environment all tests are of a server without plans.
    """
    plans = os.environ.get("COMPETENT_COMPILED_QUERIES", "on")
    return replace(Settings(), compiled_queries=plans, index="need", cache_dir=cache_dir, max_executing=300, **PATIENT)


S = TypeVar("S", bound=Server)


@asynccontextmanager
async def alive(server: S) -> AsyncIterator[S]:
    """This server, while it runs."""
    async with server.client, server.app.router.lifespan_context(server.app):
        yield server


@asynccontextmanager
async def running(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    """A server with these settings, while it runs."""
    async with alive(Server(releases, settings)) as started:
        yield started


@pytest.fixture(scope="session")
def indexed(releases: Releases, cache_dir: Path) -> None:
    """The index of the current release is made: for tests of what waits for one only so long."""

    async def index() -> None:
        async with running(releases, replace(Settings(), index="need", cache_dir=cache_dir, **PATIENT)) as server:
            await server.app.state.services.indexes.ready("3.11")

    asyncio.run(index())


@pytest.fixture
async def server(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    """A server that has asked nothing yet."""
    async with running(releases, settings) as started:
        yield started
