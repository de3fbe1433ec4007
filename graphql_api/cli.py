"""The command line: serve, ask, mirror, mcp, sandbox, schema, manifest.

What goes wrong is one sentence on standard error and an exit code: 1 for an operation with errors, 2 for what cannot start.
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from graphql_api.errors import CompetentError, SettingsError
from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from graphql_api.keys import Keys
    from graphql_api.parts import Parts
    from graphql_api.sandbox import Releases

PATIENCE = 1.0
"""Seconds that `ask` waits, after its answer, for stale documents to be renewed."""

command = typer.Typer(
    name="competent-graphql",
    help="GraphQL for Competent, Belgium's shared language of occupations and competences.",
    epilog="Settings are environment variables, listed in docs/settings.md. Without any, a sandbox is served.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Form(StrEnum):
    """How a manifest of persisted documents is written."""

    APOLLO = "apollo"
    MAP = "map"


keys_command = typer.Typer(help="Keys of clients: new, list, revoke.", no_args_is_help=True, rich_markup_mode=None)
command.add_typer(keys_command, name="key")

Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", help="Competent's Excel export of one release; may be given several times. [env: COMPETENT_DATA]"
    ),
]


def main() -> None:
    """Run the command line."""
    # Documents are trees without cycles: to look for garbage in them every 700 objects costs a tenth of the time of a walk.
    gc.set_threshold(100_000, 50, 50)
    command()


@command.command()
def serve(
    data: Data = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [env: COMPETENT_HOST] [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one. [env: COMPETENT_PORT] [default: 8000]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that serve. [env: COMPETENT_WORKERS] [default: 1]")
    ] = None,
) -> None:
    """Serve GraphQL on /graphql, and GraphiQL on /graphiql, until stopped.

    With COMPETENT_UPSTREAM_URL and COMPETENT_API_KEY in the environment it asks that Competent API; else it asks a sandbox in
    this process, with bundled data or with the releases given by --data (the highest number is `current`).
    """
    from graphql_api.serving import serve_app, write_environment

    settings = _settings(data=tuple(data or ()), host=host, port=port, workers=workers)
    write_environment(settings)
    serve_app(settings, lambda: _app(settings), _announce(settings))


@command.command()
def ask(
    operation: Annotated[
        str | None, typer.Argument(help="A GraphQL document; `-` reads it from standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the document from a file instead.")] = None,
    variables: Annotated[str, typer.Option("--variables", "-v", help="Variables as a JSON object.")] = "{}",
    name: Annotated[
        str | None, typer.Option("--operation", "-o", help="Which operation, where the document has several.")
    ] = None,
    language: Annotated[
        str, typer.Option("--language", "-l", help="Languages in order of preference, such as `fr,nl`.")
    ] = "",
    data: Data = None,
) -> None:
    """Answer one operation on standard output, and exit: 0 without errors, 1 with errors.

    For example: competent-graphql ask '{ occupationalProfiles(first: 3) { nodes { code title { nl } } } }'
    """
    settings = _settings(data=tuple(data or ()), access="off")  # who sits here needs no key
    body = {"query": _document(operation, file), "variables": _object(variables), "operationName": name}
    with _app(settings) as (app, _):
        answer = asyncio.run(_ask(app, body, language))
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if "errors" in answer else 0)


@command.command()
def doctor(
    record: Annotated[
        Path | None, typer.Option(help="Keep the answers in this folder, without the key, for `sandbox --recording`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Tell it as JSON.")] = False,
    data: Data = None,
) -> None:
    """Ask a Competent API what of the assumptions about it holds, and say what follows where one does not.

    Makes at most 20 calls, one after the other: to COMPETENT_UPSTREAM_URL with the key, else to the sandbox. Exits with 0
    when all that is needed holds, else with 1.
    """
    from graphql_api.doctor import run_doctor

    settings = _settings(data=tuple(data or ()))
    with _competent(settings) as (competent, told):
        asked = told if settings.live else f"The sandbox (no COMPETENT_UPSTREAM_URL is set): {told}"
        raise typer.Exit(asyncio.run(run_doctor(settings, competent, asked, record, as_json)))


@command.command()
def mirror(
    release: Annotated[str, typer.Option(help="The number of a release, or `current`.")] = "current",
    data: Data = None,
) -> None:
    """Read all documents of a release once, into the store and into its index, and exit.

    Can be stopped with Ctrl-C and goes on where it was. Documents that fail are listed, and tried again by the next run.
    Exits with 0 when all of them are there, 1 when some are missing, 130 when stopped.
    """
    from graphql_api.mirroring import run_mirror

    raise typer.Exit(_run_on_parts(_settings(data=tuple(data or ())), lambda parts: run_mirror(parts, release)))


@command.command()
def schema(
    since: Annotated[
        Path | None,
        typer.Option(
            help="Tell instead what has changed since an older schema (a file; `-`: standard input) that may break clients."
        ),
    ] = None,
) -> None:
    """Print the schema in GraphQL's schema definition language.

    With --since it exits with 1 where a client of the older schema breaks; what is only dangerous is told, and exits with 0.
    """
    from graphql_api.schema import build_schema

    if since is None:
        print(build_schema().as_str())
        return
    older = sys.stdin.read() if str(since) == "-" else _document(None, since)
    broken = _changes_since(older, build_schema().as_str())
    raise typer.Exit(1 if broken else 0)


@command.command()
def manifest(
    form: Annotated[
        Form, typer.Option("--format", help="Apollo's, or the map of ids to texts of GraphQL Code Generator and Relay.")
    ] = Form.APOLLO,
) -> None:
    """Print the example operations as a manifest of persisted documents, for COMPETENT_PERSISTED.

    The id of each is the SHA-256 of its text, as clients send it in APQ.
    """
    from graphql_api.examples import manifest as listed

    print(json.dumps(listed(form), indent=2, ensure_ascii=False))


@command.command()
def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP on /mcp instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on, with --http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port, with --http; 0 takes a free one.")] = 8001,
    language: Annotated[
        str, typer.Option("--language", "-l", help="Languages in order of preference, such as `fr,nl`.")
    ] = "",
    data: Data = None,
) -> None:
    """Serve the example operations as tools for agents, by the Model Context Protocol.

    It asks what `serve` asks: a Competent API where the settings name one, else the sandbox. Needs the extra `mcp`.
    """
    try:
        from graphql_api.mcp import create_mcp, serve_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        _stop("mcp needs the library of the Model Context Protocol: pip install 'competent-graphql[mcp]'")
    from graphql_api.access import guarding
    from graphql_api.serving import begin_logging, serve_app

    if not http:
        settings = _settings(data=tuple(data or ()), access="off")
        begin_logging(settings)
        with _app(settings) as (app, _):
            asyncio.run(serve_stdio(create_mcp(app, language)))
        return
    alone = {"workers": 1, "metrics": "off", "drain": 0.0, "stop_timeout": 1}
    settings = _settings(data=tuple(data or ()), host=host, port=port, **alone)
    if settings.access == "passthrough":
        _stop("mcp --http asks with the key of this server: use COMPETENT_ACCESS=keys, or off")

    @contextmanager
    def build() -> "Iterator[tuple[Starlette, str]]":
        with _app(replace(settings, access="off", host="127.0.0.1")) as (app, data):
            served = create_mcp(app, language).streamable_http_app(json_response=True, stateless_http=True, host=host)
            served.user_middleware += guarding(settings)
            yield served, data

    serve_app(settings, build, lambda address, data: f"MCP on http://{address}/mcp\nServing {data}.")


@command.command()
def sandbox(
    data: Data = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 9000,
    key: Annotated[
        str | None, typer.Option(help="Demand this key in X-IBM-Client-Id, as VDAB does; else any or none will do.")
    ] = None,
    plan: Annotated[
        int | None, typer.Option(min=1, help="Calls a minute before 429; without it there is no limit.")
    ] = None,
    hold: Annotated[
        int, typer.Option(min=0, help="Newest releases to hold back; POST /sandbox/releases publishes the next.")
    ] = 0,
    recording: Annotated[
        Path | None, typer.Option(help="Serve what `doctor --record` kept in this folder, and nothing else.")
    ] = None,
) -> None:
    """Serve our Competent API over HTTP, for any client of the Competent API.

    It answers as VDAB's does, with bundled data or with the releases given by --data. Faults can be ordered at /sandbox/faults,
    and releases published at /sandbox/releases.
    """
    from graphql_api.sandbox import create_sandbox
    from graphql_api.sandbox.recorded import Recording
    from graphql_api.serving import serve_app

    settings = _settings(
        data=tuple(data or ()),
        host=host,
        port=port,
        upstream_url="",
        workers=1,
        metrics="off",
        drain=0.0,
        stop_timeout=1,
    )

    @contextmanager
    def app() -> "Iterator[tuple[Any, str]]":
        if recording is not None:
            answers = Recording(recording)
            if not len(answers):
                _stop(f"{recording} holds no recording; `competent-graphql doctor --record` makes one")
            yield answers, f"{len(answers)} recorded answers"
            return
        with closing(_open(settings)) as releases:
            try:
                releases.hold(hold)
            except ValueError as error:
                _stop(f"--hold: {error}")
            yield create_sandbox(releases, key=key, plan=plan), releases.describe()

    def told(address: str, data: str) -> str:
        return f"Ask http://{address}/releases/current, or point a client of VDAB's at this host.\nServing {data}."

    serve_app(settings, app, told)


def _changes_since(old: str, new: str) -> bool:
    from graphql import GraphQLError, build_schema, find_breaking_changes, find_dangerous_changes

    try:
        before, after = build_schema(old), build_schema(new)
    except (GraphQLError, TypeError) as error:
        _stop(f"that is no schema: {error}")
    breaking = find_breaking_changes(before, after)
    for what, changes in (("breaks", breaking), ("dangerous", find_dangerous_changes(before, after))):
        for change in changes:
            print(f"{what}: {change.description}")
    return bool(breaking)


@keys_command.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="Who it is for: letters, digits, dots, dashes and underscores.")],
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests a minute that it is good for. [env: COMPETENT_KEYS_PER_MINUTE]")
    ] = None,
) -> None:
    """Make a key for a client, and print it: it is not kept, and cannot be shown again."""
    with _keys() as keys:
        key = keys.new(name, per_minute)
    print(key)
    print("This key is shown only now. Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.", file=sys.stderr)


@keys_command.command("list")
def list_keys() -> None:
    """Print who has a key: the name, the public part of the key, when it was made, and requests a minute."""
    with _keys() as keys:
        for client in keys.clients():
            print(f"{client.name}\tcgk_{client.id}_…\t{client.made}\t{client.per_minute or '-'}")


@keys_command.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="Whose key.")]) -> None:
    """Make the key of a client worthless, within a second for servers that run."""
    with _keys() as keys:
        keys.revoke(name)


@contextmanager
def _keys() -> "Iterator[Keys]":
    from graphql_api.access import keys_file
    from graphql_api.keys import Keys

    try:
        yield Keys(keys_file(_settings()))
    except SettingsError as error:
        _stop(str(error))


def _settings(**chosen: Any) -> Settings:
    given = {name: value for name, value in chosen.items() if value is not None and value != ()}
    try:
        return replace(Settings.from_environment(os.environ), **given).checked()
    except SettingsError as error:
        _stop(str(error))


@contextmanager
def _competent(settings: Settings) -> "Iterator[tuple[Starlette | None, str]]":
    """The Competent API to ask, where it is in this process, and a line about its data."""
    from graphql_api.sandbox import create_sandbox

    if settings.live:
        yield None, settings.upstream_url
        return
    with closing(_open(settings)) as releases:
        yield create_sandbox(releases), releases.describe()


@contextmanager
def _app(settings: Settings) -> "Iterator[tuple[Starlette, str]]":
    import rich.progress  # noqa: F401  # what reading a workbook needs; then no module is begun by two threads

    import graphql_api.parts  # noqa: F401

    # The rest of what a server is made of is imported while a workbook is read, which mostly leaves Python to others.
    Thread(target=import_module, args=("graphql_api.app",)).start()
    with _competent(settings) as (competent, data):
        from graphql_api.app import create_app

        try:
            app = create_app(settings, competent)
        except SettingsError as error:
            _stop(str(error))
        yield app, data


def _run_on_parts(settings: Settings, work: "Callable[[Parts], Coroutine[Any, Any, int]]") -> int:
    from graphql_api.parts import Parts

    try:
        with _competent(settings) as (competent, _):
            return asyncio.run(work(Parts(settings, competent)))
    except (SettingsError, CompetentError) as error:
        _stop(str(error))
    except KeyboardInterrupt:
        print("Stopped; the next run goes on from here.", file=sys.stderr)
        return 130


def _open(settings: Settings) -> "Releases":
    from graphql_api.parts import open_sandbox
    from graphql_api.sandbox import WorkbookError

    try:
        with _progress() as progress:
            return open_sandbox(settings, progress)
    except WorkbookError as error:
        _stop(str(error))


@contextmanager
def _progress() -> "Iterator[Callable[[str, int, int], None]]":
    """A bar on a terminal, for the reading of a workbook; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            task = tasks.setdefault(what, TaskID(-1))
            if task == -1:
                task = tasks[what] = bar.add_task(what)
            bar.update(task, completed=done, total=total or None)

        yield tell


