"""A uvicorn server on a socket of our own, so that a port in use is one sentence and a free port can be told."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import fields
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from graphql_api.observability.log_setup import begin_logging
from graphql_api.observability.metrics_endpoint import serve_on, shared_folder
from graphql_api.settings import Settings, variable
from graphql_api.settings.secret import Secret

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = logging.getLogger("graphql_api.server")

BACKLOG = 2048
"""Connections that may wait to be accepted."""


def serve_app(
    settings: Settings,
    build: "Callable[[], AbstractContextManager[tuple[Starlette, str]]]",
    announce: Callable[[str, str], str],
    worker: str = "",
) -> None:
    """Listen, say what is served, and serve until stopped; `build` gives the app and a line about its data.

    `worker` is the import string of a function that makes the app again in each of several processes.
    """
    begin_logging(settings)
    _raise_open_files()
    # Metrics are imported with the app: the folder that processes share for them has to be there before.
    with closing(listen(settings)) as listening, shared_folder(settings.workers), build() as (app, data):
        _say(announce(_address(listening), data))
        if settings.metrics.isdecimal():
            serve_on(settings.host, int(settings.metrics))
        # uvicorn ends by the signal that stopped it, once more; we have ended well by then.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        run(settings, listening, app, worker)


def _say(text: str) -> None:
    """Print for people, unless nobody listens any more."""
    try:
        print(text, flush=True)
    except OSError:  # a closed pipe, a full disk: what Python still holds is not tried again at the end
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # for as long as the process is


def run(settings: Settings, listening: socket.socket, app: "Starlette", worker: str) -> None:
    """Serve in this process, or in several that make the app again."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from graphql_api.server.protocol import BoundedConfig
    from graphql_api.server.websocket_protocol import WebSocketProtocol

    def draining() -> "Starlette":
        drain_first(getattr(app.state, "stopping", None) or asyncio.Event(), settings.drain)
        pause_shortly()
        return app

    several = settings.workers > 1
    config = BoundedConfig(
        worker if several else draining,
        factory=True,
        workers=settings.workers,
        arrival=settings.request_timeout,
        head_bytes=settings.max_header_bytes,
        frames=settings.websocket_frames,
        log_level=settings.log if settings.log != "info" else "warning",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the app itself knows the proxies to trust
        reset_contextvars=True,
        loop="graphql_api.server.event_loop:new_loop",
        ws=WebSocketProtocol,
        ws_max_size=settings.max_body_bytes,
        timeout_keep_alive=settings.idle_timeout,
        timeout_graceful_shutdown=settings.stop_timeout,
    )
    if several:
        Multiprocess(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def pause_shortly() -> None:
    """Keep the pauses of the garbage collector short: it looks at a generation in one piece, and every answer waits for that.

    What was there before the first request it never looks at again. A pause costs about a microsecond for each object that is
    looked at, most of them documents, which are trees without cycles: so it looks at few at a time, and rarely at all of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 5, 2_000)


def drain_first(stopping: asyncio.Event, seconds: float) -> None:
    """Put a time before uvicorn's own stop in which readiness says no, and requests are still taken and answered.

    Called in the loop of a server that has its handlers in place. A second signal stops at once.
    """
    loop = asyncio.get_running_loop()
    stop = signal.getsignal(signal.SIGTERM)
    assert callable(stop)

    def begin(number: int, frame: FrameType | None) -> None:
        wait = 0.0 if stopping.is_set() else seconds
        told = {"signal": signal.Signals(number).name, "drain_s": wait, "pid": os.getpid()}
        loop.call_soon_threadsafe(partial(log.info, "server stopping", extra={"told": told}))
        loop.call_soon_threadsafe(stopping.set)
        loop.call_soon_threadsafe(loop.call_later, wait, stop, number, None)

    signal.signal(signal.SIGTERM, begin)


def _raise_open_files() -> None:
    """Allow as many open files, and so connections, as the system lets this process have."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def write_environment(settings: Settings) -> None:
    """Put what differs from the defaults into the environment, and nothing else, for the worker processes that read it."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value == each.default:
            os.environ.pop(variable(each), None)
        else:
            told = os.pathsep.join(map(str, value)) if isinstance(value, tuple) else value
            os.environ[variable(each)] = told.reveal() if isinstance(told, Secret) else str(told)


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say; exits with a sentence where that is not possible."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        # Named as TCP, or asyncio would not know that its connections are to send at once (TCP_NODELAY).
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)  # at once: until then another process could take the same port
    except (OSError, UnicodeError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "invalid address"
        print(
            f"competent-graphql: cannot listen on {settings.host}:{settings.port}: {why}; choose another with --port",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
