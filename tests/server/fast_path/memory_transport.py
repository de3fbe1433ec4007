"""A client connection without a socket: requests go in as bytes, responses are buffered until they are read.

A spy, passed in instead of patched in, records if the fast path served a request.
"""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from starlette.types import Scope
from uvicorn.server import ServerState

from graphql_api.server.protocol import BoundedConfig, BoundedHttpProtocol, FastPathHandler, Unanswered
from graphql_api.server.response_cycle import Headers
from tests.conftest import LONG
from tests.server.test_response_cycle import RecordingTransport

SERVERS_OWN = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
"""Headers that the server adds first to each response."""


class Answer(NamedTuple):
    """A response as a client sees it: unordered headers without the request id, and the decompressed body."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    request_id: str = ""

    def field(self, name: str) -> str | None:
        """The value of a header, or None."""
        return dict(self.fields).get(name)

    @property
    def json(self) -> Any:
        """The parsed body."""
        return orjson.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The error codes in the body."""
        return [item["extensions"]["code"] for item in self.json.get("errors", ())]

    @property
    def seen(self) -> "Answer":
        """The response without the request id, which differs each time."""
        body = self.body
        if b'"requestId"' in body:
            body = body.replace(self.request_id.encode(), b"")
        return self._replace(body=body, request_id="")


class Spy:
    """Wraps a fast path and records whether it served each request, by bytes or after parsing."""

    def __init__(self, fast: FastPathHandler) -> None:
        self._fast = fast
        self.served: list[bool] = []

    def respond(self, request: bytes, fields: Headers) -> bytes | Unanswered:
        response = self._fast.respond(request, fields)
        if response is not Unanswered.UNPARSED:
            self.served.append(isinstance(response, bytes))
        return response

    def respond_to_parsed(self, scope: Scope, body: bytes, came: bytes | None, fields: Headers) -> bytes | None:
        response = self._fast.respond_to_parsed(scope, body, came, fields)
        self.served.append(response is not None)
        return response


class Wire(RecordingTransport):
    """A transport that signals writes; `unsent` is the number of bytes not yet taken by the client."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()
        self.unsent = 0

    def write(self, data: Any) -> None:
        assert not self.closed
        super().write(data)
        self.more.set()

    def close(self) -> None:
        super().close()
        self.more.set()

    abort = close

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        """Do nothing: clients in tests send little."""

    resume_reading = pause_reading


class Line:
    """A client connection; without a spy its server has no fast path. `clock` is an asyncio loop or a stand-in for one."""

    def __init__(self, config: BoundedConfig, spy: Spy | None, clock: Any = None) -> None:
        self.spy = spy
        self.wire = Wire()
        state = ServerState()
        state.default_headers = SERVERS_OWN
        fast: dict[str, Any] = {} if spy is None else {"fast_path": spy}
        self.protocol = BoundedHttpProtocol(config, state, fast, clock or asyncio.get_running_loop())
        self.protocol.connection_made(self.wire)
        self._rest = b""

    def send(self, *pieces: bytes) -> None:
        """Deliver these chunks one after the other, before any other task runs."""
        for piece in pieces:
            self.protocol.data_received(piece)

    async def ask(self, *pieces: bytes) -> Answer:
        """Send a request in these pieces, in an event-loop pass of its own, and return the response."""
        await asyncio.sleep(0)
        self.send(*pieces)
        return await self.answer(bodiless=pieces[0].startswith(b"HEAD"))

    async def ask_fast(self, *pieces: bytes) -> tuple[Answer, bool]:
        """Like `ask`, and whether the fast path served it."""
        assert self.spy is not None
        before = len(self.spy.served)
        answer = await self.ask(*pieces)
        served = self.spy.served[before:]
        assert len(served) <= 1, "it was tried twice"
        return answer, served == [True]

    async def answer(self, bodiless: bool = False) -> Answer:
        """The next response on this connection; `bodiless` is for HEAD requests."""
        head, _, body = (await self._until(lambda received: b"\r\n\r\n" in received)).partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        fields = [(name, value) for name, _, value in (item.partition(": ") for item in lines)]
        by_name = dict(fields)
        assert len(by_name) == len(fields)
        if by_name.get("transfer-encoding") == "chunked":
            body = _unchunked((await self._until(lambda received: received.endswith(b"0\r\n\r\n")))[len(head) + 4 :])
            self._rest = b""
        else:
            end = len(head) + 4 + (0 if bodiless else int(by_name.get("content-length", 0)))
            buffered = await self._until(lambda received: len(received) >= end)
            self._rest, body = buffered[end:], buffered[len(head) + 4 : end]
        if by_name.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
            del by_name["content-length"]  # differences in compression do not matter
        request_id = by_name.pop("x-request-id", "")
        return Answer(int(line.split(" ")[1]), tuple(sorted(by_name.items())), body, request_id)

    async def closed(self) -> bytes:
        """All bytes until the connection is closed."""
        async with asyncio.timeout(LONG):
            while not self.wire.closed:
                self.wire.more.clear()
                await self.wire.more.wait()
        return b"".join(self.wire.pieces)

    async def _until(self, enough: Callable[[bytes], bool]) -> bytes:
        async with asyncio.timeout(LONG):
            while True:
                self._rest += b"".join(self.wire.pieces)
                self.wire.pieces.clear()
                if enough(self._rest):
                    return self._rest
                assert not self.wire.closed, f"the connection was closed after {self._rest!r}"
                self.wire.more.clear()
                await self.wire.more.wait()


def _unchunked(body: bytes) -> bytes:
    response = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        response += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return response


_FIELDS = {"Host": "server.test", "Content-Type": "application/json"}


def request(body: bytes = b"", line: str = "POST /graphql HTTP/1.1", **fields: str | None) -> bytes:
    """A request with this body; a header that is None is omitted."""
    headers = (
        _FIELDS | {"Content-Length": str(len(body))} | {name.replace("_", "-"): item for name, item in fields.items()}
    )
    head = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def post(query: str | None, variables: Any = None, more: Any = None, **fields: str | None) -> bytes:
    """A POST request for an operation; `more` has further members of its body."""
    members = {"query": query, "variables": variables} | (more or {})
    return request(orjson.dumps({name: value for name, value in members.items() if value is not None}), **fields)


def with_field(request_bytes: bytes, *lines: bytes) -> bytes:
    """The request with these header lines appended."""
    head, _, body = request_bytes.partition(b"\r\n\r\n")
    return b"\r\n".join([head, *lines, b"", body])
