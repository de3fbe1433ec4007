"""The command that copies a release into a file: export."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from graphql_api.cli.bootstrap import Data, Lenient, run_on_services, settings_of, stop

if TYPE_CHECKING:
    from graphql_api.index import Index
    from graphql_api.services import Services


class FileFormat(StrEnum):
    """Format of an export."""

    NDJSON = "ndjson"
    CSV = "csv"
    TURTLE = "turtle"
    JSON_LD = "json-ld"


def export(
    release: Annotated[str, typer.Option(help="Release number, or `current`.")] = "current",
    file_format: Annotated[FileFormat, typer.Option("--format", help="Format of the file.")] = FileFormat.NDJSON,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: competent-RELEASE.FORMAT in this folder."),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV files with a byte order mark, by which Excel recognises UTF-8.")
    ] = False,
    data: Data = None,
    lenient: Lenient = False,
) -> None:
    """Copy a whole release into a file.

    The release is crawled first if its index is missing. The file is written beside its final name and then renamed, so that a
    file of that name is complete. Exits with 0 if it is written, 2 if documents of the release are missing or the file cannot be
    written, 130 if stopped.
    """
    if bom and file_format is not FileFormat.CSV:
        stop("--bom is for --format csv")
    settings = settings_of(data, lenient)
    base = settings.absolute_url("id/")
    if base is None and file_format in (FileFormat.TURTLE, FileFormat.JSON_LD):
        stop(f"--format {file_format} needs COMPETENT_PUBLIC_URL: a file has no address to which ids can be relative")
    raise typer.Exit(
        run_on_services(
            settings,
            lambda services: _export(services, release, file_format, output, bom, base or ""),
            "Stopped. No file was written.",
        )
    )


async def _export(services: "Services", release: str, name: str, output: Path | None, has_bom: bool, base: str) -> int:
    from graphql_api.errors import ReleaseNotFound
    from graphql_api.export import FORMATS, Options, release_facts
    from graphql_api.export import export as export_of

    format = next(format for format in FORMATS if format.name == name)
    try:
        loaders = services.loaders()
        number = await loaders.release_number(release)
        if not await loaders.release_exists(number):
            raise ReleaseNotFound
        index, facts = await _whole_index(services, number), await release_facts(loaders, number)
        path = output or Path(f"competent-{number}{format.suffix}")
        options = Options(has_bom, base, loaders.supplements.mappings)
        size = await _write(path, lambda progress: export_of(index, facts, format, options, progress))
    finally:
        await services.aclose()
    print(f"Release {number} is in {path} ({size / 1e6:,.1f} MB).", file=sys.stderr)
    return 0


async def _whole_index(services: "Services", number: str) -> "Index":
    """The index of a release; crawls the release first if the index is missing or incomplete."""
    from graphql_api.cli.mirror import crawl

    indexes = services.indexes
    if indexes.state(number)["state"] == "unopened":
        await indexes.ready(number)
    if not indexes.has(number) or (await indexes.get(number)).missing:
        await crawl(services, number)
    return await indexes.get(number)


async def _write(path: Path, pieces_of: Callable[[Callable[[int, int], None]], "AsyncGenerator[bytes]"]) -> int:
    """Write an export with a progress bar; return its size in bytes. Exits with 2 if the file cannot be written."""
    from rich.console import Console
    from rich.progress import Progress

    try:
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar, _beside(path) as file:
            task = bar.add_task(path.name)
            pieces = pieces_of(lambda done, total: bar.update(task, completed=done, total=total))
            async with aclosing(pieces):
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
            return file.tell()
    except OSError as error:
        stop(f"cannot write {path}: {error.strerror or error}")


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside `path`, renamed to it at the end of the block, and removed after an exception."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
