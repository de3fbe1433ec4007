"""Index files that are damaged, truncated, deleted, replaced or unwritable: detected, set aside and rebuilt, never used."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.errors import NotIndexedYet
from graphql_api.index import Index, IndexRegistry
from graphql_api.index.concepts import by_row_id, listed
from graphql_api.index.index_file import IndexFile
from graphql_api.index.tables import FORMAT
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import PROFILES, Server, running
from tests.index.crawls import World

pytestmark = pytest.mark.slow

PAGE = 4096


def zero_pages(path: Path, first: int = 1) -> None:
    """Overwrite all pages from `first` on with zeros, in the same file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(first * PAGE)
        file.write(b"\0" * (size - first * PAGE))


def cut_off(path: Path) -> None:
    os.truncate(path, 2 * PAGE)


def empty_file(path: Path) -> None:
    os.truncate(path, 0)


def rubbish(path: Path) -> None:
    path.write_bytes(b"no database at all, " * 5000)


def broken_rows(path: Path) -> None:
    """The pages are valid, but rows contain invalid JSON."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE concept SET item = zeroblob(length(item))")


def broken_texts(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE concept SET uuid = CAST(x'ff' || n AS TEXT)")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE concept RENAME TO other")


DAMAGES: list[Callable[[Path], None]] = [
    zero_pages,
    cut_off,
    empty_file,
    rubbish,
    broken_rows,
    broken_texts,
    without_a_table,
]


async def profiles(index: Index) -> int:
    return len(await index.query(listed, OCCUPATIONAL_PROFILE, 0, 1000))


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_file_damaged_while_serving_is_rebuilt(world: World, damage: Callable[[Path], None]) -> None:
    indexes = world.start()
    index = await indexes.get("3.11")
    damage(world.file().path)

    _forget_pages(index)
    with pytest.raises(NotIndexedYet) as raised:
        await index.query(by_row_id, range(1, 500))

    assert raised.value.extensions["code"] == "NOT_INDEXED_YET"
    assert raised.value.extensions["retryAfter"] >= 1
    assert indexes.state("3.11")["state"] == "building"
    assert indexes.state("3.11")["reason"] == "the file was corrupt"
    assert await profiles(await indexes.get("3.11")) == PROFILES
    assert indexes.state("3.11")["state"] == "complete"
    assert world.file().path.with_suffix(".damaged").exists()
    assert set(world.documents().values()) == {2}  # crawled twice


@pytest.mark.parametrize("damage", [zero_pages, cut_off, empty_file, rubbish])
async def test_a_file_damaged_before_the_start_is_rebuilt(world: World, damage: Callable[[Path], None]) -> None:
    await (first := world.start()).get("3.11")
    await first.aclose()
    damage(world.file().path)

    assert await profiles(await world.start().get("3.11")) == PROFILES


async def test_a_synchronous_lookup_detects_damage(world: World) -> None:
    indexes = world.start()
    index = await indexes.get("3.11")
    broken_rows(world.file().path)

    with pytest.raises(NotIndexedYet):
        index.get_cached(by_row_id, 1)

    assert not indexes.has("3.11")
    assert await profiles(await indexes.get("3.11")) == PROFILES


async def test_a_failing_query_does_not_mark_the_file_as_damaged(world: World) -> None:
    indexes = world.start()
    index = await indexes.get("3.11")

    with pytest.raises(sqlite3.OperationalError):
        await index.query(lambda connection: connection.execute("SELECT nonsense"))
    with pytest.raises(ZeroDivisionError):
        await index.query(lambda connection: 1 // 0)

    assert await indexes.get("3.11") is index


async def test_repeated_damage_is_repaired_only_after_a_pause(world: World) -> None:
    """Otherwise a faulty disk would cause an endless crawl of the release."""
    indexes = world.start()
    for _ in range(2):
        index = await indexes.get("3.11")
        broken_rows(world.file().path)
        with pytest.raises(NotIndexedYet) as raised:
            index.get_cached(by_row_id, 1)
    world.requested.clear()

    with pytest.raises(NotIndexedYet):
        await indexes.get("3.11")

    assert raised.value.extensions["retryAfter"] > 20
    assert indexes.state("3.11")["state"] == "failed"
    assert world.requested == []


async def test_concurrent_queries_that_detect_damage_cause_one_rebuild(world: World) -> None:
    indexes = world.start()
    index = await indexes.get("3.11")
    broken_rows(world.file().path)

    result = await asyncio.gather(*(index.query(by_row_id, [n]) for n in range(1, 30)), return_exceptions=True)
    await indexes.get("3.11")

    assert {type(item) for item in result} == {NotIndexedYet}
    assert set(world.documents().values()) == {2}


async def test_a_damaged_file_that_another_process_replaced_is_left_in_place(world: World) -> None:
    mine, other = world.start(), world.start()
    index = await mine.get("3.11")
    await other.get("3.11")
    broken_rows(world.file().path)
    with pytest.raises(NotIndexedYet):
        (await other.get("3.11")).get_cached(by_row_id, 1)
    good = await other.get("3.11")
    world.requested.clear()

    with pytest.raises(NotIndexedYet):
        index.get_cached(by_row_id, 1)
    building = mine.begin("3.11")
    await building.task

    assert await profiles(good) == PROFILES
    assert world.file().id() is not None


async def test_an_index_keeps_serving_after_its_file_is_deleted(world: World) -> None:
    indexes = world.start()
    index = await indexes.get("3.11")
    world.file().path.unlink()
    indexes.measure()

    assert await profiles(index) == PROFILES
    assert await indexes.get("3.11") is index


async def test_a_file_of_another_format_is_rebuilt(world: World) -> None:
    await (first := world.start()).get("3.11")
    await first.aclose()
    with closing(sqlite3.connect(world.file().path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")

    indexes = world.start()

    assert await profiles(await indexes.get("3.11")) == PROFILES
    assert world.file().is_there()


async def test_a_part_file_with_damaged_rows_is_rebuilt(world: World) -> None:
    indexes = world.start()
    indexes.begin("3.11")
    await world.until(200)
    await indexes.aclose()
    with closing(sqlite3.connect(world.file().part)) as connection, connection:
        connection.execute("UPDATE concept SET code = NULL, item = x'00'")

    assert await profiles(await world.start().get("3.11")) == PROFILES


@contextmanager
def little_room(world: World, monkeypatch: pytest.MonkeyPatch, pages: int) -> Iterator[None]:
    """SQLite finds the disk full when a part grows beyond this size."""
    begin = IndexFile.begin

    def limited(file: IndexFile) -> sqlite3.Connection:
        connection = begin(file)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(IndexFile, "begin", limited)
        yield


@pytest.mark.parametrize("pages", [30, 150, 300])
async def test_a_full_disk_gives_an_error_code_instead_of_an_index(
    world: World, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    indexes = world.start()
    with little_room(world, monkeypatch, pages), pytest.raises(NotIndexedYet) as raised:
        await indexes.get("3.11")

    assert raised.value.extensions["retryAfter"] >= 1
    assert str(world.folder) not in str(raised.value)
    assert world.file().id() is None
    assert indexes.state("3.11") == {"state": "failed", "retryAfter": 30.0, "reason": "the file cannot be written"}
    world.requested.clear()
    with pytest.raises(NotIndexedYet):
        await indexes.get("3.11")
    assert world.requested == []  # the next try waits


async def test_an_index_is_built_once_disk_space_is_free(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with little_room(world, monkeypatch, 150), pytest.raises(NotIndexedYet):
        await world.start().get("3.11")

    assert await profiles(await world.start().get("3.11")) == PROFILES


async def test_an_unwritable_folder_gives_an_error_code(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **more: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)

    with pytest.raises(NotIndexedYet):
        await world.start().get("3.11")


async def test_a_file_system_without_locks_does_not_wait_for_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("graphql_api.index.index_file.fcntl.flock", unsupported)

    assert await profiles(await world.start().get("3.11")) == PROFILES


async def test_damage_gives_clients_an_error_code_and_shows_in_health(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    async with running(releases, replace(settings, cache_dir=tmp_path)) as server:
        assert (await _search(server)).get("errors") is None
        indexes: IndexRegistry = server.app.state.services.indexes
        index = indexes.get_cached("3.11")
        assert index is not None
        indexes._patient = False  # as over the Competent API
        zero_pages(indexes._builder.file("3.11").path)
        _forget_pages(index)

        (error,) = (await _search(server, "lassen"))["errors"]
        response = (await server.client.get("/health/ready")).json()

        assert error["extensions"]["code"] == "NOT_INDEXED_YET"
        assert error["extensions"]["retryAfter"] >= 1
        assert response["index"]["state"] == "building"
        assert response["index"]["reason"] == "the file was corrupt"
        await indexes.ready("3.11")
        assert (await _search(server)).get("errors") is None


async def _search(server: Server, text: str = "verpleegkundige") -> Any:
    return (
        await server.post(
            "query ($text: String!) { search(text: $text, types: [SKILL]) { totalCount } }", {"text": text}
        )
    ).json()


def _forget_pages(index: Index) -> None:
    """SQLite drops its cached pages of a small file, as of a large one."""
    idle = index._readers._idle
    readers = [idle.get() for _ in range(idle.qsize())]
    for item in (*readers, index._connection):
        item.execute("PRAGMA shrink_memory")
    for reader in readers:
        idle.put(reader)


CUT = """
import os, sqlite3, sys
from pathlib import Path
from graphql_api.index.index_file import is_damage, read_only
connection = read_only(Path(sys.argv[1]))
connection.execute("SELECT count(*) FROM concept").fetchall()
os.truncate(sys.argv[1], 8192)
try:
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("SELECT * FROM concept").fetchall()
    connection.execute("SELECT * FROM searched_text").fetchall()
except sqlite3.DatabaseError as error:
    print("damaged", is_damage(error))
"""


async def test_a_process_survives_truncation_of_its_open_index(world: World) -> None:
    """With memory mapping it would be ended by SIGBUS."""
    await (first := world.start()).get("3.11")
    await first.aclose()

    ended = subprocess.run(
        [sys.executable, "-c", CUT, str(world.file().path)], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (0, "damaged True\n"), ended.stderr


async def test_a_part_file_that_is_opened_during_shutdown_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    begin = IndexFile.begin

    def slowly(file: IndexFile) -> sqlite3.Connection:
        release.wait()
        opened.append(begin(file))
        return opened[0]

    release = threading.Event()
    monkeypatch.setattr(IndexFile, "begin", slowly)
    indexes = world.start()
    indexes.begin("3.11")
    await asyncio.sleep(0)
    ending = asyncio.create_task(indexes.aclose())
    await asyncio.sleep(0)
    release.set()
    await ending

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
