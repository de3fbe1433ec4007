"""The event loop of the server: accepts all waiting connections, and continues when the system runs out of resources."""

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

import pytest

from graphql_api.server.event_loop import MAX_ACCEPTS_PER_TURN, PAUSE_SECONDS, BatchAcceptServer, new_loop

TURNS = 10
"""Of the loop: far fewer than there are connections."""


class Protocol(asyncio.Protocol):
    """Records its transports."""

    def __init__(self, made: list[asyncio.BaseTransport]) -> None:
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made.append(transport)


def listening_socket() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(200)
    return listener


def run(test: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(test())


def test_waiting_connections_are_accepted_in_a_few_passes() -> None:
    made: list[asyncio.BaseTransport] = []

    async def test() -> None:
        door = listening_socket()
        with ExitStack() as clients:
            for _ in range(60):
                clients.enter_context(socket.create_connection(door.getsockname()))
            server = await asyncio.get_running_loop().create_server(lambda: Protocol(made), sock=door)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            assert len(made) == 60
            for item in made:
                item.close()  # type: ignore[attr-defined]
            server.close()
            await server.wait_closed()

    run(test)


def test_responses_are_sent_without_delay() -> None:
    made: list[asyncio.BaseTransport] = []

    async def test() -> None:
        door = listening_socket()
        server = await asyncio.get_running_loop().create_server(lambda: Protocol(made), sock=door)
        with socket.create_connection(door.getsockname()):
            while not made:
                await asyncio.sleep(0)
            option = made[0].get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            made[0].close()
        server.close()
        assert option

    run(test)


def test_connections_after_shutdown_are_refused_by_the_system() -> None:
    async def test() -> None:
        door = listening_socket()
        address = door.getsockname()
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=door)
        server.close()
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)

    run(test)


def test_a_server_by_host_and_port_uses_the_standard_loop_server() -> None:
    async def test() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        assert not isinstance(server, BatchAcceptServer)
        server.close()
        await server.wait_closed()

    run(test)


class Loop:
    """An event loop that records the calls of BatchAcceptServer."""

    def __init__(self) -> None:
        self.reading = False
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.tasks: list[asyncio.Task[Any]] = []

    def add_reader(self, _: Any, callback: Callable[[], None]) -> None:
        self.reading, self.accept = True, callback

    def remove_reader(self, _: Any) -> None:
        self.reading = False

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Any:
        self.later.append((seconds, callback))

    def create_task(self, coroutine: Any) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.ensure_future(coroutine))
        return self.tasks[-1]

    async def connect_accepted_socket(self, _: Any, connection: Any) -> None:
        raise ConnectionResetError


class Connection:
    closed = False

    def setblocking(self, _: bool) -> None: ...

    def close(self) -> None:
        self.closed = True


class Listening(Connection):
    """A socket whose `accept` returns or raises these values."""

    def __init__(self, *coming: Connection | OSError) -> None:
        self.coming = list(coming)

    def accept(self) -> tuple[Connection, None]:
        if not self.coming:
            raise BlockingIOError
        result = self.coming.pop(0)
        if isinstance(result, OSError):
            raise result
        return result, None


def loop_that_accepts(door: Listening) -> Loop:
    loop = Loop()
    BatchAcceptServer(cast(asyncio.AbstractEventLoop, loop), asyncio.Protocol, cast(socket.socket, door))
    return loop


async def test_accepting_pauses_when_file_descriptors_run_out(caplog: pytest.LogCaptureFixture) -> None:
    loop = loop_that_accepts(Listening(OSError(errno.EMFILE, "Too many open files")))

    loop.accept()
    assert not loop.reading
    assert "cannot accept connections now: Too many open files" in caplog.text

    ((seconds, resume),) = loop.later
    assert seconds == PAUSE_SECONDS
    resume()
    assert loop.reading


async def test_a_connection_closed_before_it_was_accepted_is_cleaned_up() -> None:
    gone = Connection()
    loop = loop_that_accepts(Listening(gone))

    loop.accept()
    await asyncio.gather(*loop.tasks)
    assert gone.closed


async def test_accepting_leaves_connections_for_other_listeners() -> None:
    door = Listening(*(Connection() for _ in range(MAX_ACCEPTS_PER_TURN + 1)))
    loop = loop_that_accepts(door)

    loop.accept()
    assert len(door.coming) == 1
    await asyncio.gather(*loop.tasks)
