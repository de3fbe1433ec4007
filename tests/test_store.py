"""The store: memory, the file, and one fetch per path, with clock and fetch handed in."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from graphql_api.errors import SettingsError, UpstreamUnavailable
from graphql_api.fetching import Asker, Fetched
from graphql_api.store import Store
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Kept, Shelf
from graphql_api.store.sqlite import SqliteFile

SHELF = Shelf(numbered=1000, moving=10)
PROFILE = "/releases/3.11/occupationalprofiles/0005c397-6f9c-51be-a855-308956b1b950"


class Upstream:
    """Counts what is fetched; answers once it is let go."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.error: Exception | None = None

    async def fetch(self, path: str, asker: Asker) -> Fetched:
        self.fetched.append(path)
        await self.let_go.wait()
        if self.error:
            raise self.error
        return Fetched({"path": path})

    async def until(self, count: int) -> None:
        while len(self.fetched) < count:
            await asyncio.sleep(0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def store(
    upstream: Upstream, clock: Clock | None = None, file: SqliteFile | None = None, memory: int = 10_000
) -> Store:
    return Store(upstream.fetch, SHELF, Memory(memory), file, clock or Clock())


@pytest.mark.parametrize(
    ("path", "span"),
    [
        (PROFILE, 1000),
        ("/releases/3.11", 1000),
        ("/releases/3.11/softskills?page=0&size=500", 1000),
        ("/releases", 10),
        ("/releases/current", 10),
        ("/releases/current/softskills", 10),
        ("/unknown", 10),
    ],
)
def test_documents_of_a_numbered_release_are_kept_long_and_what_moves_short(path: str, span: float) -> None:
    assert SHELF.fresh(path, at=50, now=50 + span - 1)
    assert not SHELF.fresh(path, at=50, now=50 + span)


def test_a_document_from_the_future_is_not_fresh() -> None:
    assert not SHELF.fresh(PROFILE, at=51, now=50)


async def test_a_document_is_fetched_once_and_then_kept() -> None:
    upstream = Upstream()
    kept = store(upstream)

    for _ in range(3):
        assert await kept.get_many([PROFILE, PROFILE]) == {PROFILE: {"path": PROFILE}}
    assert upstream.fetched == [PROFILE]


async def test_a_document_is_fetched_again_when_its_span_is_over() -> None:
    upstream, clock = Upstream(), Clock()
    kept = store(upstream, clock)

    await kept.get_many(["/releases/current", PROFILE])
    clock.now += 11
    await kept.get_many(["/releases/current", PROFILE])

    assert sorted(upstream.fetched) == sorted(["/releases/current", PROFILE, "/releases/current"])


async def test_a_hundred_who_ask_at_once_cause_one_fetch_and_one_that_leaves_harms_none() -> None:
    upstream = Upstream()
    upstream.let_go.clear()
    kept = store(upstream)
    asking = [asyncio.create_task(kept.get_many([PROFILE])) for _ in range(100)]
    await upstream.until(1)

    asking[0].cancel()
    asking[50].cancel()
    await asyncio.sleep(0)
    upstream.let_go.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert upstream.fetched == [PROFILE]
    assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 2
    assert [answer for answer in answers if not isinstance(answer, BaseException)] == [
        {PROFILE: {"path": PROFILE}}
    ] * 98


async def test_the_fetch_ends_when_the_last_who_waited_has_left_and_the_next_who_asks_begins_anew() -> None:
    upstream = Upstream()
    upstream.let_go.clear()
    kept = store(upstream)
    asking = [asyncio.create_task(kept.get_many([PROFILE])) for _ in range(2)]
    await upstream.until(1)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)

    upstream.let_go.set()
    assert await kept.get_many([PROFILE]) == {PROFILE: {"path": PROFILE}}
    assert upstream.fetched == [PROFILE, PROFILE]


