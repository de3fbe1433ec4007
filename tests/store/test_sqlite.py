"""The SQLite file: contents and eviction, older formats, damage, and a process killed during a write."""

import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import orjson
import pytest

from graphql_api.competent.fetch import Validators
from graphql_api.errors import SettingsError
from graphql_api.store.memory import Memory
from graphql_api.store.sqlite import SqliteFile
from tests.store.fakes import OTHER, PROFILE, Clock, Opened, Upstream, entry_of, profile


def store(
    upstream: Upstream, clock: Clock | None = None, file: SqliteFile | None = None, memory: int = 10_000
) -> Opened:
    return Opened(upstream, clock or Clock(), Memory(memory), file)


async def test_expired_documents_are_deleted_when_the_file_is_opened(tmp_path: Path) -> None:
    first = store(Upstream(), Clock(), SqliteFile(tmp_path / "s.sqlite", "api"))  # that clock stands in 1970
    await first.ask(PROFILE)
    await first.store.aclose()

    await SqliteFile(tmp_path / "s.sqlite", "api", ttl=1000).aclose()

    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM document").fetchone() == (0,)
    connection.close()


async def test_a_document_that_is_queued_for_writing_can_be_read(tmp_path: Path) -> None:
    upstream = Upstream()
    cache = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"), memory=0)

    await cache.ask(PROFILE)
    await cache.ask(PROFILE)
    await cache.store.aclose()

    assert upstream.paths == [PROFILE]


