"""The services chosen by the settings."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from starlette.types import ASGIApp

from graphql_api.errors import UpstreamUnavailable
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.schema.dependencies import ALL_INDEXES
from graphql_api.services import Services, _check_size
from graphql_api.services.storage import cache_dir, origin_of
from graphql_api.settings import Settings


@pytest.fixture(scope="module")
def releases(few_releases: Releases) -> Releases:
    return few_releases


def test_cached_documents_of_a_workbook_are_not_served_after_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "x.xlsx"
    file.write_bytes(b"one")
    settings = replace(Settings(), data=(file,))
    before = origin_of(settings)
    file.write_bytes(b"another")

    assert origin_of(settings) != before
    assert origin_of(Settings()) != before


def test_cached_documents_of_an_api_are_keyed_by_its_address() -> None:
    assert origin_of(replace(Settings(), upstream_url="https://a.example/v2/")) == "https://a.example/v2"


def test_the_cache_folder_comes_from_the_settings_or_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_dir(replace(Settings(), cache_dir=tmp_path / "own")) == tmp_path / "own"
    assert cache_dir(Settings()).name == "competent-graphql"


@pytest.mark.parametrize(("mode", "needed"), [("start", False), ("need", True)])
async def test_a_new_current_release_is_indexed_before_the_first_query(
    releases: Releases, tmp_path: Path, mode: str, needed: bool
) -> None:
    served = [create_sandbox(Releases(release for release in releases if release.number == "3.10"))]
    services = parts_over(served, tmp_path, mode)
    if needed:
        await services.loaders().index("3.10")
    await services.follow_current()
    assert (services.indexes.has("3.10"), services.indexes.has("3.11")) == (True, False)

    served[0] = create_sandbox(releases)
    await services.follow_current()

    assert (services.indexes.has("3.10"), services.indexes.has("3.11")) == (True, True)
    await services.aclose()


async def test_an_idle_server_notices_a_release_after_a_stale_check(releases: Releases, tmp_path: Path) -> None:
    served = [create_sandbox(Releases(release for release in releases if release.number == "3.10"))]
    services = parts_over(served, tmp_path, "start", stale_ttl=60)
    assert await services.follow_current()

    served[0] = create_sandbox(releases)
    assert not await services.follow_current()
    assert not services.indexes.has("3.11")
    await services.store.wait_idle()
    await services.follow_current()

    assert services.indexes.has("3.11")
    await services.aclose()


@pytest.mark.parametrize("mode", ["need", "off"])
async def test_without_indexes_in_use_the_current_release_is_not_checked(
    releases: Releases, tmp_path: Path, mode: str
) -> None:
    served = [create_sandbox(releases)]
    services = parts_over(served, tmp_path, mode)

    await services.follow_current()

    assert list(served[0].state.requests) == []
    await services.aclose()


class Waits:
    """Takes the place of the wait between two checks: records its seconds; after `count` waits, ends the watch."""

    def __init__(self, count: int) -> None:
        self.seconds: list[float] = []
        self._count = count

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self._count:
            raise asyncio.CancelledError


async def watch_with_results(
    services: Services, monkeypatch: pytest.MonkeyPatch, every: float, results: list[bool | Exception]
) -> list[float]:
    """Returns the seconds that the watch waits after each of these results of a check."""
    waits, check = Waits(len(results)), AsyncMock(side_effect=results)
    monkeypatch.setattr(services, "follow_current", check)
    monkeypatch.setattr(services, "_wait_for_subscriber", waits)
    with pytest.raises(asyncio.CancelledError):
        await services.watch_current(every)
    return waits.seconds


async def test_a_failed_check_is_retried_soon_with_backoff_up_to_the_interval(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = parts_over([create_sandbox(releases)], tmp_path, "start")
    results: list[bool | Exception] = [True, False, sqlite3.OperationalError("locked"), False, False, True, False]

    assert await watch_with_results(services, monkeypatch, 30, results) == [30, 5, 10, 20, 30, 30, 5]
    assert await watch_with_results(services, monkeypatch, 1, [False, False, True]) == [1, 1, 1]
    await services.aclose()


async def test_an_index_that_fails_once_is_built_at_the_next_retry(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = parts_over([create_sandbox(releases)], tmp_path, "start", current_ttl=60)
    waits, ready = Waits(2), AsyncMock(side_effect=[UpstreamUnavailable(), None])
    monkeypatch.setattr(services, "_wait_for_subscriber", waits)
    monkeypatch.setattr(services.indexes, "ready", ready)

    with pytest.raises(asyncio.CancelledError):
        await services.watch_current(300)

    assert waits.seconds == [5, 300]
    assert ready.await_count == 2
    await services.aclose()


@pytest.mark.parametrize("error", [UpstreamUnavailable(), sqlite3.OperationalError("database is locked")])
async def test_a_release_whose_index_cannot_be_built_is_published_once(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    served = [create_sandbox(Releases(release for release in releases if release.number == "3.10"))]
    services = parts_over(served, tmp_path, "start")
    assert await services.follow_current()
    monkeypatch.setattr(services.indexes, "ready", AsyncMock(side_effect=error))
    events = services.published.subscribe()
    published = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)

    served[0] = create_sandbox(releases)
    assert [await services.follow_current(), await services.follow_current()] == [False, False]

    assert await published == "3.11"
    assert services.published._numbers == ["3.11"]
    await events.aclose()
    await services.aclose()


async def test_every_listener_gets_each_replaced_index(releases: Releases, tmp_path: Path) -> None:
    services = parts_over([create_sandbox(releases)], tmp_path, "need", current_ttl=60)
    first, second = list[str](), list[str]()
    services.on_evict(first.append)
    services.on_evict(second.append)
    await services.indexes.get("3.11")

    await services.indexes.begin("3.11").task

    assert first == second
    assert [name for name in first if name != ALL_INDEXES] == ["index 3.11"]
    assert first[-1] == ALL_INDEXES
    await services.aclose()


def parts_over(
    served: Sequence[ASGIApp], folder: Path, mode: str, stale_ttl: float = 0, current_ttl: float = 0
) -> Services:
    """Services over the Competent API served at the moment; by default they check the current release on each request."""

    async def competent(scope: Any, receive: Any, send: Any) -> None:
        await served[0](scope, receive, send)

    return Services(
        replace(Settings(), cache_dir=folder, index=mode, current_ttl=current_ttl, stale_ttl=stale_ttl), competent
    )


async def test_metrics_are_updated_again_after_a_failure(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = parts_over([create_sandbox(releases)], tmp_path, "need")
    calls, updated = 0, asyncio.Event()

    def measure() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("no space left")
        updated.set()

    monkeypatch.setattr(services.indexes, "measure", measure)
    measuring = asyncio.create_task(services.measure(every=0))
    async with asyncio.timeout(10):
        await updated.wait()
    measuring.cancel()
    await services.aclose()

    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["cannot update the metrics"]


@pytest.mark.parametrize(("documents", "fits"), [(6_447, True), (21_000, True), (28_000, False)])
def test_the_log_says_if_a_release_does_not_fit_in_the_default_cache(
    caplog: pytest.LogCaptureFixture, documents: int, fits: bool
) -> None:
    _check_size("3.27", documents, Settings().document_cache_bytes)

    messages = [record.getMessage() for record in caplog.records]
    assert ["but COMPETENT_DOCUMENT_CACHE_BYTES is 128 MB" in message for message in messages] == [True] * (not fits)