async def test_what_failed_is_told_to_all_who_waited_and_not_kept() -> None:
    upstream = Upstream()
    upstream.error = UpstreamUnavailable()
    kept = store(upstream)

    first, second = await asyncio.gather(kept.get_many([PROFILE]), kept.get_many([PROFILE]))
    assert first == second == {PROFILE: upstream.error}
    assert upstream.fetched == [PROFILE]

    upstream.error = None
    assert await kept.get_many([PROFILE]) == {PROFILE: {"path": PROFILE}}


async def test_one_path_that_fails_leaves_the_others_of_its_batch() -> None:
    async def fetch(path: str, asker: Asker) -> Fetched:
        if path == "/releases":
            raise UpstreamUnavailable
        return Fetched({})

    found = await Store(fetch, SHELF, Memory(1000)).get_many(["/releases", PROFILE])

    assert isinstance(found["/releases"], UpstreamUnavailable)
    assert found[PROFILE] == {}


async def test_what_is_asked_as_current_is_kept_under_its_number_too() -> None:
    fetched: list[str] = []

    async def fetch(path: str, asker: Asker) -> Fetched:
        fetched.append(path)
        return Fetched({"_links": {"self": {"href": "http://internal/releases/3.11"}}})

    kept = Store(fetch, SHELF, Memory(1000))
    await kept.get_many(["/releases/current"])
    await kept.get_many(["/releases/3.11"])

    assert fetched == ["/releases/current"]


async def test_a_document_cannot_put_itself_in_the_place_of_another() -> None:
    other = PROFILE.replace("0005c397", "00d33eba")

    async def fetch(path: str, asker: Asker) -> Fetched:
        return Fetched({"asked": path, "_links": {"self": {"href": other}}})

    kept = Store(fetch, SHELF, Memory(1000))
    await kept.get_many([PROFILE])

    found = (await kept.get_many([other]))[other]
    assert not isinstance(found, Exception)
    assert found["asked"] == other


def test_memory_never_holds_more_bytes_than_agreed_and_lets_go_of_the_least_used() -> None:
    memory = Memory(100)
    for number in range(5):
        memory.put(str(number), Kept({}, 0, 30))
        memory.get("0")

    assert memory.bytes == 90
    assert [number for number in range(5) if memory.get(str(number))] == [0, 3, 4]


def test_memory_counts_a_renewed_document_once_and_keeps_none_that_is_too_large() -> None:
    memory = Memory(100)
    memory.put("a", Kept({}, 0, 60))
    memory.put("a", Kept({}, 0, 70))
    assert (memory.bytes, len(memory)) == (70, 1)

    memory.put("b", Kept({}, 0, 101))
    assert memory.get("b") is None


async def test_the_file_is_read_after_a_restart_and_by_another_process(tmp_path: Path) -> None:
    upstream = Upstream()
    first = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"))
    other = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await first.get_many([PROFILE])
    await first.aclose()

    assert await other.get_many([PROFILE]) == {PROFILE: {"path": PROFILE}}
    await other.aclose()
    assert upstream.fetched == [PROFILE]


async def test_a_hundred_who_ask_over_a_file_at_once_cause_one_fetch(tmp_path: Path) -> None:
    upstream = Upstream()
    kept = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"))

    await asyncio.gather(*(kept.get_many([PROFILE]) for _ in range(100)))
    await kept.aclose()

    assert upstream.fetched == [PROFILE]


async def test_who_joins_as_the_last_one_leaves_gets_the_document() -> None:
    upstream = Upstream()
    upstream.let_go.clear()
    kept = store(upstream)
    leaving = asyncio.create_task(kept.get_many([PROFILE]))
    await upstream.until(1)
    leaving.cancel()
    joining = asyncio.create_task(kept.get_many([PROFILE]))
    await asyncio.sleep(0)
    upstream.let_go.set()

    assert await joining == {PROFILE: {"path": PROFILE}}


