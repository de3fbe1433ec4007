"""The event loop that requests are served in: uvloop's, which takes all connections that wait for it.

uvloop itself takes one in each turn, so that under a crowd of new ones the last waits for as many turns as there are. Where
there is no uvloop, as on Windows, it is asyncio's own.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Connections that are taken in one turn: processes that listen together are to get some each."""
PAUSE = 1.0
"""Seconds for which none is taken where the system has no room for another."""


class BatchAcceptServer:
    """Takes the connections of a listening socket, and has the loop make each a transport: as much of asyncio's server as
    uvicorn asks for.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: Callable[[], asyncio.BaseProtocol], listening: socket.socket
    ) -> None:
        self._loop = loop
        self._protocol = protocol
        self._listening = listening
        self._connecting: set[asyncio.Task[Any]] = set()
        self._paused: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._begin()

    def _begin(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptors, no memory
                log.warning("cannot accept connections now: %s", error.strerror)
                self._loop.remove_reader(self._listening)
                self._paused = self._loop.call_later(PAUSE, self._begin)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # it is gone already
            connection.close()

    def close(self) -> None:
        """Take no more; those that were taken stay."""
        if self._listening.fileno() == -1:
            return
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    async def wait_closed(self) -> None:
        """Wait until those that were taken last have their protocols."""
        await asyncio.gather(*self._connecting)


try:
    from uvloop import Loop as _Loop
except ImportError:
    new_loop = asyncio.new_event_loop
else:

    class Loop(_Loop):
        """uvloop's, with this way to take connections from a socket that listens already."""

        async def create_server(self, protocol: Any, host: Any = None, port: Any = None, **how: Any) -> Any:  # type: ignore[override]
            """A server; one of a socket without TLS is ours."""
            listening, tls = how.get("sock"), how.get("ssl")
            if listening is None or tls is not None:
                return await super().create_server(protocol, host, port, **how)
            return BatchAcceptServer(self, protocol, listening)

    new_loop = Loop
