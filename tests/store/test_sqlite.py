"""The SQLite file: what it holds and lets go of, older formats, damage, and death in the middle of a write."""

import sqlite3
import zlib
from pathlib import Path
from random import Random

import orjson
import pytest

from graphql_api.errors import SettingsError
from graphql_api.fetching import Validators
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Kept
from graphql_api.store.sqlite import SqliteFile
from tests.store.world import PROFILE, Clock, Opened, Upstream, profile


def store(
    upstream: Upstream, clock: Clock | None = None, file: SqliteFile | None = None, memory: int = 10_000
) -> Opened:
    return Opened(upstream, clock or Clock(), Memory(memory), file)


async def test_documents_that_are_too_old_are_let_go_of_when_the_file_is_opened(tmp_path: Path) -> None:
    first = store(Upstream(), Clock(), SqliteFile(tmp_path / "s.sqlite", "api"))  # that clock stands in 1970
    await first.ask(PROFILE)
    await first.store.aclose()

    await SqliteFile(tmp_path / "s.sqlite", "api", keep=1000).aclose()

    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM document").fetchone() == (0,)
    connection.close()


async def test_what_still_waits_to_be_written_is_found_already(tmp_path: Path) -> None:
    upstream = Upstream()
    kept = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"), memory=0)

    await kept.ask(PROFILE)
    await kept.ask(PROFILE)
    await kept.store.aclose()

    assert upstream.paths == [PROFILE]


@pytest.mark.parametrize(
    "damage", [b"this is no database, but long enough to be one" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "s.sqlite").write_bytes(damage)

    kept = store(Upstream(), file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await kept.ask(PROFILE)
    await kept.store.aclose()

    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == damage
    assert aside.name in caplog.text


async def test_a_file_of_another_format_is_set_aside_too(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    kept = store(Upstream(), file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await kept.store.aclose()

    assert list(tmp_path.glob("*.damaged-*"))


async def test_a_file_that_is_damaged_while_it_is_used_costs_a_fetch_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    file = tmp_path / "s.sqlite"
    kept = store(upstream, file=SqliteFile(file, "api"), memory=0)
    await kept.ask(PROFILE)
    await kept.store.aclose()
    kept = store(upstream, file=SqliteFile(file, "api"), memory=0)
    with file.open("r+b") as opened:
        opened.write(b"\x00" * file.stat().st_size)

    assert await kept.ask(PROFILE) == [upstream.document(PROFILE)]
    await kept.store.aclose()

    assert upstream.paths == [PROFILE, PROFILE]


async def test_a_document_whose_bytes_are_damaged_is_fetched_again(tmp_path: Path) -> None:
    upstream = Upstream()
    file = tmp_path / "s.sqlite"
    kept = store(upstream, file=SqliteFile(file, "api"))
    await kept.ask(PROFILE)
    await kept.store.aclose()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE document SET body = x'789c00'")
    connection.close()

    kept = store(upstream, file=SqliteFile(file, "api"))
    assert await kept.ask(PROFILE) == [upstream.document(PROFILE)]
    await kept.store.aclose()
    assert upstream.paths == [PROFILE, PROFILE]


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="folder cannot be made"):
        SqliteFile(tmp_path / "file" / "s.sqlite", "api")
    with pytest.raises(SettingsError, match="cannot be opened"):
        SqliteFile(tmp_path, "api")


async def test_the_oldest_documents_are_let_go_of_where_the_file_would_grow_beyond_its_bound(tmp_path: Path) -> None:
    file, random = tmp_path / "s.sqlite", Random(1)
    backend = SqliteFile(file, "api", most_bytes=400_000)
    for number in range(1000):
        backend.put(profile(number), Kept({"text": random.randbytes(1000).hex()}, float(number), 2000))
        if number % 50 == 0:
            await backend.get_many([PROFILE])
    await backend.aclose()

    assert file.stat().st_size < 600_000
    backend = SqliteFile(file, "api")
    left = sorted(kept.at for kept in (await backend.get_many(map(profile, range(1000)))).values())
    await backend.aclose()
    assert 50 < len(left) < 1000
    assert left == [float(number) for number in range(1000 - len(left), 1000)]


async def test_a_file_of_the_first_format_keeps_its_documents(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute(
            "CREATE TABLE document (origin TEXT NOT NULL, path TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL, "
            "body BLOB NOT NULL, PRIMARY KEY (origin, path)) WITHOUT ROWID"
        )
        body = zlib.compress(orjson.dumps({"id": "x"}))
        connection.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?)", ("api", PROFILE, 7.0, 10, body))
        connection.execute("PRAGMA user_version = 1")
    connection.close()

    backend = SqliteFile(tmp_path / "s.sqlite", "api")
    found = await backend.get_many([PROFILE])
    backend.put(PROFILE, Kept({"id": "y"}, 8.0, 10, Validators("e")))
    await backend.aclose()

    assert found == {PROFILE: Kept({"id": "x"}, 7.0, 10)}
    assert not list(tmp_path.glob("*.damaged-*"))
    backend = SqliteFile(tmp_path / "s.sqlite", "api")
    assert (await backend.get_many([PROFILE]))[PROFILE].validators == Validators("e")
    await backend.aclose()