async def test_what_only_passes_through_takes_no_room_unless_somebody_else_asks_for_it() -> None:
    upstream = Upstream()
    memory = Memory(10_000)
    kept = Store(upstream.fetch, SHELF, memory)
    await kept.pass_through(PROFILE)
    assert len(memory) == 0

    upstream.let_go.clear()
    passing = asyncio.create_task(kept.pass_through(PROFILE))
    await upstream.until(2)
    asking = asyncio.create_task(kept.get_many([PROFILE]))
    await asyncio.sleep(0)
    upstream.let_go.set()
    await asyncio.gather(passing, asking)
    assert len(memory) == 1


async def test_documents_that_are_too_old_are_let_go_of_when_the_file_is_opened(tmp_path: Path) -> None:
    first = store(Upstream(), Clock(), SqliteFile(tmp_path / "s.sqlite", "api"))  # that clock stands in 1970
    await first.get_many([PROFILE])
    await first.aclose()

    await SqliteFile(tmp_path / "s.sqlite", "api", keep=1000).aclose()

    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM document").fetchone() == (0,)
    connection.close()


async def test_documents_of_another_api_in_the_same_file_are_not_ours(tmp_path: Path) -> None:
    upstream = Upstream()
    for origin in ("https://a.example", "https://b.example"):
        kept = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", origin))
        await kept.get_many([PROFILE])
        await kept.aclose()

    assert upstream.fetched == [PROFILE, PROFILE]


async def test_what_still_waits_to_be_written_is_found_already(tmp_path: Path) -> None:
    upstream = Upstream()
    kept = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"), memory=0)

    await kept.get_many([PROFILE])
    await kept.get_many([PROFILE])
    await kept.aclose()

    assert upstream.fetched == [PROFILE]


async def test_a_thousand_documents_are_found_in_one_look(tmp_path: Path) -> None:
    upstream = Upstream()
    paths = [f"/releases/3.11/softskills?page={number}&size=1" for number in range(1200)]
    kept = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await kept.get_many(paths)
    await kept.aclose()

    again = store(upstream, file=SqliteFile(tmp_path / "s.sqlite", "api"))
    assert len(await again.get_many(paths)) == 1200
    await again.aclose()
    assert len(upstream.fetched) == 1200


@pytest.mark.parametrize(
    "damage", [b"this is no database, but long enough to be one" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "s.sqlite").write_bytes(damage)

    kept = store(Upstream(), file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await kept.get_many([PROFILE])
    await kept.aclose()

    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == damage
    assert aside.name in caplog.text


async def test_a_file_of_another_format_is_set_aside_too(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    kept = store(Upstream(), file=SqliteFile(tmp_path / "s.sqlite", "api"))
    await kept.aclose()

    assert list(tmp_path.glob("*.damaged-*"))


async def test_a_file_that_is_damaged_while_it_is_used_costs_a_fetch_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    file = tmp_path / "s.sqlite"
    kept = store(upstream, file=SqliteFile(file, "api"), memory=0)
    await kept.get_many([PROFILE])
    await kept.aclose()
    kept = store(upstream, file=SqliteFile(file, "api"), memory=0)
    with file.open("r+b") as opened:
        opened.write(b"\x00" * file.stat().st_size)

    assert await kept.get_many([PROFILE]) == {PROFILE: {"path": PROFILE}}
    await kept.aclose()

    assert upstream.fetched == [PROFILE, PROFILE]


async def test_a_document_whose_bytes_are_damaged_is_fetched_again(tmp_path: Path) -> None:
    upstream = Upstream()
    file = tmp_path / "s.sqlite"
    kept = store(upstream, file=SqliteFile(file, "api"))
    await kept.get_many([PROFILE])
    await kept.aclose()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE document SET body = x'789c00'")
    connection.close()

    kept = store(upstream, file=SqliteFile(file, "api"))
    assert await kept.get_many([PROFILE]) == {PROFILE: {"path": PROFILE}}
    await kept.aclose()
    assert upstream.fetched == [PROFILE, PROFILE]


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="folder cannot be made"):
        SqliteFile(tmp_path / "file" / "s.sqlite", "api")
    with pytest.raises(SettingsError, match="cannot be opened"):
        SqliteFile(tmp_path, "api")
