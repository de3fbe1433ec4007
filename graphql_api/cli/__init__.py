"""The command line: each command is a function, and related commands share a module.

Errors print one sentence on standard error. Exit codes: 1 for an operation with errors, 2 for a command that cannot start.
"""

import gc
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from graphql_api import NAME, own_version
from graphql_api.cli.bootstrap import stop
from graphql_api.cli.export import export
from graphql_api.cli.health import health
from graphql_api.cli.keys import keys_command
from graphql_api.cli.query import ask, check, doctor, mirror
from graphql_api.cli.schema import manifest, schema
from graphql_api.cli.serve import mcp, sandbox, serve
from graphql_api.cli.streams import use_utf8, writable_output
from graphql_api.errors import CompetentError


class Commands(TyperGroup):
    """The commands. A CompetentError ends the program with one sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> object:
        """Run the selected command."""
        try:
            return super().invoke(ctx)
        except CompetentError as error:
            stop(str(error))


def _show_version(is_set: bool) -> None:
    if is_set:
        print(f"{NAME} {own_version()}")
        raise typer.Exit


command = typer.Typer(
    name=NAME,
    cls=Commands,
    epilog="Settings are environment variables; docs/settings.md lists them. Without any, the server uses its built-in sandbox.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@command.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """GraphQL for Competent, Belgium's shared language of occupations and competences."""


# In the order of `--help`.
_COMMANDS = (serve, ask, doctor, check, mirror, export, schema, manifest, mcp, sandbox, health)
for function in _COMMANDS:
    command.command()(function)
command.add_typer(keys_command, name="key")


def main() -> None:
    """Run the command line."""
    use_utf8()
    # Documents are trees without cycles; collecting garbage every 700 objects would take a tenth of the time of a crawl.
    gc.set_threshold(100_000, 50, 50)
    try:
        with writable_output():
            command()
    finally:
        gc.freeze()  # the interpreter ends with a collection; searching everything for cycles would take as long as a start
