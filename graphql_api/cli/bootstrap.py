"""What every command starts with: settings from the environment and the options, the API to ask, the app over it.

Modules that take long to import are imported where they are needed, so that `--help` is there at once.
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

from graphql_api.cli.progress import progress_bar
from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from graphql_api.sandbox import Releases
    from graphql_api.services import Services

Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        help="Competent's Excel export of a release, or a folder of exports; repeatable. [env: COMPETENT_DATA]",
    ),
]
Lenient = Annotated[
    bool,
    typer.Option("--lenient", help="Skip and log rows of exports that cannot be read. [env: COMPETENT_LENIENT]"),
]


def settings_of(data: list[Path] | None = None, lenient: bool = False, **chosen: Any) -> Settings:
    """The settings of the environment, and what options say instead; None, and no files, are no choice."""
    given = {name: value for name, value in chosen.items() if value is not None}
    if data:
        given["data"] = tuple(data)
    if lenient:
        given["lenient"] = "on"
    return replace(Settings.from_environment(os.environ), **given).checked()


@contextmanager
def upstream_of(settings: Settings) -> "Iterator[tuple[Starlette | None, str]]":
    """The Competent API to ask, where it is in this process, and a line about its data."""
    from graphql_api.sandbox import create_sandbox

    if settings.is_remote:
        yield None, settings.upstream_url
        return
    with closing(opened(settings)) as releases:
        yield create_sandbox(releases), releases.describe()


@contextmanager
def app_of(settings: Settings) -> "Iterator[tuple[Starlette, str]]":
    """The server, and a line about its data."""
    import rich.progress  # noqa: F401  # what reading a workbook needs; then no module is begun by two threads

    import graphql_api.services  # noqa: F401

    # The rest of what a server is made of is imported while a workbook is read, which mostly leaves Python to others.
    Thread(target=import_module, args=("graphql_api.app",)).start()
    with upstream_of(settings) as (competent, data):
        from graphql_api.app import create_app

        yield create_app(settings, competent), data


def run_on_parts(settings: Settings, work: "Callable[[Services], Coroutine[Any, Any, int]]") -> int:
    """The exit code of some work that needs no server."""
    from graphql_api.services import Services

    try:
        with upstream_of(settings) as (competent, _):
            return asyncio.run(work(Services(settings, competent)))
    except KeyboardInterrupt:
        print("Stopped. The next run resumes here.", file=sys.stderr)
        return 130


def opened(settings: Settings) -> "Releases":
    """What the sandbox serves."""
    from graphql_api.sandbox import WorkbookError
    from graphql_api.services import open_sandbox

    try:
        with progress_bar() as progress:
            return open_sandbox(settings, progress)
    except WorkbookError as error:
        stop(str(error))


def text_of(file: Path) -> str:
    """What is in a file, or comes by standard input for `-`."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return text.removeprefix("\ufeff")  # a byte order mark
    except (OSError, UnicodeDecodeError):
        stop(f"cannot read {file} as UTF-8 text")


def stop(message: str) -> NoReturn:
    """End with a sentence that says why nothing was done."""
    print(f"competent-graphql: {message}", file=sys.stderr)
    raise SystemExit(2)