def _announce(settings: Settings) -> Callable[[str, str], str]:
    if settings.live:
        served = "Asking the Competent API at {data}."
        hint = "Unset COMPETENT_UPSTREAM_URL to use the sandbox."
    else:
        served = "Serving the sandbox: {data}."
        hint = "For the real API set COMPETENT_UPSTREAM_URL and COMPETENT_API_KEY (docs/live-api.md)."
    return lambda address, data: (
        f"GraphiQL on http://{address}/graphiql, GraphQL on http://{address}/graphql\n{served.format(data=data)}\n{hint}"
    )


def _document(operation: str | None, file: Path | None) -> str:
    if (operation is None) == (file is None):
        _stop("give one operation: as an argument, as `-` for standard input, or with --file")
    if operation is not None:
        return sys.stdin.read() if operation == "-" else operation
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        _stop(f"{file} cannot be read as text")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        _stop('--variables must be a JSON object, such as \'{"code": "OP-101"}\'')
    return found


async def _ask(app: "Starlette", body: dict[str, Any], language: str) -> dict[str, Any]:
    import httpx

    headers = {"Accept-Language": language} if language else {}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ask.invalid", headers=headers) as client,
    ):
        answer: dict[str, Any] = (await client.post("/graphql", json=body, timeout=None)).json()
        with suppress(TimeoutError):  # else a stale copy would stay so for all who only ever ask once
            await asyncio.wait_for(app.state.parts.store.settle(), PATIENCE)
        return answer


def _stop(message: str) -> NoReturn:
    print(f"competent-graphql: {message}", file=sys.stderr)
    raise SystemExit(2)
