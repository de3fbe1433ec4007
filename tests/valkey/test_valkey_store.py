"""The store that replicas share, over a real server: one fetch for all, and each alone while the server is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from graphql_api.competent.fetch import Validators
from graphql_api.errors import SettingsError
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.valkey import ValkeyStore
from graphql_api.upstream.valkey import Shared
from tests.conftest import CP_7, Clock
from tests.store.fakes import entry_of
from tests.valkey.conftest import Server

pytestmark = pytest.mark.valkey

PATH = f"/releases/3.11/technicalcompetences/{CP_7}"
ENTRY = entry_of(PATH, 1_000.5, Validators('"7"'), code="CP-7", skill={"id": CP_7, "description": "Toezicht houden"})


def accept_entry(entry: CacheEntry) -> bool:
    return True


@pytest.fixture
async def replica(valkey: Server) -> AsyncIterator[Callable[..., ValkeyStore]]:
    """Creates replicas on one server."""
    opened: list[Shared] = []

    def make(origin: str = "api", clock: Clock | None = None, lease: float = 8.0) -> ValkeyStore:
        opened.append(Shared(valkey.url, origin, clock or Clock()))
        return ValkeyStore(opened[-1], 3600, lease)

    yield make
    for item in opened:
        await item.aclose()


async def test_a_document_of_one_replica_is_read_by_another(replica: Any) -> None:
    one, other = replica(), replica()
    one.put(PATH, ENTRY)
    await one.aclose()

    assert await other.get_many([PATH, "/releases"]) == {PATH: ENTRY}


async def test_a_replica_reads_its_own_writes_immediately(replica: Any) -> None:
    one = replica()
    one.put(PATH, ENTRY)

    assert await one.get_many([PATH]) == {PATH: ENTRY}


async def test_documents_of_two_upstreams_stay_separate(replica: Any) -> None:
    one, other = replica("one"), replica("other")
    one.put(PATH, ENTRY)
    await one.aclose()

    assert await other.get_many([PATH]) == {}


async def test_one_replica_fetches_a_document_for_all(replica: Any) -> None:
    fetched: list[str] = []

    async def fetch(store: ValkeyStore) -> CacheEntry:
        async with store.fetch_lease(PATH, accept_entry) as brought:
            if brought is not None:
                return brought
            fetched.append(PATH)
            for _ in range(20):
                await asyncio.sleep(0)
            store.put(PATH, ENTRY)
            return ENTRY

    result = await asyncio.gather(*(fetch(replica()) for _ in range(5)))

    assert fetched == [PATH]
    assert result == [ENTRY] * 5


async def test_a_failed_fetch_passes_the_lease_to_the_next_replica(replica: Any) -> None:
    async def failing_server(store: ValkeyStore) -> None:
        async with store.fetch_lease(PATH, accept_entry) as brought:
            assert brought is None
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await failing_server(replica())

    async with replica().fetch_lease(PATH, accept_entry) as brought:
        assert brought is None


async def test_a_stale_shared_document_is_refetched(replica: Any) -> None:
    old = replica()
    old.put(PATH, ENTRY)
    await old.aclose()

    async with replica().fetch_lease(PATH, lambda entry: entry.at > ENTRY.at) as brought:
        assert brought is None


async def test_an_expired_lease_can_be_acquired(replica: Any) -> None:
    async with (
        replica(lease=0.001).fetch_lease(PATH, accept_entry) as first,
        replica().fetch_lease(PATH, accept_entry) as second,
    ):
        assert first is None
        assert second is None


async def test_a_malformed_value_counts_as_missing(replica: Any, valkey: Server) -> None:
    shared = Shared(valkey.url, "api")
    await shared.run(lambda server: server.set(shared.key("document", PATH), b"rubbish"), None)

    assert await replica().get_many([PATH]) == {}
    await shared.aclose()


async def test_a_replica_works_without_its_server_and_reconnects(replica: Any, valkey: Server) -> None:
    clock = Clock()
    store = replica(clock=clock)
    store.put(PATH, ENTRY)
    await store.aclose()
    valkey.stop()

    assert await store.get_many([PATH]) == {}
    async with store.fetch_lease(PATH, accept_entry) as brought:
        assert brought is None
    store.put(PATH, ENTRY)
    await store.aclose()

    valkey.start()
    clock.now += 1.0
    assert await store.get_many([PATH]) == {}
    store.put(PATH, ENTRY)
    await store.aclose()
    assert await store.get_many([PATH]) == {PATH: ENTRY}


async def test_an_unreachable_server_does_not_prevent_reads() -> None:
    shared = Shared("valkey://127.0.0.1:1", "api")

    assert await ValkeyStore(shared, 60).get_many([PATH]) == {}
    await shared.aclose()


def test_an_invalid_address_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="Valkey"):
        Shared("http://somewhere", "api")
