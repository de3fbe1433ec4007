"""Several releases: which is current, and how workbooks are converted once and cached."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from graphql_api.sandbox import Releases, WorkbookError, workbook_releases
from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.sandbox.releases import open_workbook
from graphql_api.sandbox.serializers import PROFILES
from tests.sandbox.conftest import WriteWorkbook
from tests.sandbox.rows import COOK, MAIN, profile


@pytest.fixture
def releases_of() -> Iterator[Callable[..., Releases]]:
    """Makes empty releases with these numbers."""
    made: list[Releases] = []

    def make(*numbers: str) -> Releases:
        made.append(Releases(documents_in_memory(Dataset(number, None, (), ())) for number in numbers))
        return made[-1]

    yield make
    for releases in made:
        releases.close()


class Progress:
    """Records progress events."""

    def __init__(self) -> None:
        self.sheets: list[str] = []

    def __call__(self, what: str, done: int, total: int) -> None:
        self.sheets.append(what)


def test_numbers_are_compared_by_their_parts(releases_of: Callable[..., Releases]) -> None:
    releases = releases_of("3.9", "3.27", "3.10")

    assert releases.numbers == ("3.27", "3.10", "3.9")
    assert releases.current.number == "3.27"
    assert [release.number for release in releases] == ["3.27", "3.10", "3.9"]


def test_a_release_is_found_by_number_or_as_current(releases_of: Callable[..., Releases]) -> None:
    releases = releases_of("3.10", "3.11")

    assert releases.get("current") is releases.get("3.11") is releases.current
    assert releases.get("3.10") is not releases.current
    assert releases.get("3.1") is None


def test_releases_are_described_in_one_line(bundled: Releases, releases_of: Callable[..., Releases]) -> None:
    count = bundled.current.count(PROFILES)

    assert bundled.describe().startswith(f"release 3.11 (current) and 3.10, 3.9: {count} occupational profiles, ")
    assert releases_of("3.9").describe() == "release 3.9 (current): 0 occupational profiles, 0 technical competences"


def test_a_workbook_is_converted_once(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook({MAIN: [profile()]})
    first, second = Progress(), Progress()

    for value in (first, second):
        with closing(open_workbook(path, tmp_path / "cache", value)) as documents:
            assert (documents.number, documents.count(PROFILES)) == ("3.26", 1)

    assert MAIN in first.sheets
    assert PROFILES in first.sheets
    assert second.sheets == []


def test_a_changed_workbook_is_reconverted(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook({MAIN: [profile()]})
    open_workbook(path, tmp_path / "cache").close()
    write_workbook({MAIN: [profile(), profile(COOK, "OP-2")]})
    os.utime(path, ns=(1, 1))

    with closing(open_workbook(path, tmp_path / "cache")) as documents:
        assert documents.count(PROFILES) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_workbooks_with_the_same_name_in_two_folders_are_separate(
    write_workbook: WriteWorkbook, tmp_path: Path
) -> None:
    path = write_workbook({MAIN: [profile()]})
    (tmp_path / "other").mkdir()
    other = path.rename(tmp_path / "other" / path.name)
    write_workbook({MAIN: [profile(), profile(COOK, "OP-2")]})

    for one, count in ((other, 1), (path, 2), (other, 1)):
        with closing(open_workbook(one, tmp_path / "cache")) as documents:
            assert documents.count(PROFILES) == count
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_damaged_conversion_is_rebuilt(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook({MAIN: [profile()]})
    open_workbook(path, tmp_path / "cache").close()
    (conversion,) = (tmp_path / "cache").iterdir()
    conversion.write_bytes(conversion.read_bytes()[:100])

    with closing(open_workbook(path, tmp_path / "cache")) as documents:
        assert documents.count(PROFILES) == 1


def test_an_interrupted_conversion_leaves_no_file(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    def break_off(what: str, done: int, total: int) -> None:
        if what == PROFILES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_workbook(write_workbook({MAIN: [profile()]}), tmp_path / "cache", break_off)

    assert list((tmp_path / "cache").iterdir()) == []


def test_old_files_of_killed_processes_are_deleted(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook({MAIN: [profile()]})
    open_workbook(path, tmp_path / "cache").close()
    (conversion,) = (tmp_path / "cache").iterdir()
    conversion.unlink()
    old, young = (conversion.with_name(f".{conversion.stem}-{name}.part") for name in ("old", "young"))
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)

    open_workbook(path, tmp_path / "cache").close()

    assert {*(tmp_path / "cache").iterdir()} == {conversion, young}


def test_a_conversion_unused_for_a_month_is_deleted(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    first, second = (write_workbook({MAIN: [profile()]}).rename(tmp_path / f"{name}.xlsx") for name in ("one", "two"))
    cache, old = tmp_path / "cache", (time.time() - 31 * 86400,) * 2
    open_workbook(first, cache).close()
    (conversion,) = cache.iterdir()
    os.utime(conversion, old)
    open_workbook(first, cache).close()
    open_workbook(second, cache).close()
    assert len(list(cache.iterdir())) == 2, "a start has used both"

    os.utime(conversion, old)
    second.write_bytes(first.read_bytes())  # is converted again
    open_workbook(second, cache).close()
    assert [file.name.partition("-")[0] for file in cache.iterdir()] == ["two"]


def test_concurrent_conversions_of_one_workbook_succeed(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    path = write_workbook({MAIN: [profile()]})
    both = Barrier(2)

    def convert(_: int) -> int:
        waited: list[int] = []

        def wait_once(what: str, done: int, total: int) -> None:
            if what == PROFILES and not waited:
                waited.append(both.wait(timeout=30))

        with closing(open_workbook(path, tmp_path / "cache", wait_once)) as documents:
            return documents.count(PROFILES)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(convert, range(2))) == [1, 1]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_workbook_is_served_although_the_cache_is_unwritable(
    write_workbook: WriteWorkbook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file, where a folder should be")

    with closing(open_workbook(write_workbook({MAIN: [profile()]}), tmp_path / "cache")) as documents:
        assert documents.count(PROFILES) == 1
    assert "export.xlsx is converted again at every start" in caplog.text


def test_several_workbooks_are_several_releases(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    older = write_workbook({"Occupational Profiles 3.9": [profile()]}, "older.xlsx")
    newer = write_workbook({"Occupational Profiles 3.10": [profile()]}, "newer.xlsx")

    with closing(workbook_releases([newer, older], tmp_path / "cache")) as releases:
        assert releases.numbers == ("3.10", "3.9")


def test_two_workbooks_of_one_release_are_refused(write_workbook: WriteWorkbook, tmp_path: Path) -> None:
    paths = [write_workbook({MAIN: [profile()]}, name) for name in ("first.xlsx", "second.xlsx")]

    with pytest.raises(WorkbookError, match=r"first\.xlsx and .*second\.xlsx are both release 3\.26: pass one of them"):
        workbook_releases(paths, tmp_path / "cache")


def test_no_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="no workbook was passed"):
        workbook_releases([], tmp_path)


def test_a_missing_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="cannot read the file"):
        workbook_releases([tmp_path / "nowhere.xlsx"], tmp_path)
