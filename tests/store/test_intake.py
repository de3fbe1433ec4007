"""Documents are normalised once, when they enter the store; what is left out is counted, and the raw document is free."""

import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from graphql_api.competent import normalise as module
from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.errors import UpstreamUnavailable
from graphql_api.observability.fetch_context import FetchContext, FetchStats
from graphql_api.store import Store, entry, intake
from graphql_api.store.intake import MANY_VALUES
from graphql_api.store.interning import Interner
from graphql_api.store.memory import Memory
from graphql_api.store.sqlite import SqliteFile
from graphql_api.store.unknown_keys import MAX_CHARS, MAX_NAMES, OTHER, UnknownKeys
from tests.conftest import counted
from tests.store.fakes import CURRENT, PROFILE, SHELF, Clock, Opened, Upstream
from tests.store.fakes import OTHER as ANOTHER

RAW = {"id": PROFILE[-36:], "title": " Kok ", "wages": 3, "softSkills": [{"id": ANOTHER[-36:], "level": 2}]}


class Raw(dict[str, Any]):
    """A document whose end can be seen."""


def fetching(document: dict[str, Any], values: int) -> Callable[..., Any]:
    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        return Fetched(document, values=values)

    return fetch


@pytest.mark.parametrize("values", [1, MANY_VALUES + 1])
async def test_a_raw_document_is_freed_once_it_is_normalised(values: int) -> None:
    gone: list[weakref.ref[Raw]] = []

    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        raw = Raw(RAW)
        gone.append(weakref.ref(raw))
        return Fetched(raw, values=values)

    store = Store(fetch, SHELF, Memory(10_000, interner=Interner()))
    gc.disable()
    try:
        documents = await store.get_many([PROFILE], FetchContext())
        assert [item() for item in gone] == [None]
    finally:
        gc.enable()
    expected = {"id": PROFILE[-36:], "title": {"nl": "Kok"}, "softSkills": [{"id": ANOTHER[-36:]}]}
    assert documents == {PROFILE: expected}


