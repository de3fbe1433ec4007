"""The crawl that fills an index: each document once, resumable, around failures, visible only when complete."""

import asyncio
import gc
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api.competent.concept_reader import reader
from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE, SOFT_SKILL, TECHNICAL_COMPETENCE
from graphql_api.errors import NotIndexedYet, UpstreamError
from graphql_api.index.builder import _finish
from graphql_api.index.concepts import by_code, count, failed
from graphql_api.index.index_file import IndexFile
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from graphql_api.upstream.heap import HeapTrimmer
from tests.conftest import SOFT_SKILLS, running
from tests.index.crawls import ATTEMPTS, COMPETENCE, COMPETENCES, OTHER_PROFILE, PROFILE, PROFILES, World


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


ENDLESS = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) SELECT count(*) FROM counted"


async def test_stopping_the_server_interrupts_the_finish_of_an_index(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, errors = threading.Event(), list[sqlite3.Error]()

    def works_long(connection: sqlite3.Connection) -> None:
        at_work.set()
        try:
            connection.execute(ENDLESS).fetchall()
        except sqlite3.Error as error:
            errors.append(error)
            raise

    indexes = world.start()
    with monkeypatch.context() as patch:
        patch.setattr("graphql_api.index.index_file.write_elements", works_long)
        walking = indexes.begin("3.11")
        await asyncio.to_thread(at_work.wait)
        await indexes.aclose()

    assert [str(item) for item in errors] == ["interrupted"]
    assert walking.task.cancelled()
    assert not world.file().is_there()
    world.requested.clear()
    index = await world.start().get("3.11")
    assert await index.query(count, OCCUPATIONAL_PROFILE) == PROFILES
    assert not world.documents()


async def test_a_crawl_requests_each_profile_and_competence_once(world: World) -> None:
    index = await world.start().get("3.11")

    assert await index.query(count, OCCUPATIONAL_PROFILE) == PROFILES
    assert await index.query(count, TECHNICAL_COMPETENCE) == COMPETENCES
    assert len(world.documents()) == PROFILES + COMPETENCES
    assert set(world.documents().values()) == {1}


async def test_interrupting_a_finish_logs_no_error() -> None:
    at_work, heard = threading.Event(), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(str(context)))

    class File:
        def finish(self, connection: sqlite3.Connection) -> None:
            at_work.set()
            connection.execute(ENDLESS).fetchall()

    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        finishing = asyncio.create_task(_finish(File(), connection))  # type: ignore[arg-type]
        await asyncio.to_thread(at_work.wait)
        finishing.cancel()
        await asyncio.wait([finishing])
    assert finishing.cancelled()
    del finishing
    gc.collect()

    assert heard == []


async def test_a_finished_index_is_opened_without_requests(world: World) -> None:
    await (first := world.start()).get("3.11")
    await first.aclose()
    world.requested.clear()

    index = await world.start().get("3.11")

    assert await index.query(count, SOFT_SKILL) == SOFT_SKILLS
    assert world.requested == []


async def test_callers_get_the_progress_until_the_index_is_complete(world: World) -> None:
    standing = world.faults.add(Fault(COMPETENCE, "hang"))
    indexes = world.start(patient=False)

    with pytest.raises(NotIndexedYet) as raised:
        await indexes.get("3.11")
    assert raised.value.extensions["code"] == "NOT_INDEXED_YET"
    assert raised.value.extensions["retryAfter"] >= 1
    assert 0 <= raised.value.extensions["progress"] <= 1

    building = indexes.begin("3.11")
    standing.released.set()
    world.faults.clear()
    await building.task
    assert await (await indexes.get("3.11")).query(count, OCCUPATIONAL_PROFILE) == PROFILES


async def test_concurrent_callers_share_one_crawl(world: World) -> None:
    indexes = world.start()

    result = await asyncio.gather(*(indexes.get("3.11") for _ in range(20)))

    assert len(set(map(id, result))) == 1
    assert set(world.documents().values()) == {1}


@pytest.mark.parametrize("killed_after", [1, 20, 60, PROFILES + COMPETENCES - 1])
async def test_a_cancelled_crawl_resumes_where_it_stopped(world: World, killed_after: int) -> None:
    indexes = world.start()
    walking = indexes.begin("3.11")
    await world.until(killed_after)
    await indexes.aclose()
    assert walking.task.cancelled()
    assert not world.file().is_there()

    second = world.start().begin("3.11")
    index = await second.task

    assert killed_after - 2 <= second.progress.before < second.progress.done == PROFILES + COMPETENCES
    assert await index.query(count, TECHNICAL_COMPETENCE) == COMPETENCES
    repeated = [path for path, times in world.documents().items() if times > 1]
    assert len(repeated) <= 2  # what was under way


async def test_a_damaged_part_file_is_rebuilt(world: World) -> None:
    world.folder.mkdir()
    world.file().part.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)

    index = await world.start().get("3.11")

    assert await index.query(count, OCCUPATIONAL_PROFILE) == PROFILES


@pytest.mark.parametrize("damage", [b"", b"no database at all, but long enough to look like one " * 50])
async def test_a_damaged_index_file_is_rebuilt(world: World, damage: bytes) -> None:
    world.folder.mkdir()
    world.file().path.write_bytes(damage)

    index = await world.start().get("3.11")

    assert await index.query(count, OCCUPATIONAL_PROFILE) == PROFILES


