"""Comparing two releases: once for all callers, in small steps, and interrupted when the indexes close."""

import asyncio
import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from graphql_api.competent.declarations import KNOWLEDGE, SKILL
from graphql_api.index import index, succession
from graphql_api.index.comparisons import Comparisons
from graphql_api.index.diff import changes
from graphql_api.index.index import Index
from graphql_api.index.index_file import IndexFile
from graphql_api.index.timeline import release_diff
from tests.index.small_indexes import Small
from tests.index.test_succession import competence, documents, skill, written_index


@pytest.fixture
def two_indexes(tmp_path: Any) -> Iterator[tuple[Index, Index]]:
    """Two indexes of the same ten skills and three knowledge items; in the later one, five have another text."""
    opened = []
    for number in ("1.0", "1.1"):
        file = IndexFile(tmp_path, "test", number)
        part = file.begin()
        for at in range(13):
            facts = {"description": {"nl": number if at % 3 == 0 else "same"}}
            Small(part).thing(SKILL if at < 10 else KNOWLEDGE, f"SK-{at}", str(at), facts)
        file.finish(part)
        opened.append(Index(file))
    yield opened[0], opened[1]
    for one in opened:
        one.close()


async def test_concurrent_callers_share_one_comparison_and_its_selections(
    two_indexes: tuple[Index, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = two_indexes
    calls: list[str] = []

    def count(name: str) -> None:
        function = getattr(index, name)

        def counted(*args: Any) -> Any:
            calls.append(name)
            return function(*args)

        monkeypatch.setattr(index, name, counted)

    for name in ("changes", "release_diff", "selected", "counts"):
        count(name)

    async def all_concurrently() -> list[Any]:
        return await asyncio.gather(
            *(after.changes_since(before) for _ in range(20)),
            *(after.diff_since(before) for _ in range(20)),
            *(after.changes_since(before, {KNOWLEDGE}, {"CHANGED"}) for _ in range(20)),
            *(after.change_counts_since(before) for _ in range(20)),
        )

    results = await all_concurrently()
    assert await all_concurrently() == results
    assert sorted(calls) == ["changes", "counts", "release_diff", "selected"]
    assert len(results[0]) == 5
    assert {change.type for change in results[40]} == {KNOWLEDGE}
    assert results[60] == {SKILL: {"CHANGED": 4}, KNOWLEDGE: {"CHANGED": 1}}
    assert await after.changes_since(before, (), None) == []


async def test_a_cancelled_caller_does_not_cancel_the_others() -> None:
    comparisons, started, end = Comparisons(), asyncio.Event(), asyncio.Event()

    async def compute() -> list[int]:
        started.set()
        await end.wait()
        return [1]

    leaves, stays = (asyncio.create_task(comparisons.get("key", compute)) for _ in range(2))
    await started.wait()
    leaves.cancel()
    end.set()
    assert await stays == [1]
    assert leaves.cancelled()
    assert not comparisons.running


async def test_closing_interrupts_a_comparison(
    two_indexes: tuple[Index, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = two_indexes
    loop, started = asyncio.get_running_loop(), asyncio.Event()

    def endless(_: sqlite3.Connection, connection: sqlite3.Connection) -> list[Any]:
        loop.call_soon_threadsafe(started.set)
        return connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT max(n) FROM n"
        ).fetchall()

    monkeypatch.setattr(index, "changes", endless)
    caller = asyncio.create_task(after.changes_since(before))
    await started.wait()
    (task,) = after.comparisons.running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.to_thread(before.close)  # waits for the query
    await asyncio.to_thread(after.close)


def test_ended_concepts_are_compared_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [competence(n, skill(100 + n, f"brood nummer {n} bakken")) for n in range(1, 12)]
    after = [competence(50 + n, skill(200 + n, f"brood nummer {n} bakken")) for n in range(1, 12)]
    with written_index(*documents(*before)) as old, written_index(*documents(*after)) as new:
        expected = release_diff(changes(old, new), old, new)
        compare, sizes = succession._of_type, []

        def counted(type: Any, one: Any, other: Any, ended: Collection[Any], twins: Any) -> Any:
            sizes.append(len(ended))
            return compare(type, one, other, ended, twins)

        monkeypatch.setattr(succession, "_of_type", counted)
        monkeypatch.setattr(succession, "SLICE", 2)
        sliced = release_diff(changes(old, new), old, new)

    assert len(expected.successors) == 22
    assert sliced == expected
    assert max(sizes) == 2
    assert sum(sizes) == len(expected.ended) == 22
