"""Three processes on one Valkey server, over a Competent API on a port: their calls in total, and the failures they survive."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from graphql_api.sandbox import Fault, Faults, Releases, create_sandbox
from tests.conftest import CP_7
from tests.server.processes import started
from tests.valkey.conftest import Server

pytestmark = pytest.mark.valkey

REPLICAS = 3
COMPETENCE = f"/releases/3.11/technicalcompetences/{CP_7}"


class Upstream:
    """A Competent API on a port of this machine."""

    def __init__(self, releases: Releases) -> None:
        self.faults = Faults()
        self.requested_paths: list[str] = []
        app = create_sandbox(releases, faults=self.faults, requests=self.requested_paths)
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Upstream"]:
        """Runs the upstream until the end of the context."""
        task = asyncio.create_task(self.server.serve())
        while not self.server.started:
            await asyncio.sleep(0.001)
        host, port = self.server.servers[0].sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            self.faults.clear()
            self.server.should_exit = True
            await task


class Replicas:
    """The processes, with a client for each."""

    def __init__(self, clients: list[httpx.AsyncClient]) -> None:
        self.clients = clients

    async def ask_all(self, query: str) -> list[Any]:
        """The responses of all of them to one query, sent at the same time."""
        return list(await asyncio.gather(*(self.ask(client, query) for client in self.clients)))

    async def ask(self, client: httpx.AsyncClient, query: str) -> Any:
        return (await client.post("/graphql", json={"query": query})).json()


@pytest.fixture
async def upstream(releases: Releases) -> AsyncIterator[Upstream]:
    async with Upstream(releases).running() as running:
        yield running


@asynccontextmanager
async def replicas(upstream: Upstream, valkey: Server, folder: Path, **more: str) -> AsyncIterator[Replicas]:
    """Three servers without upstream calls so far."""
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(REPLICAS):
            environment = {
                "COMPETENT_UPSTREAM_URL": upstream.url,
                "COMPETENT_STORE": valkey.url,
                "COMPETENT_CACHE_DIR": str(folder / str(number)),
                "COMPETENT_INDEX": "off",
                "COMPETENT_QUEUE_TIMEOUT": "60",  # a crowd waits, however slow the machine is
                **more,
            }
            base, _, _ = await stack.enter_async_context(started("serve", **environment))
            client = httpx.AsyncClient(base_url=base, transport=httpx.AsyncHTTPTransport(retries=8), timeout=30)
            clients.append(await stack.enter_async_context(client))
        yield Replicas(clients)


def competence(uuid: str) -> str:
    return f'{{ technicalCompetence(uuid: "{uuid}", release: "3.11") {{ code }} }}'


async def uuids(upstream: Upstream) -> list[str]:
    async with httpx.AsyncClient(base_url=upstream.url) as client:
        body = (await client.get("/releases/3.11/technicalcompetences?size=500")).text
    upstream.requested_paths.clear()
    return sorted(set(re.findall(r"/technicalcompetences/([0-9a-f-]{36})", body)))


async def test_concurrent_requests_to_all_replicas_share_one_upstream_call(
    upstream: Upstream, valkey: Server, tmp_path: Path
) -> None:
    upstream.faults.add(Fault("/releases/*/technicalcompetences/*", "slow", seconds=0.3))
    async with replicas(upstream, valkey, tmp_path) as three:
        answers = await three.ask_all(competence(CP_7))

        assert answers == [{"data": {"technicalCompetence": {"code": "CP-7"}}}] * REPLICAS
        assert upstream.requested_paths.count(COMPETENCE) == 1


async def test_one_replica_looks_up_the_current_release_for_all(
    upstream: Upstream, valkey: Server, tmp_path: Path
) -> None:
    async with replicas(upstream, valkey, tmp_path) as three:
        answers = await three.ask_all("{ release { number } }")

        assert answers == [{"data": {"release": {"number": "3.11"}}}] * REPLICAS
        assert upstream.requested_paths.count("/releases/current") == 1


async def test_a_server_killed_under_load_fails_no_operation(
    upstream: Upstream, valkey: Server, tmp_path: Path
) -> None:
    sample = (await uuids(upstream))[:90]
    upstream.faults.add(Fault("/releases/*/technicalcompetences/*", "slow", seconds=0.02))
    async with replicas(upstream, valkey, tmp_path) as three:

        async def load(client: httpx.AsyncClient, mine: list[str]) -> list[Any]:
            return [await three.ask(client, competence(uuid)) for uuid in mine]

        loads = [asyncio.create_task(load(client, sample)) for client in three.clients for _ in range(3)]
        while len(upstream.requested_paths) < len(sample) // 3:
            await asyncio.sleep(0.001)
        valkey.stop()
        answers = [answer for answers in await asyncio.gather(*loads) for answer in answers]

    assert [answer for answer in answers if "errors" in answer] == []
    assert len(answers) == len(sample) * REPLICAS * 3
    # Before the kill one call for all three, after it one for each of them.
    assert max(Counter(path for path in upstream.requested_paths if path.count("/") == 4).values()) <= REPLICAS


async def test_replicas_together_stay_within_the_rate_limit(upstream: Upstream, valkey: Server, tmp_path: Path) -> None:
    sample = (await uuids(upstream))[:60]
    async with replicas(upstream, valkey, tmp_path, COMPETENT_UPSTREAM_RATE_LIMIT="20") as three:
        parts = [(client, uuid) for client, uuid in zip(three.clients * len(sample), sample, strict=False)]
        answers = await asyncio.gather(*(three.ask(client, competence(uuid)) for client, uuid in parts))

    codes = [error["extensions"]["code"] for answer in answers for error in answer.get("errors", ())]
    assert len([path for path in upstream.requested_paths if path.count("/") == 4]) == 20
    assert codes == ["UPSTREAM_RATE_LIMITED"] * (len(sample) - 20)
