"""A crawl of the Competent API in this process: documents are read without requests; with faults, the store requests them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from graphql_api.observability.fetch_context import FetchContext
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.app import Sandbox
from graphql_api.sandbox.faults import Fault, Faults
from graphql_api.services import Services
from graphql_api.settings import Settings
from graphql_api.store import in_process
from graphql_api.store.in_process import SLICE, InProcessLoader
from tests.conftest import CP_7

PATH = f"/releases/3.11/technicalcompetences/{CP_7}"


class World:
    """Services over a sandbox with faults, the paths that were read or requested from it, and those that were requested."""

    def __init__(self, releases: Releases, folder: Path) -> None:
        self.requests, self.over_http = list[str](), list[str]()
        self.faults = Faults()
        sandbox = create_sandbox(releases, faults=self.faults, requests=self.requests)
        self.record_http(sandbox)
        self.services = Services(replace(Settings(), cache_dir=folder, index="need"), sandbox)

    def record_http(self, sandbox: Sandbox) -> None:
        """Record the paths of requests to the sandbox."""
        service = sandbox._service

        async def recording(scope: Scope, receive: Receive, send: Send) -> None:
            self.over_http.append(scope["path"])
            await service(scope, receive, send)

        sandbox._service = recording

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


async def test_crawled_documents_are_read_once_without_requests_and_not_cached(world: World) -> None:
    index = await world.services.loaders().index("3.11")

    assert index.missing == 0
    assert set(Counter(world.requests).values()) == {1}
    assert PATH in world.requests
    assert set(world.over_http) <= {"/releases/3.11"}
    assert world.services.store.get_fresh(PATH) is None
    await world.services.store.get_many([PATH], FetchContext())
    assert world.services.store.get_fresh(PATH) is not None


@pytest.mark.parametrize("fault", ["status", "cut", "broken", "html"])
async def test_with_faults_documents_are_requested_by_the_store(world: World, fault: str) -> None:
    world.faults.add(Fault(PATH, fault, times=1, retry_after=0 if fault == "status" else None))

    index = await world.services.loaders().index("3.11")

    assert index.missing == 0
    assert world.calls(PATH) == 2


@pytest.mark.parametrize(("took", "turns"), [(0.0, 1), (SLICE * 2, 5)])
async def test_in_process_reads_yield_to_the_event_loop(
    took: float, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, reads, count = 1.0, list[int](), 0
    monkeypatch.setattr(in_process, "perf_counter", lambda: now)

    def read(path: str) -> bytes:
        nonlocal now
        now += took
        reads.append(count)
        return b"{}"

    async def count_turns() -> None:
        nonlocal count
        while len(reads) < 5:
            count += 1
            await asyncio.sleep(0)

    loader = InProcessLoader(read, lambda path: pytest.fail("requested"))
    await asyncio.gather(count_turns(), *(loader.load("/releases") for _ in range(5)))

    assert len(set(reads)) == turns
