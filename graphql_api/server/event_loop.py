"""The server's event loop: uvloop, changed to accept many waiting connections per turn.

uvloop accepts one connection per turn, so in a burst the last one waits for as many turns as there are connections. Without
uvloop, as on Windows, asyncio's own loop is used.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

MAX_ACCEPTS_PER_TURN = 100
"""Maximum number of connections accepted per turn, so that worker processes on the same socket share them."""
PAUSE_SECONDS = 1.0
"""Seconds to stop accepting after the system ran out of file descriptors or memory."""


class BatchAcceptServer:
    """Accepts the connections of a listening socket and creates a transport for each.

    Implements as much of `asyncio.Server` as uvicorn uses.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: Callable[[], asyncio.BaseProtocol], listening: socket.socket
    ) -> None:
        self._loop = loop
        self._protocol = protocol
        self._listening = listening
        self._connecting: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._resume()

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(MAX_ACCEPTS_PER_TURN):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptors, no memory
                log.warning("cannot accept connections now: %s", error.strerror)
                self._loop.remove_reader(self._listening)
                self._paused = self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client is already gone
            connection.close()

    def close(self) -> None:
        """Stop accepting and close the socket; accepted connections stay open."""
        if self._listening.fileno() == -1:
            return
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    async def wait_closed(self) -> None:
        """Wait until every accepted connection has its protocol."""
        await asyncio.gather(*self._connecting)


try:
    from uvloop import Loop as _Loop
except ImportError:
    new_loop = asyncio.new_event_loop
else:

    class Loop(_Loop):
        """uvloop's loop, with BatchAcceptServer for sockets that already listen."""

        async def create_server(self, protocol: Any, host: Any = None, port: Any = None, **options: Any) -> Any:  # type: ignore[override]  # the stub of uvloop names every option
            """Create a server: BatchAcceptServer for a socket without TLS, else uvloop's."""
            listening, tls = options.get("sock"), options.get("ssl")
            if listening is None or tls is not None:
                return await super().create_server(protocol, host, port, **options)
            return BatchAcceptServer(self, protocol, listening)

    new_loop = Loop
