"""The data that operations are asked about: small for every run of the tests, all that is bundled for the long one."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.plan.bench import Bench
from tests.plan.scenarios import Data


@pytest.fixture(scope="module", params=["small"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Made once a module."""
    with asyncio.Runner() as runner:
        yield Bench(runner, runner.run(Data.of(tmp_path_factory.mktemp("plans"), request.param == "small")))
