"""A server with the fast path, whatever the environment says of plans."""

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
    """With plans."""
    return replace(settings, compiled_queries="on", fast_path="on")


@pytest.fixture
def made(releases: Releases, settings: Settings) -> Made:
    """Makes a server with settings of its own, and both connections to it."""
    return lambda **chosen: both(Server(releases, replace(settings, **chosen).checked()))


@pytest.fixture
async def two(releases: Releases, settings: Settings) -> AsyncIterator[Both]:
    """Both connections to a server as it is by default."""
    async with both(Server(releases, settings)) as found:
        yield found
