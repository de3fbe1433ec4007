"""While an index is built, every process can look up crawled concepts by uuid and the estimated time remaining."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from graphql_api.cli.mirror import _Remaining
from graphql_api.competent.declarations import SKILL, SOFT_SKILL, TECHNICAL_COMPETENCE
from graphql_api.errors import NotIndexedYet
from graphql_api.index import builder, crawler
from graphql_api.index import part as reading
from graphql_api.index.availability import Build
from graphql_api.index.crawler import CrawlLimit, CrawlProgress
from graphql_api.index.part import PartProgress, PartReader, part_progress, write_crawl
from graphql_api.sandbox import Fault, Releases
from graphql_api.services import Services
from graphql_api.settings import Settings
from tests.index.crawls import COMPETENCES, PROFILE, PROFILES, World
from tests.index.small_indexes import Small

A, B, C, D = (uuid5(UUID(int=0), name) for name in "abcd")


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "x.part")) as connection:
        Small(connection)
        yield connection


@pytest.fixture
async def reader(tmp_path: Path, writer: sqlite3.Connection) -> AsyncIterator[PartReader]:
    made = PartReader(tmp_path / "x.part")
    yield made
    await made.aclose()


def add(connection: sqlite3.Connection, *concepts: tuple[Any, str, UUID, int]) -> None:
    for type, code, uuid, is_final in concepts:
        Small(connection).thing(type, code, str(uuid), item={"id": str(uuid), "code": code})
        connection.execute("UPDATE concept SET is_final = ? WHERE uuid = ?", (is_final, str(uuid)))
    connection.commit()


async def uuids_by_code(reader: PartReader, *uuids: UUID) -> dict[str, UUID]:
    """Code and uuid of the concepts that a reader finds."""
    return {str(one.code): one.uuid for same in (await reader.concepts(uuids)).values() for one in same}


async def test_concepts_are_found_once_they_are_complete(
    writer: sqlite3.Connection, reader: PartReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS_PER_READ", 2)
    add(writer, (SKILL, "SK-1", A, 1), (SKILL, "SK-2", B, 0), (TECHNICAL_COMPETENCE, "CP-1", C, 0))
    assert await uuids_by_code(reader, A, B, C, D) == {"SK-1": A, "CP-1": C}

    add(writer, (SOFT_SKILL, "SS-1", D, 1))
    writer.execute("UPDATE concept SET is_final = 1")
    assert await uuids_by_code(reader, A, B, C, D) == {"SK-1": A, "CP-1": C, "SS-1": D}  # what is committed
    writer.commit()
    assert await uuids_by_code(reader, A, B, D) == {"SK-1": A, "SK-2": B, "SS-1": D}

    add(writer, (TECHNICAL_COMPETENCE, "CP-2", A, 1))
    assert {one.code for one in (await reader.concepts([A]))[A]} == {"CP-2", "SK-1"}


async def test_a_locked_part_file_has_no_concepts(
    writer: sqlite3.Connection, reader: PartReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BUSY_TIMEOUT", 0.0)
    add(writer, (SKILL, "SK-1", A, 1))
    writer.execute("BEGIN EXCLUSIVE")
    assert await uuids_by_code(reader, A) == {}
    assert part_progress(tmp_path / "x.part") is None
    writer.rollback()
    assert await uuids_by_code(reader, A) == {"SK-1": A}

    (tmp_path / "x.part").rename(tmp_path / "y")
    assert await uuids_by_code(reader, A) == {}
    with closing(sqlite3.connect(tmp_path / "x.part")) as another:
        another.execute("PRAGMA user_version = 1")
        assert await uuids_by_code(reader, A) == {}
        another.execute("PRAGMA user_version = 0")
        Small(another)
        add(another, (SKILL, "SK-9", A, 1))
    assert await uuids_by_code(reader, A) == {"SK-9": A}


async def test_lookups_beyond_the_queue_limit_return_nothing(
    writer: sqlite3.Connection, reader: PartReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_WAITING", 3)
    add(writer, (SKILL, "SK-1", A, 1))

    results = await asyncio.gather(*(uuids_by_code(reader, A) for _ in range(5)))

    assert sorted(map(len, results)) == [0, 0, 1, 1, 1]
    await reader.aclose()
    assert await uuids_by_code(reader, A) == {}


def test_the_progress_of_a_part_file_is_the_one_of_its_writer(writer: sqlite3.Connection, tmp_path: Path) -> None:
    assert part_progress(tmp_path / "none") is None
    assert part_progress(tmp_path / "x.part") is None
    write_crawl(writer, total=20, before=1)
    writer.executemany("INSERT INTO crawled VALUES (?)", [("/a",), ("/b",)])
    writer.commit()

    seen = part_progress(tmp_path / "x.part")
    assert seen == PartProgress(2, 20, 1, pytest.approx(time.time(), abs=60))
    followed = CrawlProgress()
    followed.follow(seen._replace(began=time.time() - 10))
    assert (followed.done, followed.total, followed.before) == (2, 20, 1)
    assert followed.remaining == pytest.approx(180, rel=0.1)
    followed.follow(seen._replace(began=time.time() + 1000))  # another machine's clock
    assert followed.remaining == pytest.approx(0, abs=60)

    writer.execute("UPDATE meta SET value = '{}'")
    writer.commit()
    assert part_progress(tmp_path / "x.part") is None


@pytest.mark.parametrize(("name", "limit"), [("COMMIT_AFTER", -1.0), ("COMMIT_ROWS", 1)])
async def test_a_waiting_process_sees_the_same_concepts_and_progress(
    world: World, name: str, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawler, name, limit)  # commit each document
    monkeypatch.setattr(builder, "BETWEEN_CHECKS", 0.01)
    standing = world.faults.add(Fault(PROFILE, "hang"))
    mine = world.start(patient=False).begin("3.11")
    while mine.progress.done < PROFILES + COMPETENCES - 1:
        await asyncio.wait([mine.task], timeout=0.001)
    other = world.start(patient=False)
    waiting = other.begin("3.11")
    while waiting.progress.done < mine.progress.done:
        await asyncio.wait([waiting.task], timeout=0.001)

    with closing(sqlite3.connect(world.file().part)) as connection:
        rows = connection.execute("SELECT uuid FROM concept WHERE concept_type = ? AND is_final", (SKILL.number,))
        skills = [UUID(uuid) for (uuid,) in rows]
    assert len(skills) >= 40
    for indexes in (other, world._started[0]):
        assert set(await indexes.met("3.11", [*skills, A])) == set(skills)
    assert waiting.progress.total == PROFILES + COMPETENCES
    assert waiting.progress.done == mine.progress.done
    assert waiting.progress.before == mine.progress.before == 0
    assert waiting.progress.remaining is not None
    assert waiting.state().keys() == mine.state().keys() == {"state", "progress", "documents", "remaining"}
    assert other.state("3.11")["progress"] == pytest.approx(waiting.progress.share, abs=0.001)

    standing.released.set()
    world.faults.clear()
    assert (await mine.task).documents == (await waiting.task).documents > PROFILES + COMPETENCES
    assert await other.met("3.11", skills) == {}  # the index has them


def build(progress: CrawlProgress, tmp_path: Path) -> Build:
    return Build(asyncio.get_running_loop().create_future(), progress, PartReader(tmp_path / "x.part"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "done", "total", "seconds", "left", "says"),
    [
        (0, 0, 0, 0, None, "reading its lists"),
        (0, 0, 21_000, 5, None, "0 of 21000 documents"),
        (0, 2_000, 21_000, 84, 798, "2000 of 21000 documents, about 13 minutes left"),
        (19_000, 20_000, 21_000, 40, 40, "about 40 seconds left"),
        (0, 10, 100_010, 600, 6_000_000, "about 1667 hours left"),
        (0, 21_000, 21_000, 60, 0, "about 2 seconds left"),
    ],
)
async def test_the_error_has_the_estimated_time_remaining(
    tmp_path: Path, before: int, done: int, total: int, seconds: float, left: float | None, says: str
) -> None:
    building = build(CrawlProgress(before, done, total, time.monotonic() - seconds), tmp_path)

    error = building.error("3.27")

    assert isinstance(error, NotIndexedYet)
    assert says in str(error)
    remaining = building.state()["remaining"]
    assert remaining == (None if left is None else pytest.approx(left, rel=0.01, abs=1))
    expected = 60 if left is None else min(max(left, 1), 3600)
    assert error.retry_after == pytest.approx(expected, rel=0.01, abs=1)


def test_the_progress_bar_of_mirror_shows_the_estimate() -> None:
    progress = CrawlProgress()
    column = _Remaining(progress)
    assert column.render(object()).plain == ""

    progress.start(0, 21_000)
    progress.done, progress.began = 2_000, time.monotonic() - 84

    assert column.render(object()).plain in ("0:13:18", "0:13:19", "0:13:20")


def test_documents_of_earlier_crawls_do_not_affect_the_estimate() -> None:
    progress = CrawlProgress()
    progress.start(500, 1_000)
    assert (progress.before, progress.remaining, progress.share) == (500, None, 0.5)

    progress.began -= 10
    progress.done = 600

    assert progress.before == 500
    assert progress.remaining == pytest.approx(40, rel=0.05)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "left"),
    [
        (1_425, 21_000, 20, 14 * 61 - 20),  # the first period is used up; the last document is fetched in the fifteenth
        (1_425, 21_000, 61, 838),  # at the mean pace
        (2_850, 21_000, 70, 14 * 61 - 70),
        (14_250, 21_000, 610, 289),
        (1_000, 1_425, 10, 4),  # within the first period
        (5_000, 21_000, 20, 64),  # most documents are in the store
        (1_425, 1_425, 20, 0),
    ],
)
def test_the_estimate_counts_the_periods_of_the_rate_limit(done: int, total: int, seconds: float, left: float) -> None:
    progress = CrawlProgress(0, done, total, time.monotonic() - seconds, CrawlLimit(1_425, 61.0))

    assert progress.remaining == pytest.approx(left, abs=1)


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, CrawlLimit(1_425, 61.0)),  # three quarters of 1,900
        ({"workers": 2}, CrawlLimit(713, 61.0)),
        ({"upstream_rate_limit": 0}, None),
        ({"upstream_url": ""}, None),
    ],
)
async def test_a_crawl_estimates_with_its_share_of_the_rate_limit(
    tmp_path: Path, options: dict[str, Any], limit: CrawlLimit | None
) -> None:
    settings = replace(Settings(), cache_dir=tmp_path, **{"upstream_url": "http://127.0.0.1:9", **options})
    services = Services(settings)
    try:
        assert services.indexes.begin("3.27").progress.limit == limit
    finally:
        await services.aclose()
