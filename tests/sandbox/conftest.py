"""Fixtures of the sandbox tests: bundled releases, ASGI clients and small workbooks."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import xlsxwriter
from starlette.types import ASGIApp

from graphql_api.sandbox import Releases, bundled_releases, workbook_releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

WriteWorkbook = Callable[..., Path]
ClientOf = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="session")
def bundled() -> Iterator[Releases]:
    releases = bundled_releases()
    yield releases
    releases.close()


@pytest.fixture
async def client_of() -> AsyncIterator[ClientOf]:
    """Creates clients of an app; they are closed at the end of the test."""
    async with AsyncExitStack() as stack:

        def make(app: ASGIApp, **headers: str) -> httpx.AsyncClient:
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://sandbox.test", headers=headers
            )
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def write_workbook(tmp_path: Path) -> WriteWorkbook:
    """Writes sheets to a workbook, each with a row of headings first."""

    def write(sheets: Mapping[str, Sequence[Sequence[Any]]], name: str = "export.xlsx", headings_at: int = 0) -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yyyy hh:mm", "remove_timezone": True}) as book:
            for title, rows in sheets.items():
                sheet = book.add_worksheet(title)
                sheet.write_row(headings_at, 0, [f"Heading {at}" for at in range(16)])
                for at, row in enumerate(rows, headings_at + 1):
                    for column, cell in enumerate(row):
                        if cell is not None:
                            sheet.write(at, column, cell)
        return path

    return write


@asynccontextmanager
async def serving_workbooks(
    files: Iterable[Path], cache: Path, settings: Settings, **changes: Any
) -> AsyncIterator[Server]:
    """Run a server over workbooks that are converted into `cache`; however busy the machine is, nothing is cut short."""
    patient = {"operation_timeout": 600.0, "upstream_total_timeout": 600.0, "upstream_attempt_timeout": 600.0}
    paths = tuple(files)
    with closing(workbook_releases(paths, cache)) as releases:
        async with running(releases, replace(settings, data=paths, cache_dir=cache, **patient, **changes)) as server:
            yield server