@pytest.mark.parametrize(
    "damage", [b"this is no database, but long enough to be one" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
async def test_a_damaged_file_is_set_aside_and_replaced(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "s.sqlite").write_bytes(damage)

    cache = store(Upstream(), file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await cache.ask(PROFILE)
    await cache.store.aclose()

    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == damage
    assert aside.name in caplog.text


async def test_a_file_of_another_format_is_set_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    cache = store(Upstream(), file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await cache.store.aclose()

    assert list(tmp_path.glob("*.damaged-*"))


async def test_damage_to_an_open_file_causes_a_fetch_but_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    file = tmp_path / "s.sqlite"
    cache = store(upstream, file=SqliteFile(file, "api"), memory=0)
    await cache.ask(PROFILE)
    await cache.store.aclose()
    cache = store(upstream, file=SqliteFile(file, "api"), memory=0)
    with file.open("r+b") as opened:
        opened.write(b"\x00" * file.stat().st_size)

    assert await cache.ask(PROFILE) == [upstream.document(PROFILE)]
    await cache.store.aclose()

    assert upstream.paths == [PROFILE, PROFILE]


async def test_a_document_whose_bytes_are_damaged_is_fetched_again(tmp_path: Path) -> None:
    upstream = Upstream()
    file = tmp_path / "s.sqlite"
    cache = store(upstream, file=SqliteFile(file, "api"))
    await cache.ask(PROFILE)
    await cache.store.aclose()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE document SET body = x'789c00'")
    connection.close()

    cache = store(upstream, file=SqliteFile(file, "api"))
    assert await cache.ask(PROFILE) == [upstream.document(PROFILE)]
    await cache.store.aclose()
    assert upstream.paths == [PROFILE, PROFILE]


def test_an_unusable_path_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot create the folder"):
        SqliteFile(tmp_path / "file" / "s.sqlite", "api")
    with pytest.raises(SettingsError, match="cannot open"):
        SqliteFile(tmp_path, "api")


async def test_the_oldest_documents_are_deleted_if_the_file_exceeds_its_limit(tmp_path: Path) -> None:
    file, random = tmp_path / "s.sqlite", Random(1)
    backend = SqliteFile(file, "api", max_bytes=400_000)
    for number in range(1000):
        backend.put(profile(number), entry_of(profile(number), float(number), title=random.randbytes(1000).hex()))
        if number % 50 == 0:
            await backend.get_many([PROFILE])
    await backend.aclose()

    assert file.stat().st_size < 600_000
    backend = SqliteFile(file, "api")
    left = sorted(cache.at for cache in (await backend.get_many(map(profile, range(1000)))).values())
    await backend.aclose()
    assert 50 < len(left) < 1000
    assert left == [float(number) for number in range(1000 - len(left), 1000)]


async def test_a_file_of_the_first_format_is_migrated_with_its_documents(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute(
            "CREATE TABLE document (origin TEXT NOT NULL, path TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL, "
            "body BLOB NOT NULL, PRIMARY KEY (origin, path)) WITHOUT ROWID"
        )
        body = zlib.compress(orjson.dumps({"id": PROFILE[-36:], "title": "Kok"}))
        connection.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?)", ("api", PROFILE, 7.0, 10, body))
        connection.execute("PRAGMA user_version = 1")
    connection.close()

    backend = SqliteFile(tmp_path / "s.sqlite", "api")
    documents = await backend.get_many([PROFILE])
    backend.put(PROFILE, entry_of(PROFILE, 8.0, Validators("e")))
    await backend.aclose()

    assert documents == {PROFILE: entry_of(PROFILE, 7.0, title="Kok")}
    assert not list(tmp_path.glob("*.damaged-*"))
    backend = SqliteFile(tmp_path / "s.sqlite", "api")
    assert (await backend.get_many([PROFILE]))[PROFILE].validators == Validators("e")
    await backend.aclose()


async def _filled(file: Path, upstream: Upstream) -> list[str]:
    paths = [profile(number) for number in range(300)]
    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    await opened.ask(*paths)
    await opened.store.aclose()
    return paths


@pytest.mark.parametrize(
    "pages", [range(1, 4), range(3, 100), range(1, 1000)], ids=["the first", "the last", "all but one"]
)
async def test_zeroed_pages_cause_a_fetch_and_are_repaired_for_the_next_process(tmp_path: Path, pages: range) -> None:
    upstream, file = Upstream(), tmp_path / "s.sqlite"
    paths = await _filled(file, upstream)
    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    with file.open("r+b") as damaged:
        last = file.stat().st_size // 4096
        for page in pages:
            if page < last:
                damaged.seek(page * 4096)
                damaged.write(b"\x00" * 4096)

    for _ in range(2):
        assert await opened.ask(*paths) == [upstream.document(path) for path in paths]
    await opened.store.aclose()
    fetched = len(upstream.paths)
    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    assert await opened.ask(*paths) == [upstream.document(path) for path in paths]
    await opened.store.aclose()

    assert len(upstream.paths) == fetched


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE document", "ALTER TABLE document RENAME COLUMN etag TO tag", "ALTER TABLE document RENAME TO other"],
)
async def test_a_table_of_an_unknown_layout_is_recreated(tmp_path: Path, change: str) -> None:
    upstream, file = Upstream(), tmp_path / "s.sqlite"
    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    with sqlite3.connect(file) as connection:
        connection.execute(change)
    connection.close()

    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
    await opened.store.aclose()

    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    await opened.ask(OTHER)
    assert await opened.ask(OTHER) == [upstream.document(OTHER)]
    await opened.store.aclose()
    assert upstream.paths.count(OTHER) == 1


async def test_a_full_disk_loses_writes_and_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, random = tmp_path / "s.sqlite", Random(1)
    backend = SqliteFile(file, "api")
    backend._writing.execute("PRAGMA max_page_count = 1")
    for number in range(5):
        backend.put(profile(number), entry_of(profile(number), title=random.randbytes(50_000).hex()))
        await backend._queue.flush()
    assert caplog.text.count("is full") == 1

    backend._writing.execute("PRAGMA max_page_count = 100000")
    backend.put(PROFILE, entry_of(PROFILE))
    await backend.aclose()
    backend = SqliteFile(file, "api")
    assert await backend.get_many([PROFILE, profile(0)]) == {PROFILE: entry_of(PROFILE)}
    await backend.aclose()


async def test_a_read_only_file_is_read(tmp_path: Path) -> None:
    upstream, file = Upstream(), tmp_path / "s.sqlite"
    paths = await _filled(file, upstream)
    backend = SqliteFile(file, "api")
    backend._writing.execute("PRAGMA query_only = ON")
    opened = store(upstream, file=backend, memory=0)

    assert await opened.ask(*paths, PROFILE) == [upstream.document(path) for path in (*paths, PROFILE)]
    await opened.store.aclose()
    assert len(upstream.paths) == 301
    assert not list(tmp_path.glob("*.damaged-*"))


async def test_a_write_lock_of_another_process_does_not_block_reads(tmp_path: Path) -> None:
    upstream, file = Upstream(), tmp_path / "s.sqlite"
    paths = await _filled(file, upstream)
    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            assert await opened.ask(PROFILE, paths[0]) == [upstream.document(PROFILE), upstream.document(paths[0])]
        other.execute("ROLLBACK")

    await opened.store.aclose()
    assert upstream.paths[300:] == [PROFILE]


@pytest.mark.parametrize(
    "gone", [lambda file: file.rename(file.with_name("aside")), Path.unlink], ids=["renamed", "deleted"]
)
async def test_a_file_that_another_process_set_aside_is_reopened(
    tmp_path: Path, gone: Callable[[Path], object]
) -> None:
    upstream, file = Upstream(), tmp_path / "s.sqlite"
    opened = store(upstream, file=SqliteFile(file, "api"), memory=0)
    await opened.ask(PROFILE)
    gone(file)
    for more in tmp_path.glob("s.sqlite-*"):
        more.unlink()

    await opened.ask(OTHER)
    await opened.store.aclose()
    other = SqliteFile(file, "api")
    assert OTHER in await other.get_many([OTHER])
    await other.aclose()


async def test_only_the_newest_damaged_file_is_retained(tmp_path: Path) -> None:
    file, older = tmp_path / "s.sqlite", tmp_path / "s.sqlite.damaged-20260101T000000"
    older.write_bytes(b"older")
    file.write_bytes(b"this is no database, but long enough to be one" * 100)

    await SqliteFile(file, "api").aclose()

    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside != older
