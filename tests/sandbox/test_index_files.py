"""The index of a workbook is named by its content: other workbooks do not matter, and unusable files are deleted."""

from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.sandbox import create_sandbox, workbook_releases
from graphql_api.services import Services
from graphql_api.services.storage import index_folder
from graphql_api.settings import Settings
from tests.sandbox.conftest import WriteWorkbook
from tests.sandbox.rows import profile


class Start:
    """A start with some workbooks: indexes their releases, and counts the documents that it requests for that."""

    def __init__(self, cache: Path, *files: Path) -> None:
        self.settings = replace(Settings(), cache_dir=cache, data=files, index="need")
        self.requests: list[str] = []

    async def run(self) -> int:
        releases = workbook_releases(self.settings.data, self.settings.cache_dir)
        services = Services(self.settings, create_sandbox(releases, requests=self.requests))
        try:
            for number in releases.numbers:
                await services.loaders().index(number)
        finally:
            await services.aclose()
            releases.close()
        return sum(path.count("/") == 4 for path in self.requests)


def indexes(cache: Path) -> list[str]:
    """The releases of the index files in a cache folder."""
    folder = index_folder(replace(Settings(), cache_dir=cache))
    assert folder is not None
    return sorted(file.name.split("-")[0] for file in folder.glob("*.sqlite"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def workbook(write_workbook: WriteWorkbook, number: str, title: str = "Bakker") -> Path:
    return write_workbook({f"Occupational Profiles {number}": [profile(title=title)]}, f"{number}.xlsx")


async def test_adding_a_workbook_crawls_only_its_release(write_workbook: WriteWorkbook, cache: Path) -> None:
    old, new = workbook(write_workbook, "3.26"), workbook(write_workbook, "3.27")

    assert await Start(cache, old).run() == 1
    both = Start(cache, old, new)
    assert await both.run() == 1
    assert all("/3.27/" in path for path in both.requests if path.count("/") == 4)
    assert await Start(cache, new).run() == 0
    assert indexes(cache) == ["3.26", "3.27"]


async def test_the_index_of_a_changed_workbook_is_deleted(write_workbook: WriteWorkbook, cache: Path) -> None:
    await Start(cache, workbook(write_workbook, "3.26"), workbook(write_workbook, "3.27")).run()
    lock = next((cache / "index").glob("3.27-*.lock"))

    changed = Start(cache, workbook(write_workbook, "3.27", title="Warme bakker"))

    assert await changed.run() == 1
    assert indexes(cache) == ["3.26", "3.27"]
    assert not lock.exists()


async def test_a_resaved_unchanged_workbook_has_the_same_index(write_workbook: WriteWorkbook, cache: Path) -> None:
    await Start(cache, workbook(write_workbook, "3.27")).run()

    file = workbook(write_workbook, "3.27")
    file.touch()

    assert await Start(cache, file).run() == 0


async def test_indexes_of_other_data_are_not_deleted(write_workbook: WriteWorkbook, cache: Path) -> None:
    folder = cache / "index"
    folder.mkdir(parents=True)
    others = [folder / "3.27-0123456789abcdef.sqlite", folder / "3.27-workbook-notes.txt"]
    for other in others:
        other.touch()
    unusable = folder / "3.27-workbook-0123456789abcdef.part"
    unusable.touch()

    await Start(cache, workbook(write_workbook, "3.27")).run()

    assert all(other.exists() for other in others)
    assert not unusable.exists()
