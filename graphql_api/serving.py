"""A uvicorn server on a socket of our own, so that a port in use is one sentence and a free port can be told."""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import fields
from typing import TYPE_CHECKING

from graphql_api.logs import start_logging
from graphql_api.secret import Secret
from graphql_api.settings import Settings, variable

if TYPE_CHECKING:
    from starlette.applications import Starlette

BACKLOG = 2048
"""Connections that may wait to be accepted."""
GRACE = 10
"""Seconds that running requests get to finish in when the server is told to stop."""


def serve_app(
    settings: Settings,
    build: "Callable[[], AbstractContextManager[tuple[Starlette, str]]]",
    announce: Callable[[str, str], str],
    grace: int = GRACE,
) -> None:
    """Listen, say what is served, and serve until stopped; `build` gives the app and a line about its data."""
    import uvicorn

    begin_logging(settings)
    with closing(_listen(settings)) as listening, build() as (app, data):
        several = settings.workers > 1
        config = uvicorn.Config(
            "graphql_api.serving:worker" if several else app,
            factory=several,
            workers=settings.workers,
            log_level=settings.log if settings.log != "info" else "warning",
            log_config=None,
            access_log=False,
            reset_contextvars=True,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=grace,
        )
        print(announce(_address(listening), data), flush=True)
        if several:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, sockets=[listening]).run()
        else:
            uvicorn.Server(config).run(sockets=[listening])


def worker() -> "Starlette":
    """The app of one of several processes, made from the environment that the first one wrote."""
    from graphql_api.app import create_app
    from graphql_api.parts import open_sandbox
    from graphql_api.sandbox import create_sandbox

    settings = Settings.from_environment().checked()
    begin_logging(settings)
    return create_app(settings, None if settings.live else create_sandbox(open_sandbox(settings)))


def begin_logging(settings: Settings) -> None:
    """Log as the settings say, and never the key."""
    start_logging(settings.log, settings.log_format or None, [settings.key().reveal()] if settings.live else ())  # type: ignore[arg-type]


def write_environment(settings: Settings) -> None:
    """Put what differs from the defaults into the environment, for the worker processes that read it again."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value != each.default:
            told = os.pathsep.join(map(str, value)) if isinstance(value, tuple) else value
            os.environ[variable(each)] = told.reveal() if isinstance(told, Secret) else str(told)


def _listen(settings: Settings) -> socket.socket:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)  # at once: until then another process could take the same port
    except (OSError, UnicodeError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "this is no address"
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
