"""Commands that print the schema or a manifest: schema, manifest."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graphql_api.cli.bootstrap import read_text, stop


class ManifestFormat(StrEnum):
    """Format of a manifest of persisted documents."""

    APOLLO = "apollo"
    MAP = "map"


def schema(
    since: Annotated[
        Path | None,
        typer.Option(
            help="Instead print the changes since an older schema (a file, or `-` for standard input) that can break clients."
        ),
    ] = None,
) -> None:
    """Print the schema in GraphQL's schema definition language (SDL).

    With --since it exits with 1 if a change breaks clients of the older schema; dangerous changes are printed, and exit with 0.
    """
    from graphql_api.execution.schema import build_schema

    if since is None:
        print(build_schema().sdl)
        return
    broken = _changes_since(read_text(since), build_schema().sdl)
    raise typer.Exit(1 if broken else 0)


def manifest(
    form: Annotated[
        ManifestFormat,
        typer.Option(
            "--format", help="Apollo's format, or the map of ids to documents of GraphQL Code Generator and Relay."
        ),
    ] = ManifestFormat.APOLLO,
) -> None:
    """Print a manifest of persisted documents.

    It has the example operations, for COMPETENT_PERSISTED. The id of each is the SHA-256 hash of its document, as in
    automatic persisted queries.
    """
    from graphql_api.http.pages.examples import manifest as listed

    print(json.dumps(listed(form), indent=2, ensure_ascii=False))


def _changes_since(old: str, new: str) -> bool:
    from graphql import GraphQLError, build_schema, find_breaking_changes, find_dangerous_changes

    try:
        before, after = build_schema(old), build_schema(new)
    except (GraphQLError, TypeError) as error:
        stop(f"not a GraphQL schema: {error}")
    breaking = find_breaking_changes(before, after)
    for what, changes in (("breaking", breaking), ("dangerous", find_dangerous_changes(before, after))):
        for change in changes:
            print(f"{what}: {change.description}")
    return bool(breaking)