async def test_failed_documents_are_recorded_and_the_rest_is_indexed(world: World) -> None:
    for path in (PROFILE, OTHER_PROFILE):
        world.faults.add(Fault(path, "status", status=503, times=ATTEMPTS))
    world.faults.add(Fault(COMPETENCE, "broken", times=ATTEMPTS))

    index = await world.start().get("3.11")

    assert sorted(code for _, code in await index.query(failed)) == [
        "UPSTREAM_INVALID_RESPONSE",
        *["UPSTREAM_UNAVAILABLE"] * 2,
    ]
    assert index.missing == 3
    assert await index.query(count, OCCUPATIONAL_PROFILE) == PROFILES - 2


async def test_a_second_build_retries_only_failed_documents(world: World) -> None:
    for path in (PROFILE, OTHER_PROFILE):
        world.faults.add(Fault(path, "status", status=503, times=ATTEMPTS))
    indexes = world.start()
    first = await indexes.get("3.11")
    assert first.missing == 2
    world.requested.clear()

    second = await indexes.begin("3.11").task

    assert second.missing == 0
    assert await second.query(count, OCCUPATIONAL_PROFILE) == PROFILES
    assert len(world.documents()) == 2
    assert await indexes.get("3.11") is second
    assert await first.query(count, OCCUPATIONAL_PROFILE) == PROFILES - 2  # for callers that still hold it


@pytest.mark.slow
async def test_a_replaced_index_is_closed_after_its_last_query(world: World) -> None:
    indexes = world.start()
    first, other = await indexes.get("3.11"), await indexes.get("3.10")
    await first.changes_since(other)
    connection = first._connection
    replaced = asyncio.create_task(first.query(count, OCCUPATIONAL_PROFILE))
    await indexes.begin("3.11").task
    assert await replaced == PROFILES

    await other.changes_since(first)  # the result is cached, but must not keep the index open
    del first, replaced
    gc.collect()
    while threads := [thread for thread in threading.enumerate() if thread.name == "close-index"]:
        for thread in threads:  # one that is not alive is just being started by another thread
            await (asyncio.to_thread(thread.join) if thread.is_alive() else asyncio.sleep(0))

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    assert not list(indexes._replaced)


async def test_missing_documents_are_retried_after_a_build_that_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.faults.add(Fault(PROFILE, "status", status=503, times=ATTEMPTS))
    monkeypatch.setattr("graphql_api.index.registry.FIRST_RETRY", 0.0)
    begin, failures = IndexFile.begin, iter([sqlite3.OperationalError("database is locked"), OSError("no such device")])

    def fail_twice(file: IndexFile) -> sqlite3.Connection:
        if world.file().is_there() and (failure := next(failures, None)):
            raise failure
        return begin(file)

    monkeypatch.setattr(IndexFile, "begin", fail_twice)
    indexes = world.start()
    assert (await indexes.get("3.11")).missing == 1
    await asyncio.gather(*indexes._retries.values())

    assert (await indexes.get("3.11")).missing == 0
    assert [record.message for record in caplog.records if "cannot build" in record.message] == [
        "cannot build the index of release 3.11: OperationalError('database is locked')",
        "cannot build the index of release 3.11: OSError('no such device')",
    ]


async def test_a_failed_list_ends_the_crawl_and_the_next_request_restarts_it(world: World) -> None:
    world.faults.add(Fault("/releases/3.11/technicalcompetences", "status", status=503, times=ATTEMPTS))
    indexes = world.start()

    with pytest.raises(UpstreamError):
        await indexes.get("3.11")
    assert await (await indexes.get("3.11")).query(count, OCCUPATIONAL_PROFILE) == PROFILES


async def test_releases_are_indexed_concurrently(world: World) -> None:
    indexes = world.start()
    old, new = await asyncio.gather(indexes.get("3.10"), indexes.get("3.11"))

    key = (OCCUPATIONAL_PROFILE, "OP-109")
    assert key not in await old.query(by_code, [key])
    assert key in await new.query(by_code, [key])


async def test_processes_that_share_a_folder_crawl_once(world: World) -> None:
    mine, other = world.start(), world.start()
    with world.file().lock() as held:
        assert held
        waiting = asyncio.create_task(other.get("3.11"))
        await asyncio.sleep(0)
        assert world.requested == []
    await mine.get("3.11")

    assert await (await waiting).query(count, OCCUPATIONAL_PROFILE) == PROFILES
    assert set(world.documents().values()) == {1}


async def test_no_crawl_starts_if_indexing_is_disabled(world: World) -> None:
    with pytest.raises(NotIndexedYet, match="Indexing is disabled"):
        await world.start(mode="off").get("3.11")
    assert world.requested == []


async def test_a_part_file_never_has_the_name_of_a_complete_index(world: World) -> None:
    indexes = world.start()
    task: asyncio.Task[Any] = indexes.begin("3.11").task
    while not task.done():
        await asyncio.wait(
            [task], timeout=0.001
        )  # a loop without rest would leave the thread that writes none of Python
        if world.file().path.exists():
            connection = sqlite3.connect(world.file().path)
            assert connection.execute("SELECT count(*) FROM crawled").fetchone() == (PROFILES + COMPETENCES,)
            connection.close()
    assert world.file().is_there()


async def test_a_finished_crawl_frees_the_memory_of_its_documents(
    releases: Releases, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[object] = []
    monkeypatch.setattr(HeapTrimmer, "trim_soon", lambda self: trimmed.append(self))
    async with running(releases, replace(settings, cache_dir=tmp_path)) as server:
        services = server.app.state.services
        await services.indexes.ready("3.11")

        assert set(trimmed) == {services._heap}  # one trimmer, so that it trims at most once in its interval
    assert [item.name for item in CONCEPT_TYPES if reader(item.name).cached] == []