@pytest.mark.parametrize(("values", "is_in_thread"), [(MANY_VALUES, False), (MANY_VALUES + 1, True)])
async def test_documents_of_many_values_are_normalised_in_a_thread(
    values: int, is_in_thread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def normalise(*arguments: Any) -> dict[str, Any]:
        threads.append(threading.current_thread())
        return module.normalise(*arguments)

    monkeypatch.setattr(intake, "normalise", normalise)
    await Store(fetching(RAW, values), SHELF, Memory(10_000)).get_many([PROFILE], FetchContext())

    assert [thread is not threading.main_thread() for thread in threads] == [is_in_thread]


async def test_a_document_is_normalised_once_for_each_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths: list[str] = []

    def normalise(path: str, *arguments: Any) -> dict[str, Any]:
        paths.append(path)
        return module.normalise(path, *arguments)

    monkeypatch.setattr(intake, "normalise", normalise)
    monkeypatch.setattr(entry, "normalise", normalise)
    release = {"number": "3.11", "_links": {"self": {"href": "/releases/3.11"}}}
    backend = SqliteFile(tmp_path / "s.sqlite", "api")
    store = Store(fetching(release, 1), SHELF, Memory(10_000), backend)
    for _ in range(2):
        await store.get_many([CURRENT, "/releases/3.11"], FetchContext())
    await store.get_many(["/releases/3.11"], FetchContext())
    await store.aclose()

    assert paths == [CURRENT, "/releases/3.11"]


async def test_unknown_keys_and_foreign_links_are_counted_by_name(clock: Clock) -> None:
    names = ("OccupationalProfile.wages", "SoftSkill.level")
    before = [counted("competent_upstream_unknown_keys_total", key=name) or 0 for name in names]
    refused = counted("competent_upstream_links_rejected_total")
    raw = RAW | {"_links": {"self": {"href": ANOTHER}}}

    await Store(fetching(raw, 1), SHELF, Memory(10_000)).get_many([PROFILE], FetchContext())

    assert [counted("competent_upstream_unknown_keys_total", key=name) for name in names] == [n + 1 for n in before]
    assert counted("competent_upstream_links_rejected_total") == refused + 1


def test_names_of_unknown_keys_are_bounded_in_length_and_number() -> None:
    unknown = UnknownKeys()
    for number in range(10_000):
        unknown.add({f"Skill.{number}\n{'x' * 100}": 2})
    unknown.add({"Skill.0\n" + "x" * 100: 1})

    assert len(unknown.counts) == MAX_NAMES + 1
    assert unknown.counts[OTHER] == 2 * (10_000 - MAX_NAMES)
    assert unknown.counts["Skill.0?" + "x" * (MAX_CHARS - 8)] == 3
    assert max(map(len, unknown.counts)) == MAX_CHARS


@asynccontextmanager
async def with_entries_of(folder: Path, upstream: Upstream, clock: Clock, format: bytes) -> AsyncIterator[Opened]:
    """A store over a file that has a profile in another format."""
    first = Opened(upstream, clock, Memory(0), SqliteFile(folder / "s.sqlite", "api"))
    await first.ask(PROFILE)
    await first.store.aclose()
    backend = SqliteFile(folder / "s.sqlite", "api")
    with backend._writing as connection:
        connection.execute("UPDATE document SET body = CAST(? || substr(body, 14) AS BLOB)", (format,))
    opened = Opened(upstream, clock, Memory(100_000, interner=Interner()), backend)
    yield opened
    await opened.store.aclose()


async def test_an_outdated_document_is_served_and_revalidated_unconditionally(tmp_path: Path) -> None:
    upstream, clock = Upstream(versioned=True), Clock()
    async with with_entries_of(tmp_path, upstream, clock, b"0123456789ab:") as opened:
        clock.now += 1
        tally = FetchStats()
        assert await opened.ask(PROFILE, context=FetchContext(stats=tally)) == [upstream.document(PROFILE)]
        assert tally == FetchStats(stale=1)
        await opened.store.wait_idle()
        assert [validators.etag for _, _, validators in upstream.requests] == [None, None]

        tally = FetchStats()
        await opened.ask(PROFILE, context=FetchContext(stats=tally))
        assert tally == FetchStats(cached=1)


async def test_an_outdated_document_is_served_while_upstream_is_down(tmp_path: Path) -> None:
    upstream, clock = Upstream(versioned=True), Clock()
    async with with_entries_of(tmp_path, upstream, clock, b"0123456789ab:") as opened:
        upstream.error = UpstreamUnavailable()
        for _ in range(3):
            assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
            await opened.store.wait_idle()
            document = opened.store.get_cached(PROFILE, FetchContext())
            assert document is not None
            assert opened.store.get_fresh(PROFILE) is None
            assert opened.store.fresh_until(PROFILE, document) < 0


async def test_a_raw_entry_of_an_older_version_stays_fresh_with_its_validators(tmp_path: Path) -> None:
    upstream, clock = Upstream(versioned=True), Clock()
    async with with_entries_of(tmp_path, upstream, clock, b"") as opened:
        tally = FetchStats()
        assert await opened.ask(PROFILE, context=FetchContext(stats=tally)) == [upstream.document(PROFILE)]
        assert tally == FetchStats(cached=1)
        clock.now += SHELF.numbered
        await opened.ask(PROFILE)
        await opened.store.wait_idle()
        assert [validators.etag for _, _, validators in upstream.requests] == [None, '"0"']


async def test_revalidation_to_an_equal_document_returns_the_same_object(clock: Clock) -> None:
    for path in (PROFILE, CURRENT, "/releases", "/releases/3.11/softskills"):
        upstream = Upstream()
        opened = Opened(upstream, clock, Memory(100_000, interner=Interner()), None)
        (first,) = await opened.ask(path)
        clock.now += SHELF.numbered
        await opened.ask(path)
        await opened.store.wait_idle()

        assert upstream.paths == [path] * 2
        assert opened.store.get_fresh(path) is first
        opened.memory.drop(path)
        assert opened.memory.bytes == 0
