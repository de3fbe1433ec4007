"""Fixtures for a server with the fast path and compiled queries, regardless of the environment."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server
from tests.server.fast_path.two_connections import Both, both

Made = Callable[..., AbstractAsyncContextManager[Both]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with compiled queries and the fast path on."""
    return replace(settings, compiled_queries="on", fast_path="on")


@pytest.fixture
def made(releases: Releases, settings: Settings) -> Made:
    """Creates a server with these settings and both connections to it."""
    return lambda **changes: both(Server(releases, replace(settings, **changes).checked()))


@pytest.fixture
async def two(releases: Releases, settings: Settings) -> AsyncIterator[Both]:
    """Both connections to a server with default settings."""
    async with both(Server(releases, settings)) as pair:
        yield pair
