"""Commands that run until they are stopped: serve, mcp, sandbox."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphql_api import how_to_install
from graphql_api.cli.bootstrap import Data, Lenient, MappingFiles, Titles, app_of, open_releases, settings_of, stop
from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

ALONE = {"workers": 1, "metrics": "off", "drain": 0.0, "stop_timeout": 1}
"""Settings of `mcp --http` and `sandbox`: one process, no metrics, no draining."""
WORKER = "graphql_api.cli.worker:worker"
"""Import path of the app factory for each worker process."""


def serve(
    data: Data = None,
    lenient: Lenient = False,
    titles: Titles = None,
    mapping: MappingFiles = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [env: COMPETENT_HOST] [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="TCP port; 0 picks a free one. [env: COMPETENT_PORT] [default: 8000]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of server processes. [env: COMPETENT_WORKERS] [default: 1]")
    ] = None,
) -> None:
    """Serve GraphQL and GraphiQL over HTTP.

    GraphQL is at /graphql, GraphiQL at /graphiql. With COMPETENT_UPSTREAM_URL and COMPETENT_API_KEY in the environment it
    uses that Competent API. Otherwise it uses the built-in sandbox, with bundled data or with the releases in --data (the
    highest number is `current`).
    """
    from graphql_api.server.uvicorn_server import serve_app, write_environment

    settings = settings_of(data, lenient, titles=titles, mapping=mapping, host=host, port=port, workers=workers)
    write_environment(settings)
    serve_app(settings, lambda: app_of(settings), _announce(settings), WORKER)


def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP on /mcp instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on, with --http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port, with --http; 0 picks a free one.")] = 8001,
    language: Annotated[
        str, typer.Option("--language", "-l", help="Languages in order of preference, such as `fr,nl`.")
    ] = "",
    data: Data = None,
    lenient: Lenient = False,
    titles: Titles = None,
    mapping: MappingFiles = None,
) -> None:
    """Serve tools for AI agents over the Model Context Protocol (MCP).

    The tools are the example operations, and three for queries of an agent's own. It uses the same data as `serve`: the Competent
    API in the settings, otherwise the sandbox. Requires the extra `mcp`.
    """
    from graphql_api.observability.log_setup import begin_logging
    from graphql_api.server.uvicorn_server import serve_app

    _demand_mcp()
    if not http:
        settings = settings_of(data, lenient, titles=titles, mapping=mapping, access="off")
        begin_logging(settings)
        _serve_tools_on_pipes(settings, language)
        return
    settings = settings_of(data, lenient, titles=titles, mapping=mapping, host=host, port=port, **ALONE)
    if settings.access == "passthrough":
        stop("mcp --http uses the key of this server: set COMPETENT_ACCESS=keys or off")
    message = "MCP on http://{}/mcp\nServing {}."
    serve_app(settings, lambda: tools_app_of(settings, language), message.format)


def _demand_mcp() -> None:
    try:
        import graphql_api.http.mcp.server  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        stop(f"mcp requires the library of the Model Context Protocol: {how_to_install('mcp')}")


def _serve_tools_on_pipes(settings: Settings, language: str) -> None:
    from graphql_api.http.mcp.server import create_mcp, serve_stdio

    with app_of(settings) as (app, _):
        asyncio.run(serve_stdio(create_mcp(app, language)))


@contextmanager
def tools_app_of(settings: Settings, language: str) -> "Iterator[tuple[Starlette, str]]":
    """The app that serves the tools over HTTP with the access policy of the settings, and a description of its data."""
    from starlette.middleware import Middleware

    from graphql_api.http.auth import access_policy_for, auth_middleware
    from graphql_api.http.forwarded import forwarded_middleware
    from graphql_api.http.mcp.server import CheckedBodies, create_mcp

    with app_of(replace(settings, access="off", host="127.0.0.1")) as (app, data):
        tools_app = create_mcp(app, language).streamable_http_app(
            json_response=True, stateless_http=True, host=settings.host
        )
        tools_app.user_middleware = [
            *forwarded_middleware(settings),
            *tools_app.user_middleware,
            *auth_middleware(access_policy_for(settings)),
        ]
        tools_app.user_middleware += [Middleware(CheckedBodies, settings.max_body_bytes)]
        tools_app.router.redirect_slashes = False
        yield tools_app, data


def sandbox(
    data: Data = None,
    lenient: Lenient = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 picks a free one.")] = 9000,
    key: Annotated[
        str | None, typer.Option(help="Require this key in X-IBM-Client-Id, as VDAB does. Default: any key or none.")
    ] = None,
    plan: Annotated[int | None, typer.Option(min=1, help="Calls per minute before 429. Default: no limit.")] = None,
    hold: Annotated[
        int,
        typer.Option(min=0, help="Number of newest releases to hold back; POST /sandbox/releases publishes the next."),
    ] = 0,
    recording: Annotated[
        Path | None, typer.Option(help="Serve only the responses that `doctor --record` saved in this folder.")
    ] = None,
) -> None:
    """Serve the sandbox, a stand-in for the Competent API, over HTTP.

    It responds as VDAB's API does, with bundled data or with the releases in --data. POST to /sandbox/faults to inject faults,
    and to /sandbox/releases to publish a release.
    """
    from graphql_api.sandbox import create_sandbox
    from graphql_api.server.uvicorn_server import serve_app

    settings = settings_of(data, lenient, host=host, port=port, upstream_url="", **ALONE)

    @contextmanager
    def app() -> "Iterator[tuple[ASGIApp, str]]":
        if recording is not None:
            yield _recorded(recording)
            return
        with closing(open_releases(settings)) as releases:
            try:
                releases.hold(hold)
            except ValueError as error:
                stop(f"--hold: {error}")
            yield create_sandbox(releases, key=key, rate_limit=plan), releases.describe()

    message = "Try http://{}/releases/current, or point a client of VDAB's API at this host.\nServing {}."
    serve_app(settings, app, message.format)


def _recorded(folder: Path) -> "tuple[ASGIApp, str]":
    from graphql_api.sandbox.replay import Recording

    recording = Recording(folder)
    if not len(recording):
        stop(f"{folder} has no recording; `competent-graphql doctor --record {folder}` makes one")
    return recording, f"{len(recording)} recorded responses"


def _announce(settings: Settings) -> Callable[[str, str], str]:
    if settings.is_remote:
        served = "Using the Competent API at {data}."
        hint = "Unset COMPETENT_UPSTREAM_URL to use the sandbox."
    else:
        served = "Serving the sandbox: {data}."
        hint = "For the real API set COMPETENT_UPSTREAM_URL and COMPETENT_API_KEY (a free key: docs/live-api.md)."
    return lambda address, data: (
        f"GraphiQL on http://{address}/graphiql, GraphQL on http://{address}/graphql\n{served.format(data=data)}\n{hint}"
    )
