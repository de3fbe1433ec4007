"""Common set-up of commands: settings from environment and options, the Competent API to use, and the app on top of it.

Slow imports happen inside functions, so that `--help` is fast.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from graphql_api.sandbox import Releases
    from graphql_api.services import Services

Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        help="Competent's Excel export of a release, an NDJSON export of this server, or a folder of exports; repeatable. "
        "[env: COMPETENT_DATA]",
    ),
]
Lenient = Annotated[
    bool,
    typer.Option("--lenient", help="Skip and log rows of exports that cannot be read. [env: COMPETENT_LENIENT]"),
]
MappingFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--mapping",
        help="File that maps concepts to another classification (SSSOM); repeatable. [env: COMPETENT_MAPPING]",
    ),
]

Titles = Annotated[
    Path | None,
    typer.Option("--titles", help="CSV file with titles of ISCO-08 groups: code,nl,fr,en,de. [env: COMPETENT_TITLES]"),
]


def settings_of(data: list[Path] | None = None, lenient: bool = False, **options: Any) -> Settings:
    """The settings from the environment, overridden by options that are set (not None). Raises SettingsError."""
    overrides = {name: value for name, value in options.items() if value is not None}
    if data:
        overrides["data"] = tuple(data)
    if mapping := overrides.pop("mapping", None):
        overrides["mapping"] = tuple(mapping)
    if lenient:
        overrides["lenient"] = "on"
    return replace(Settings.from_environment(os.environ), **overrides).checked()


@contextmanager
def upstream_of(settings: Settings) -> "Iterator[tuple[ASGIApp | None, str]]":
    """The sandbox in this process, or None if the settings name a Competent API; and a description of its data or its URL."""
    from graphql_api.sandbox import create_sandbox

    if settings.is_remote:
        yield None, settings.upstream_url
        return
    with closing(open_releases(settings)) as releases:
        yield create_sandbox(releases), releases.describe()


@contextmanager
def app_of(settings: Settings) -> "Iterator[tuple[Starlette, str]]":
    """The server, and a description of its data."""
    import rich.progress  # noqa: F401  # used to read workbooks; imported here so that two threads never import it at the same time

    import graphql_api.services  # noqa: F401

    # The rest of the server is imported while a workbook is read, which happens mostly outside this process.
    Thread(target=import_module, args=("graphql_api.app",)).start()
    with upstream_of(settings) as (competent, data):
        from graphql_api.app import create_app

        yield create_app(settings, competent), data


def run_on_services(
    settings: Settings, work: "Callable[[Services], Coroutine[object, None, int]]", on_stop: str = "Stopped."
) -> int:
    """Run work on the services without a server; return its exit code, or 130 after Ctrl-C, which prints `on_stop`."""
    from graphql_api.services import Services

    try:
        with upstream_of(settings) as (competent, _):
            return asyncio.run(work(Services(settings, competent)))
    except KeyboardInterrupt:
        print(on_stop, file=sys.stderr)
        return 130


def open_releases(settings: Settings) -> "Releases":
    """The releases that the sandbox serves; exits with 2 if a workbook cannot be used."""
    from graphql_api.sandbox import WorkbookError
    from graphql_api.services import open_sandbox

    try:
        with progress_bar() as progress:
            return open_sandbox(settings, progress)
    except WorkbookError as error:
        stop(str(error))


@contextmanager
def progress_bar() -> "Iterator[Callable[[str, int, int], None]]":
    """Show a progress bar while a workbook is read, if standard error is a terminal; yields the function that updates it."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def update(name: str, done: int, total: int) -> None:
            task = tasks.setdefault(name, TaskID(-1))
            if task == -1:
                task = tasks[name] = bar.add_task(name)
            bar.update(task, completed=done, total=total or None)

        yield update


def read_text(file: Path) -> str:
    """The text of a file, or of standard input for `-`; exits with 2 if it is not readable UTF-8."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return text.removeprefix("\ufeff")  # a byte order mark
    except (OSError, UnicodeDecodeError):
        stop(f"cannot read {file} as UTF-8 text")


def stop(message: str) -> NoReturn:
    """Print a message on standard error and exit with 2."""
    print(f"competent-graphql: {printable(message)}", file=sys.stderr)
    raise SystemExit(2)


def printable(text: str) -> str:
    """A text from elsewhere, such as a file, without characters that would control a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
