"""A crawl of the Competent API in this process: one call per document, not cached; the store loads those that fail."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.observability.fetch_context import FetchContext
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.faults import Fault, Faults
from graphql_api.services import Services
from graphql_api.settings import Settings
from tests.conftest import CP_7

PATH = f"/releases/3.11/technicalcompetences/{CP_7}"


class World:
    """Services over a sandbox with faults, and the paths that were requested from it."""

    def __init__(self, releases: Releases, folder: Path) -> None:
        self.requests: list[str] = []
        self.faults = Faults()
        sandbox = create_sandbox(releases, faults=self.faults, requests=self.requests)
        self.services = Services(replace(Settings(), cache_dir=folder, index="need"), sandbox)

    def calls(self, path: str) -> int:
        return Counter(self.requests)[path]


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


@pytest.fixture
async def world(releases: Releases, tmp_path: Path) -> AsyncIterator[World]:
    world = World(releases, tmp_path)
    yield world
    await world.services.aclose()


async def test_crawled_documents_are_not_cached(world: World) -> None:
    index = await world.services.loaders().index("3.11")

    assert index.missing == 0
    assert world.calls(PATH) == 1
    assert world.services.store.get_fresh(PATH) is None
    await world.services.store.get_many([PATH], FetchContext())
    assert world.services.store.get_fresh(PATH) is not None


@pytest.mark.parametrize("fault", ["status", "cut", "broken", "html"])
async def test_a_document_whose_call_fails_is_loaded_by_the_store(world: World, fault: str) -> None:
    world.faults.add(Fault(PATH, fault, times=1, retry_after=0 if fault == "status" else None))

    index = await world.services.loaders().index("3.11")

    assert index.missing == 0
    assert world.calls(PATH) == 2
