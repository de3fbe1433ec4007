"""Data for comparing servers: small in every test run, all bundled data in the long one."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from graphql_api.sandbox import bundled_releases
from tests.execution.compiled.run_examples import Bench
from tests.execution.compiled.scenarios import Data
from tests.variants.small_releases import small_releases


@pytest.fixture(scope="module", params=["small"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench, created once per module."""
    opened = small_releases() if request.param == "small" else bundled_releases()
    with closing(opened) as releases, asyncio.Runner() as runner:
        yield Bench(runner, runner.run(Data.of(tmp_path_factory.mktemp("plans"), releases)))
