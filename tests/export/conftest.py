"""A server over the bundled releases, and one over exports of these."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.export import FORMATS, Options, export, release_facts
from graphql_api.index import Index
from graphql_api.sandbox import Releases, workbook_releases
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.few_profiles import CODES, with_profiles

NDJSON = FORMATS[0]


async def index_of(server: Server, release: str) -> Index:
    """The index of a release, built if it is missing."""
    index: Index = await server.app.state.services.loaders().index(release)
    return index


async def exported(server: Server, release: str, name: str = "ndjson") -> bytes:
    """A whole export."""
    format = next(format for format in FORMATS if format.name == name)
    facts = await release_facts(server.app.state.services.loaders(), release)
    options = Options(base="https://example.org/competent/id/")
    return b"".join([piece async for piece in export(await index_of(server, release), facts, format, options)])


@pytest.fixture(scope="session")
def few_releases() -> Iterator[Releases]:
    """The bundled releases with few profiles, one of them with competence sets."""
    opened = Releases(documents_in_memory(with_profiles(dataset, CODES | {"OP-401"})) for dataset in bundled_datasets())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the indexes and exports of all tests, which are made once."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture
async def original(few_releases: Releases, settings: Settings, folder: Path) -> AsyncIterator[Server]:
    """A server over the bundled releases with few profiles."""
    async with running(few_releases, replace(settings, cache_dir=folder / "original")) as server:
        yield server


@pytest.fixture
async def reimported(
    original: Server, few_releases: Releases, settings: Settings, folder: Path
) -> AsyncIterator[Server]:
    """A server over the exports of that one."""
    files = [folder / f"{release}.ndjson" for release in few_releases.numbers]
    for file in files:
        if not file.exists():
            file.write_bytes(await exported(original, file.stem))
    releases = workbook_releases(files, folder / "converted")
    async with running(releases, replace(settings, cache_dir=folder / "again", data=tuple(files))) as server:
        for release in few_releases.numbers:  # the history of a concept speaks of indexed releases
            await index_of(server, release)
        yield server
    releases.close()
