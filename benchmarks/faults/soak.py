"""The parts of each scenario: an upstream that fails on demand, a server, fifty clients, and their results."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import aiohttp

from benchmarks.servers import Serving, free_port, running, serving

CLIENTS = 50
COMPETENCES = "/releases/3.11/technicalcompetences/"
ONE_COMPETENCE = "/releases/*/technicalcompetences/*"
QUERY = 'query($u: UUID!) { technicalCompetence(uuid: $u, release: "3.11") { uuid skill { code } } }'
SETTINGS = {
    "COMPETENT_STORE": "memory:",
    "COMPETENT_INDEX": "off",
    "COMPETENT_UPSTREAM_RATE_LIMIT": "0",
    "COMPETENT_LOG": "error",
}

ONCE = {"Connection": "close"}
"""Headers for commands to the upstream, which might close an idle connection just when one is sent."""


@dataclass(slots=True)
class Seen:
    """The result of one client."""

    at: float
    seconds: float
    cached: bool
    codes: list[str]
    stale: bool
    wrong: bool


@dataclass
class Soak:
    """The upstream and the server, with requests to both."""

    http: aiohttp.ClientSession
    server: Serving
    upstream: str
    seconds: float
    random: Random = field(default_factory=lambda: Random(11))  # noqa: S311
    cached: list[str] = field(default_factory=list)

    def new(self, prefix: str = "") -> str:
        """An id that was not requested before."""
        text = str(UUID(int=self.random.getrandbits(128)))
        return prefix + text[len(prefix) :]

    async def answer(self, query: str, **variables: str) -> dict[str, Any]:
        """The body of a response; after an exception, a body with its name as error code."""
        try:
            async with self.http.post(
                f"{self.server.url}/graphql", json={"query": query, "variables": variables}
            ) as response:
                answer: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return {"errors": [{"extensions": {"code": type(error).__name__}}]}
        return answer

    async def ask(self, uuid: str, cached: bool = False, query: str = QUERY) -> Seen:
        """Run one operation for a competence."""
        began = time.monotonic()
        answer = await self.answer(query, u=uuid)
        thing: dict[str, Any] = (answer.get("data") or {}).get("technicalCompetence") or {}
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        stale = bool(answer.get("extensions", {}).get("upstream", {}).get("stale"))
        wrong = bool(thing) and thing["uuid"] != uuid
        return Seen(began, time.monotonic() - began, cached, codes, stale, wrong)

    async def warm(self, count: int = 50) -> None:
        """Have the server cache `count` documents."""
        self.cached = [self.new() for _ in range(count)]
        for uuid in self.cached:
            seen = await self.ask(uuid)
            assert not seen.codes, seen

    async def load(self, unknown: float = 30.0, cached: float = 30.0, seconds: float | None = None) -> list[Seen]:
        """Run fifty independent clients, which together request this many unknown and known documents per second."""
        until = time.monotonic() + (seconds or self.seconds)
        pause = CLIENTS / (unknown + cached)
        seen: list[Seen] = []

        async def client() -> None:
            await asyncio.sleep(self.random.uniform(0, pause))
            while (began := time.monotonic()) < until:
                stored = bool(self.cached) and self.random.random() < cached / (unknown + cached)
                seen.append(await self.ask(self.random.choice(self.cached) if stored else self.new(), stored))
                await asyncio.sleep(max(pause - (time.monotonic() - began), 0))

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return seen

    async def fail(self, fault: str = "status", match: str = "**", **more: Any) -> None:
        """Inject a fault from now on."""
        order = {"match": match, "kind": fault, **more}
        async with self.http.post(f"{self.upstream}/sandbox/faults", json=order, headers=ONCE) as done:
            assert done.status == 201, await done.text()

    async def order(self, what: str, **query: str) -> None:
        """Send the upstream a command that is not a fault."""
        async with self.http.post(f"{self.upstream}/book/{what}", params=query) as done:
            assert done.status == 200, await done.text()

    async def heal(self) -> None:
        """Remove all faults."""
        async with self.http.delete(f"{self.upstream}/sandbox/faults", headers=ONCE):
            pass

    async def book(self) -> dict[str, Any]:
        """The calls to upstream since the last reset, which this resets."""
        async with self.http.delete(f"{self.upstream}/book") as response:
            book: dict[str, Any] = await response.json(content_type=None)
            return book


def failed(seen: list[Seen], cached: bool) -> float:
    """The percentage of these that failed."""
    responses = [response for response in seen if response.cached == cached]
    return 100 * sum(bool(item.codes) for item in responses) / max(len(responses), 1)


def p99(seen: list[Seen]) -> float:
    """The 99th percentile for known documents, in milliseconds."""
    times = sorted(response.seconds for response in seen if response.cached)
    return 1000 * times[int(len(times) * 0.99)] if times else 0.0


def keys(seen: list[Seen]) -> int:
    """Number of requests for unknown documents."""
    return sum(not response.cached for response in seen)


class Row(NamedTuple):
    """A promise: number, scenario, required figure, measured figure, and whether it holds."""

    number: str
    what: str
    required: str
    measured: str
    met: bool


Scenario = Callable[[Soak], Awaitable[list[Row]]]
SCENARIOS: list[tuple[list[str], Scenario, dict[str, str]]] = []


def scenario(promises: str, **settings: str) -> Callable[[Scenario], Scenario]:
    """Register a scenario for these promises, with the additional settings that it needs."""

    def add(one: Scenario) -> Scenario:
        SCENARIOS.append((promises.split(), one, settings))
        return one

    return add


@asynccontextmanager
async def upstream_on(port: int) -> AsyncIterator[str]:
    """Start the upstream and yield its base URL once it responds."""
    url = f"http://127.0.0.1:{port}"
    async with running("-m", "benchmarks.faults.upstream", str(port)), aiohttp.ClientSession() as http:
        await until_ok(http, f"{url}/book")
        yield url


async def until_ok(http: aiohttp.ClientSession, url: str, seconds: float = 30.0) -> float:
    """Wait until a URL returns 200; return the seconds that it took."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(url) as response:
                if response.status == 200:
                    return passed
        await asyncio.sleep(0.05)
    raise SystemExit(f"no server answers at {url}")


async def run(one: Scenario, settings: dict[str, str], seconds: float) -> list[Row]:
    """Run one scenario, with an upstream and a server of its own."""
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        upstream_on(free_port()) as upstream,
        serving(COMPETENT_UPSTREAM_URL=upstream, **(SETTINGS | settings)) as server,
    ):
        await until_ok(http, f"{server.url}/health/ready")
        return await one(Soak(http, server, upstream, seconds))
