"""Runs uvicorn on our own socket, so that a port in use gives a short error and an automatically chosen port is known."""

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
from graphql_api.settings.environment import Secret

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger("graphql_api.server")

BACKLOG = 2048
"""Maximum number of connections waiting to be accepted."""


def serve_app(
    settings: Settings,
    build: "Callable[[], AbstractContextManager[tuple[ASGIApp, str]]]",
    announce: Callable[[str, str], str],
    worker: str = "",
) -> None:
    """Listen and serve until stopped.

    `build` creates the app and a line about its data; `announce(address, data)` returns the text to print. `worker` is the
    import string of the app factory for worker processes.
    """
    begin_logging(settings)
    _raise_open_files()
    # Building the app imports the metrics, which need their shared folder to exist.
    with closing(listen(settings)) as listening, shared_folder(settings.workers), build() as (app, data):
        if settings.metrics.isdecimal():
            serve_on(settings.host, int(settings.metrics))
        # uvicorn raises the stop signal again after a clean shutdown; ignore it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        run(settings, listening, app, worker, announce(_address(listening), data))


def _print(text: str) -> None:
    """Print to standard output; ignores errors such as a closed pipe."""
    try:
        print(text, flush=True)
    except OSError:  # a closed pipe, a full disk; Python must not retry its buffer at exit
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # open until the process ends


def run(settings: Settings, listening: socket.socket, app: "ASGIApp", worker: str, announcement: str) -> None:
    """Serve in this process, or with several workers in processes that each build the app from `worker`.

    Prints the announcement once all modules are imported, when only the event loop has yet to start.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from graphql_api.server.protocol import BoundedConfig
    from graphql_api.server.websocket_protocol import WebSocketProtocol

    def build_draining() -> "ASGIApp":
        stopping = getattr(getattr(app, "state", None), "stopping", None)
        install_graceful_drain(stopping or asyncio.Event(), settings.drain)
        tune_gc()
        _print(announcement)
        return app

    has_workers = settings.workers > 1
    config = BoundedConfig(
        worker if has_workers else build_draining,
        factory=True,
        workers=settings.workers,
        arrival_timeout=settings.request_timeout,
        max_head_bytes=settings.max_header_bytes,
        frames_per_second=settings.websocket_frames,
        log_level=settings.log if settings.log != "info" else "warning",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the app has its own middleware for trusted proxies
        loop="graphql_api.server.event_loop:new_loop",
        ws=WebSocketProtocol,
        ws_max_size=settings.max_body_bytes,
        timeout_keep_alive=settings.idle_timeout,
        timeout_graceful_shutdown=settings.stop_timeout,
    )
    if has_workers:
        _print(announcement)
        Multiprocess(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def tune_gc() -> None:
    """Keep garbage collector pauses short, because every request waits for them.

    Objects that exist at startup are frozen and never scanned again. A pause takes about a microsecond per scanned object.
    Most objects are documents, trees without cycles, so collections of young objects are small and full ones are rare.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(8_000, 1, 3_000)


def install_graceful_drain(stopping: asyncio.Event, seconds: float) -> None:
    """Delay uvicorn's shutdown on SIGTERM by `seconds`, in which readiness fails but requests are still accepted and answered.

    Call it in the event loop after uvicorn has installed its signal handlers. A second signal stops immediately.
    """
    loop = asyncio.get_running_loop()
    stop = signal.getsignal(signal.SIGTERM)
    assert callable(stop)

    def begin(number: int, frame: FrameType | None) -> None:
        wait = 0.0 if stopping.is_set() else seconds
        text = {"signal": signal.Signals(number).name, "drain_s": wait, "pid": os.getpid()}
        loop.call_soon_threadsafe(partial(log.info, "server stopping", extra={"fields": text}))
        loop.call_soon_threadsafe(stopping.set)
        loop.call_soon_threadsafe(loop.call_later, wait, stop, number, None)

    signal.signal(signal.SIGTERM, begin)


def _raise_open_files() -> None:
    """Raise the limit of open files, and so of connections, to the system's maximum for this process."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


def write_environment(settings: Settings) -> None:
    """Write settings that differ from their defaults to the environment for worker processes; unset the variables of others."""
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if value == setting.default:
            os.environ.pop(variable(setting), None)
        else:
            text = os.pathsep.join(map(str, value)) if isinstance(value, tuple) else value
            os.environ[variable(setting)] = text.reveal() if isinstance(text, Secret) else str(text)


def listen(settings: Settings) -> socket.socket:
    """Listen on the configured host and port; prints an error and exits with status 2 if that fails."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        # IPPROTO_TCP is explicit because asyncio sets TCP_NODELAY only on sockets that have it.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)  # now: until then another process could take the same port
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "invalid address"
        print(
            f"competent-graphql: cannot listen on {settings.host}:{settings.port}: {reason}; choose another with --port",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
