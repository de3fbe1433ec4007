"""A server over a sandbox that holds back its newest release, and WebSocket clients of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from graphql_api.http.streaming import Connections
from graphql_api.sandbox import Releases
from graphql_api.sandbox.document_store import ReleaseDocuments, documents_in_memory
from graphql_api.settings import Settings
from tests.conftest import Server, alive
from tests.few_profiles import few_profiles

SUBSCRIPTION = "subscription { releasePublished { number isCurrent skills(first: 1) { totalCount } } }"
PUBLISHED = {"releasePublished": {"number": "3.11", "isCurrent": True}}


@cache
def bundled() -> dict[str, ReleaseDocuments]:
    """The bundled releases with few profiles by number, created once because they are immutable."""
    return {dataset.number: documents_in_memory(dataset) for dataset in few_profiles()}


class Close(NamedTuple):
    """How a server closed a WebSocket."""

    messages: int
    code: int
    reason: str


@pytest.fixture(scope="session", autouse=True)
def close_bundled() -> Iterator[None]:
    """Closes the bundled releases after the last test."""
    yield
    for documents in bundled().values() if bundled.cache_info().currsize else ():
        documents.close()


class Socket:
    """A WebSocket to an ASGI app in this event loop, without a server."""

    def __init__(self, app: Any, headers: dict[str, str], subprotocols: list[str], address: str | None = None) -> None:
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        fields = {"host": "server.test"} | headers
        self.scope = {
            "type": "websocket",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
            "subprotocols": subprotocols,
            "scheme": "ws",
            "state": {},
            "client": address and (address, 50_000),
        }
        self._in.put_nowait({"type": "websocket.connect"})
        self.reading = asyncio.Event()
        """Cleared while this client reads nothing."""
        self.reading.set()
        self.task = asyncio.create_task(app(dict(self.scope), self._in.get, self._take))
        self.task.add_done_callback(lambda _: self._out.put_nowait({"type": "the app has ended"}))

    async def _take(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        await self._out.put(message)

    async def opened(self) -> Self:
        """Complete the handshake of graphql-transport-ws and return this socket."""
        await self.accepted()
        self.send(type="connection_init")
        assert await self.get() == {"type": "connection_ack"}
        return self

    async def accepted(self) -> None:
        """Wait until the server accepts the connection."""
        assert (await self._out.get())["type"] == "websocket.accept"

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        """Send a text frame."""
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        self._in.put_nowait({"type": "websocket.receive", "bytes": data})

    def subscribe(self, id: str, query: str, **payload: Any) -> None:
        """Start an operation."""
        self.send(type="subscribe", id=id, payload={"query": query} | payload)

    async def get(self) -> dict[str, Any]:
        """The next message of the server."""
        message = await self._out.get()
        assert message["type"] == "websocket.send", message
        assert isinstance(message["text"], str)
        parsed: dict[str, Any] = json.loads(message["text"])
        return parsed

    async def closed(self) -> int:
        """The close code of the server; earlier messages are ignored."""
        return (await self.until_closed()).code

    async def until_closed(self) -> Close:
        """The close code of the server, and the number of messages before it."""
        messages = 0
        while (message := await self._out.get())["type"] != "websocket.close":
            assert message["type"] != "the app has ended"
            messages += message["type"] == "websocket.send"
        await self.task
        return Close(messages, int(message["code"]), message.get("reason") or "")

    async def leave(self) -> None:
        """Disconnect, as after a network failure, and wait until the server has noticed."""
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1006})
        with suppress(asyncio.CancelledError):
            await self.task


class Live(Server):
    """A server whose sandbox publishes a release on request."""

    def __init__(self, settings: Settings) -> None:
        self.releases = Releases([bundled()["3.10"]])
        super().__init__(self.releases, settings)
        self.services = self.app.state.services
        self.connections: Connections = self.app.state.connections
        self.sockets: list[Socket] = []

    def socket(
        self,
        headers: dict[str, str] | None = None,
        subprotocols: tuple[str, ...] = ("graphql-transport-ws",),
        address: str | None = None,
    ) -> Socket:
        """A new connection."""
        self.sockets.append(Socket(self.app, headers or {}, list(subprotocols), address))
        return self.sockets[-1]

    async def opened(self) -> Socket:
        """A new connection after its handshake."""
        return await self.socket().opened()

    async def listened(self) -> None:
        """Wait until there is a subscriber and the current release is known."""
        while not self.services.published.subscribers:
            await asyncio.sleep(0)
        await self.services.follow_current()

    async def publish(self) -> None:
        """Publish the newest release and have the server check immediately."""
        self.releases.publish(bundled()["3.11"])
        await self.services.follow_current()

    async def close(self) -> None:
        for socket in self.sockets:
            await socket.leave()


@asynccontextmanager
async def live_server(settings: Settings) -> AsyncIterator[Live]:
    async with alive(Live(settings)) as started:
        yield started
        await started.close()


@pytest.fixture
def live_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings without caching of the current release, and without an existing index."""
    return replace(settings, current_ttl=0.0, stale_ttl=0.0, cache_dir=tmp_path)


@pytest.fixture
async def live(live_settings: Settings) -> AsyncIterator[Live]:
    async with live_server(live_settings) as started:
        yield started
