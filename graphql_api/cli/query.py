"""Commands that use a Competent API and exit: ask, doctor, mirror."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphql_api.cli.bootstrap import (
    Data,
    Lenient,
    MappingFiles,
    app_of,
    read_text,
    run_on_services,
    settings_of,
    stop,
    upstream_of,
)
from graphql_api.cli.streams import as_utf8

if TYPE_CHECKING:
    from starlette.applications import Starlette

REVALIDATION_TIMEOUT = 1.0
"""Seconds that `ask` waits after its response until stale documents are revalidated."""


def ask(
    operation: Annotated[
        str | None, typer.Argument(help="A GraphQL document; `-` reads it from standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the document from this file.")] = None,
    variables: Annotated[str, typer.Option("--variables", "-v", help="Variables as a JSON object.")] = "{}",
    name: Annotated[
        str | None, typer.Option("--operation", "-o", help="Name of the operation to run, if the document has several.")
    ] = None,
    language: Annotated[
        str, typer.Option("--language", "-l", help="Languages in order of preference, such as `fr,nl`.")
    ] = "",
    data: Data = None,
    lenient: Lenient = False,
    mapping: MappingFiles = None,
) -> None:
    """Run one operation and print its response as JSON.

    Exits with 0 if the response has no errors, otherwise with 1. For example: competent-graphql ask '{
    occupationalProfiles(first: 3) { nodes { code title { nl } } } }'
    """
    settings = settings_of(data, lenient, mapping=mapping, access="off")  # local use needs no key
    body = {"query": _document(operation, file), "variables": _object(variables), "operationName": name}
    with app_of(settings) as (app, _):
        answer = asyncio.run(_ask(app, body, language))
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if "errors" in answer else 0)


def doctor(
    record: Annotated[
        Path | None, typer.Option(help="Save the responses in this folder, without the key, for `sandbox --recording`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    url: Annotated[
        str | None,
        typer.Option(
            help="Base URL of the API, such as that of a test environment. [env: COMPETENT_UPSTREAM_URL]",
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            help="Make no calls, but compare this OpenAPI or Swagger document (JSON or YAML) with what the server uses."
        ),
    ] = None,
    data: Data = None,
    lenient: Lenient = False,
) -> None:
    """Check which assumptions about a Competent API hold.

    Prints the consequence of each assumption that fails. Makes at most 20 calls, one after the other, to
    COMPETENT_UPSTREAM_URL with the key or, if it is unset, to the sandbox. Exits with 0 if all required assumptions hold,
    otherwise with 1. With --spec, exits with 1 if the API that the document describes would break the server.
    """
    from graphql_api.cli.doctor import run_doctor
    from graphql_api.cli.doctor.spec import run_spec

    if spec is not None:
        if record or url or data:
            stop("--spec makes no calls: pass it without --record, --url and --data")
        raise typer.Exit(run_spec(spec, as_json))
    if url == "":
        stop("--url is empty: leave it out to check COMPETENT_UPSTREAM_URL or the sandbox")
    settings = settings_of(data, lenient, upstream_url=url)
    with upstream_of(settings) as (competent, description):
        subject = (
            description if settings.is_remote else f"The sandbox (COMPETENT_UPSTREAM_URL is not set): {description}"
        )
        raise typer.Exit(asyncio.run(run_doctor(settings, competent, subject, record, as_json)))


def check(
    mapping: MappingFiles = None,
    release: Annotated[str, typer.Option(help="Release number, or `current`.")] = "current",
    data: Data = None,
    lenient: Lenient = False,
) -> None:
    """Check files of mappings.

    Prints each row that cannot be used, with its line, and each concept that the release does not have. Exits with 0 if there
    is nothing to report, otherwise with 1.
    """
    from graphql_api.cli.mappings import run_check

    settings = settings_of(data, lenient, mapping=mapping)
    if not settings.mapping:
        stop("pass a file with --mapping")
    raise typer.Exit(
        run_on_services(replace(settings, mapping=()), lambda services: run_check(services, settings.mapping, release))
    )


def mirror(
    release: Annotated[str, typer.Option(help="Release number, or `current`.")] = "current",
    data: Data = None,
    lenient: Lenient = False,
) -> None:
    """Crawl a release: store all its documents and build its index.

    Ctrl-C stops it; the next run resumes where it stopped. Documents that fail are listed, and the next run retries them.
    Exits with 0 if the release is complete, 1 if documents are missing, 130 if stopped.
    """
    from graphql_api.cli.mirror import demand_folder, run_mirror

    settings = settings_of(data, lenient)
    demand_folder(settings)
    raise typer.Exit(
        run_on_services(settings, lambda services: run_mirror(services, release), "Stopped. The next run resumes here.")
    )


def _document(operation: str | None, file: Path | None) -> str:
    if file is not None and operation is None:
        return read_text(file)
    if operation is None or file is not None:
        stop("pass one operation: as an argument, as `-` for standard input, or with --file")
    return read_text(Path("-")) if operation == "-" else as_utf8(operation)


def _object(text: str) -> dict[str, object]:
    try:
        variables = json.loads(as_utf8(text))
    except ValueError:
        variables = None
    if not isinstance(variables, dict):
        stop('--variables must be a JSON object, such as \'{"code": "OP-101"}\'')
    return variables


async def _ask(app: "Starlette", body: Mapping[str, object], language: str) -> dict[str, object]:
    import httpx

    headers = {"Content-Type": "application/json"}
    if language:
        headers["Accept-Language"] = language
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ask.invalid", headers=headers) as client,
    ):
        response: dict[str, object] = (await client.post("/graphql", content=json.dumps(body), timeout=None)).json()
        with suppress(TimeoutError):  # or stale copies would stay stale if only `ask` uses the cache
            await asyncio.wait_for(app.state.services.store.wait_idle(), REVALIDATION_TIMEOUT)
        return response
