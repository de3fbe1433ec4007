"""Fixtures of tests of crawls."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphql_api.sandbox import Releases
from tests.index.crawls import World


@pytest.fixture
async def world(releases: Releases, tmp_path: Path) -> AsyncIterator[World]:
    made = World(releases, tmp_path / "index")
    yield made
    await made.aclose()
