"""A fake upstream with the faults of the sandbox, and clients in virtual time; records each call and its result."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID

import orjson

from graphql_api.competent import routes
from graphql_api.competent.routes import Route
from graphql_api.errors import UpstreamError
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.sandbox import Fault, Faults
from graphql_api.sandbox.fault_middleware import Faulty
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.call_event import CallEvent
from graphql_api.upstream.local_limiter import LocalLimiter
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.transport import AsgiTransport

SETTINGS = replace(Settings(), upstream_url="http://127.0.0.1:9", upstream_rate_limit=0)


@dataclass
class Result:
    """Result of one client: time of its request, duration in seconds, and error or None."""

    at: float
    seconds: float
    error: UpstreamError | None = None


@dataclass
class World:
    """An upstream that has every document and responds after `latency` seconds, unless a fault is injected."""

    settings: Settings = SETTINGS
    seed: int = 7
    latency: float = 0.05
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = Faults(random=Random(self.seed))
        self.random = Random(self.seed + 1)
        self.calls: list[tuple[float, str]] = []
        self.sent: list[dict[str, str]] = []
        self.events: list[CallEvent] = []
        self.under_way = self.most_under_way = 0
        self._faulty = Faulty(self._answer, self.faults)
        limiter = LocalLimiter(RateLimit.of(self.settings), self.now)
        client = AsgiTransport(self._record, self.settings)
        self.door = Upstream(client, self.settings, limiter, Random(self.seed + 2), self.events.append)

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    async def _record(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append((self.now(), scope["path"]))
        self.sent.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.latency)
            await self._faulty(scope, receive, send)
        finally:
            self.under_way -= 1

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = orjson.dumps({"id": scope["path"].rpartition("/")[2], "page": {}})
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def fail(self, match: str = "**", fault: str = "status", **more: Any) -> None:
        """Add a fault."""
        self.faults.add(Fault(match, fault, **more))

    def path(self, route: Route = routes.TECHNICAL_COMPETENCE) -> str:
        """The path of a document that was not requested before."""
        return route.path("3.11", UUID(int=self.random.getrandbits(128)))

    async def ask(self, path: str = "", urgency: Priority = Priority.INTERACTIVE, **more: Any) -> Result:
        """Fetch a document as one client."""
        at = self.now()
        error: UpstreamError | None = None
        try:
            await self.door.fetch(path or self.path(), FetchContext(urgency, **more))
        except UpstreamError as raised:
            error = raised
        return Result(at, self.now() - at, error)

    async def stream(self, a_second: float, seconds: float, **more: Any) -> list[Result]:
        """Run `a_second` clients per second at equal intervals, each with its own document."""
        return await self.each(int(a_second * seconds), 1 / a_second, lambda: self.ask(**more))

    async def each(self, count: int, every: float, make: Callable[[], Awaitable[Result]]) -> list[Result]:
        """Start `count` clients at intervals of `every` seconds, without waiting for their results."""
        asking = []
        for _ in range(count):
            asking.append(asyncio.ensure_future(make()))
            await asyncio.sleep(every)
        return list(await asyncio.gather(*asking))

    def calls_between(self, start: float, end: float) -> int:
        """Number of calls that arrived from `start` until before `end`."""
        return sum(start <= at < end for at, _ in self.calls)


def failed(results: list[Result]) -> float:
    """The fraction of clients that got an error."""
    return sum(result.error is not None for result in results) / len(results)


def slowest(results: list[Result]) -> float:
    """Duration in seconds of the slowest client."""
    return max(result.seconds for result in results)
