"""Rules of the document cache: freshness, memory, single flight, uncached reads, two paths of one document. Clock and fetch are injected.

Promises that hold for every backend: tests/store/test_promises.py.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest

from graphql_api.caching import TTLCache
from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.errors import (
    NotLoadedYet,
    UpstreamInvalidResponse,
    UpstreamNotFound,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.settings.environment import Secret
from graphql_api.store import Store
from graphql_api.store.fetcher import MAX_STARTED
from graphql_api.store.freshness import MAX_BACKOFF, CacheEntry, Freshness, FreshnessPolicy, is_persistable
from graphql_api.store.interning import Interner
from graphql_api.store.memory import Memory
from graphql_api.store.revalidation import MAX_CONCURRENT
from graphql_api.store.singleflight import SingleFlight
from tests.conftest import LONG
from tests.store.fakes import CURRENT, OTHER, PROFILE, SHELF, Clock, Opened, Upstream, entry_of, profile

WEEK = 7 * 86400.0
AT_50 = CacheEntry({}, 50, 2)


@pytest.fixture
async def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(upstream: Upstream, clock: Clock) -> Opened:
    return Opened(upstream, clock, Memory(10_000), None)


@pytest.mark.parametrize(
    ("path", "span"),
    [
        (PROFILE, 1000),
        ("/releases/3.11", 1000),
        ("/releases/3.11/softskills?page=0&size=500", 1000),
        ("/releases/currently", 1000),
        ("/releases", 10),
        ("/releases?page=0", 10),
        ("/releases/current", 10),
        ("/releases/current?x=1", 10),
        ("/releases/current/softskills", 10),
        ("/search?searchValue=/releases/3.11", 10),
        ("/unknown", 10),
    ],
)
def test_numbered_releases_stay_fresh_longer_than_current(path: str, span: float) -> None:
    assert SHELF.state(path, AT_50, now=50 + span - 1) is Freshness.FRESH
    assert SHELF.state(path, AT_50, now=50 + span) is Freshness.STALE
    assert SHELF.state(path, AT_50, now=50 + span + 4999) is Freshness.STALE
    assert SHELF.state(path, AT_50, now=50 + span + 5000) is Freshness.EXPIRED


def test_a_document_dated_in_the_future_is_stale() -> None:
    assert SHELF.state(PROFILE, AT_50, now=49) is Freshness.STALE
    assert FreshnessPolicy(10, 10).state(PROFILE, AT_50, now=49) is Freshness.STALE


def test_a_document_of_other_declarations_is_stale_until_it_expires() -> None:
    outdated = AT_50._replace(outdated=True)
    assert SHELF.state(PROFILE, outdated, now=50) is Freshness.STALE
    assert SHELF.state(PROFILE, outdated, now=50 + 1000 + 5000) is Freshness.EXPIRED


def test_without_a_stale_ttl_documents_expire_instead_of_becoming_stale() -> None:
    assert FreshnessPolicy(1000, 10).state(CURRENT, AT_50, now=60) is Freshness.EXPIRED


def test_revalidation_backs_off_for_the_fresh_time_up_to_a_maximum() -> None:
    shelf = FreshnessPolicy(30 * 86400.0, 300.0, WEEK)

    assert shelf.revalidation_backoff(CURRENT) == 300
    assert shelf.revalidation_backoff(PROFILE) == MAX_BACKOFF
    assert shelf.max_age == 37 * 86400


def test_search_responses_are_cached_in_memory_only() -> None:
    assert is_persistable(PROFILE)
    assert is_persistable("/releases")
    assert not is_persistable("/search?searchValue=kok")


def test_memory_is_bounded_in_bytes_and_evicts_the_least_recently_used() -> None:
    memory = Memory(100)
    for number in range(5):
        memory.put(str(number), CacheEntry({}, 0, 30))
        memory.get("0")

    assert memory.bytes == 90
    assert [number for number in range(5) if memory.get(str(number))] == [0, 3, 4]


def test_memory_is_bounded_in_documents() -> None:
    memory = Memory(100, max_entries=2)
    for path in "abc":
        memory.put(path, CacheEntry({}, 0, 1))

    assert list(memory) == ["b", "c"]
    assert memory.bytes == 2


def test_memory_counts_a_replaced_document_once_and_rejects_oversized_ones() -> None:
    memory = Memory(100)
    memory.put("a", CacheEntry({}, 0, 60))
    memory.put("a", CacheEntry({}, 0, 70))
    assert (memory.bytes, len(memory)) == (70, 1)

    memory.put("b", CacheEntry({}, 0, 101))
    assert memory.get("b") is None
    assert memory.get("a") is not None

    memory.put("a", CacheEntry({}, 1, 101))
    assert memory.get("a") is None  # never the old one once there is a new one
    assert memory.bytes == 0


def test_a_ttl_cache_expires_entries_and_is_bounded(clock: Clock) -> None:
    cache: TTLCache[int] = TTLCache(clock, max_items=3)
    for number, key in enumerate("abcd"):
        cache.put(key, number, 10)
    assert [cache.get(key) for key in "abcd"] == [None, 1, 2, 3]

    clock.now += 9
    cache.put("b", 7, 10)
    clock.now += 1
    assert [cache.get(key) for key in "bcd"] == [7, None, None]

    cache.drop("b")
    cache.put("e", 1, 0)
    assert [cache.get(key) for key in "be"] == [None, None]
    assert len(cache) == 0


@pytest.mark.slow
async def test_the_cache_of_missing_documents_is_bounded(opened: Opened, upstream: Upstream) -> None:
    upstream.error = UpstreamNotFound()
    await opened.ask(*map(profile, range(10_100)))

    assert len(opened.store._fetcher._missing) == 10_000


async def test_a_failing_path_does_not_fail_the_rest_of_its_batch() -> None:
    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        if path == "/releases":
            raise UpstreamUnavailable
        return Fetched({})

    documents = await Store(fetch, SHELF, Memory(1000)).get_many(["/releases", PROFILE], FetchContext())

    assert isinstance(documents["/releases"], UpstreamUnavailable)
    assert documents[PROFILE] == {}


async def test_the_current_release_is_also_cached_under_its_number() -> None:
    fetched: list[str] = []

    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        fetched.append(path)
        return Fetched({"number": "3.11", "_links": {"self": {"href": "http://internal/releases/3.11"}}})

    stored = Store(fetch, SHELF, Memory(1000))
    await stored.get_many(["/releases/current"], FetchContext())
    await stored.get_many(["/releases/3.11"], FetchContext())

    assert fetched == ["/releases/current"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/releases/current", {"number": "3.11"}),
        ("/releases/current", {}),
        ("/releases/current/softskills", {}),
    ],
)
async def test_a_self_link_alone_does_not_cache_current_under_a_number(path: str, body: dict[str, Any]) -> None:
    fetched: list[str] = []
    numbered = path.replace("current", "3.9")

    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        fetched.append(path)
        return Fetched({**body, "_links": {"self": {"href": f"http://internal{numbered}"}}})

    stored = Store(fetch, SHELF, Memory(1000))
    await stored.get_many([path], FetchContext())
    await stored.get_many([numbered], FetchContext())

    assert fetched == [path, numbered]


class TakesTurns:
    """A backend that has nothing, and counts how often it is looked into."""

    uses_leases = True
    looks = 0

    async def get_many(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        self.looks += 1
        return {}

    def put(self, path: str, stored: CacheEntry) -> None:
        pass

    @asynccontextmanager
    async def fetch_lease(self, path: str, good: Callable[[CacheEntry], bool]) -> AsyncIterator[CacheEntry | None]:
        self.looks += 1
        yield None

    async def aclose(self) -> None:
        pass


async def test_revalidation_checks_the_shared_store_once(upstream: Upstream, clock: Clock) -> None:
    backend = TakesTurns()
    opened = Opened(upstream, clock, Memory(10_000), backend)
    await opened.ask(PROFILE)
    before = backend.looks
    clock.now += SHELF.numbered + 1

    await opened.ask(PROFILE)
    await opened.store.wait_idle()

    assert upstream.paths == [PROFILE] * 2
    assert backend.looks == before + 1


async def test_a_self_link_cannot_overwrite_another_document() -> None:
    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        return Fetched({"id": path[-36:], "_links": {"self": {"href": OTHER}}})

    stored = Store(fetch, SHELF, Memory(1000))
    await stored.get_many([PROFILE], FetchContext())

    document = (await stored.get_many([OTHER], FetchContext()))[OTHER]
    assert not isinstance(document, Exception)
    assert document["id"] == OTHER[-36:]


async def test_not_modified_without_a_cached_copy_is_an_invalid_response(clock: Clock) -> None:
    async def fetch(path: str, context: FetchContext, validators: Validators) -> Fetched:
        return Fetched(None)

    documents = await Store(fetch, SHELF, Memory(1000)).get_many([PROFILE], FetchContext())

    assert isinstance(documents[PROFILE], UpstreamInvalidResponse)


async def test_a_fetch_is_cancelled_with_its_last_waiter_and_can_be_restarted(
    opened: Opened, upstream: Upstream
) -> None:
    upstream.released.clear()
    asking = [asyncio.create_task(opened.ask(PROFILE)) for _ in range(2)]
    await upstream.until(1)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0)

    upstream.released.set()
    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
    assert upstream.paths == [PROFILE, PROFILE]
    assert upstream.cancelled == 1


async def test_a_fetch_is_cancelled_once_all_its_waiters_have_timed_out(opened: Opened, upstream: Upstream) -> None:
    upstream.released.clear()
    soon = asyncio.get_running_loop().time() + 0.01
    await asyncio.gather(*(opened.ask(PROFILE, context=FetchContext(deadline=soon)) for _ in range(3)))
    await asyncio.sleep(0)

    assert upstream.paths == [PROFILE]
    assert upstream.cancelled == 1


async def test_a_waiter_that_joins_as_the_last_one_leaves_gets_the_document(opened: Opened, upstream: Upstream) -> None:
    upstream.released.clear()
    leaving = asyncio.create_task(opened.ask(PROFILE))
    await upstream.until(1)
    leaving.cancel()
    joining = asyncio.create_task(opened.ask(PROFILE))
    await asyncio.sleep(0)
    upstream.released.set()

    assert await joining == [upstream.document(PROFILE)]


async def test_a_flight_is_cancelled_if_its_only_waiter_leaves_immediately() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    ended = asyncio.Event()

    async def work(key: str) -> int:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return 1

    waiting = asyncio.create_task(flights.run(["a"], work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait_for(ended.wait(), LONG)
    assert "a" not in flights


async def test_a_waiter_gets_the_results_that_are_ready_at_its_deadline() -> None:
    flights: SingleFlight[str, str] = SingleFlight()
    released = asyncio.Event()
    started: list[str] = []

    async def work(key: str) -> str:
        started.append(key)
        if key == "fails":
            raise UpstreamUnavailable
        if key == "slow":
            await released.wait()
        return key

    now = asyncio.get_running_loop().time()
    patient = asyncio.create_task(flights.run(["slow"], work, now + 100))
    results = await flights.run(["quick", "fails", "slow", "quick"], work, now + 0.01)
    assert {key: type(result) for key, result in results.items()} == {
        "quick": str,
        "fails": UpstreamUnavailable,
        "slow": UpstreamTimeout,
    }
    released.set()
    assert await patient == {"slow": "slow"}
    assert sorted(started) == ["fails", "quick", "slow"]
    assert not any(key in flights for key in started)


async def test_a_shared_fetch_has_the_headers_but_not_the_deadline_of_one_waiter(
    opened: Opened, upstream: Upstream
) -> None:
    upstream.released.clear()
    later = asyncio.get_running_loop().time() + 100
    waiting = [
        asyncio.create_task(
            opened.ask(PROFILE, context=FetchContext(Priority.INTERACTIVE, deadline, {"X-Request-ID": name}))
        )
        for name, deadline in (("first", later), ("second", later + 50))
    ]
    await upstream.until(1)
    assert [(context.deadline, context.headers) for _, context, _ in upstream.requests] == [
        (math.inf, {"X-Request-ID": "first"})
    ]
    upstream.released.set()
    assert await asyncio.gather(*waiting) == [[upstream.document(PROFILE)]] * 2


async def test_requests_never_join_background_calls_but_a_crawl_joins_a_request(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT)
    clock.now += 11
    upstream.released.clear()
    await opened.ask(CURRENT)
    await upstream.until(2)
    assert upstream.requests[-1][1].urgency is Priority.REVALIDATION

    clock.now += 10_000  # now the copy has expired
    asking = asyncio.create_task(opened.ask(CURRENT))
    await upstream.until(3)
    assert upstream.requests[-1][1].urgency is Priority.INTERACTIVE
    crawling = asyncio.create_task(opened.store.get_uncached(CURRENT))
    await asyncio.sleep(0)
    upstream.released.set()
    assert await asking == [await crawling] == [upstream.document(CURRENT)]
    assert len(upstream.requests) == 3


async def test_a_disconnected_reader_does_not_cancel_the_revalidation(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    await opened.ask(CURRENT)
    clock.now += 11
    upstream.released.clear()
    reader = asyncio.create_task(opened.ask(CURRENT))
    await upstream.until(2)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    upstream.released.set()
    await opened.store.wait_idle()

    assert upstream.cancelled == 0


async def test_excess_revalidations_are_dropped_until_the_next_read(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    paths = [f"/releases?page={number}" for number in range(100)]
    await opened.ask(*paths)
    clock.now += 11
    upstream.released.clear()
    await opened.ask(*paths)
    await upstream.until(100 + MAX_CONCURRENT)
    await opened.ask(*paths)
    assert len(upstream.requests) == 100 + MAX_CONCURRENT

    upstream.released.set()
    for _ in range(100 // MAX_CONCURRENT):
        await opened.store.wait_idle()
        await opened.ask(*paths)
    await opened.store.wait_idle()
    assert sorted(upstream.paths[100:]) == sorted(paths)


async def test_closing_cancels_background_revalidations(opened: Opened, upstream: Upstream, clock: Clock) -> None:
    await opened.ask(CURRENT)
    clock.now += 11
    upstream.released.clear()
    await opened.ask(CURRENT)
    await upstream.until(2)

    await opened.store.aclose()
    await asyncio.sleep(0)
    assert upstream.cancelled == 1


async def test_a_crawled_document_stays_in_memory_while_there_is_room(upstream: Upstream, clock: Clock) -> None:
    size = entry_of(profile(0), code="0").size
    opened = Opened(upstream, clock, Memory(3 * size), None)
    await opened.ask(profile(0))
    for number in range(1, 5):
        await opened.store.get_uncached(profile(number))

    assert sorted(opened.memory) == [profile(0), profile(1), profile(2)]
    assert {context.urgency for _, context, _ in upstream.requests[1:]} == {Priority.CRAWL}

    # What clients read is stored in any case, and crawled documents without a read are evicted first.
    await opened.ask(profile(2), profile(8), profile(9))
    assert list(opened.memory) == [profile(2), profile(8), profile(9)]
    assert opened.memory.bytes == 3 * size


async def test_crawling_a_stored_document_uses_no_extra_memory(opened: Opened, upstream: Upstream) -> None:
    for _ in range(3):
        await opened.store.get_uncached(PROFILE)

    assert upstream.paths == [PROFILE]
    assert len(opened.memory) == 1


def test_a_document_that_does_not_fit_leaves_the_memory_unchanged() -> None:
    memory = Memory(1500, interner=Interner())
    memory.put("a", CacheEntry({"id": "1", "t": "x"}, 0, 20))
    before = memory.bytes
    memory.put_if_room("b", CacheEntry({"id": "2", "t": "y" * 900}, 0, 20))

    assert list(memory) == ["a"]
    assert memory.bytes == before


async def test_a_client_does_not_wait_behind_the_crawl_of_the_same_document(opened: Opened, upstream: Upstream) -> None:
    upstream.released.clear()
    passing = asyncio.create_task(opened.store.get_uncached(PROFILE))
    await upstream.until(1)
    asking = asyncio.create_task(opened.ask(PROFILE))
    await upstream.until(2)
    assert [context.urgency for _, context, _ in upstream.requests] == [Priority.CRAWL, Priority.INTERACTIVE]
    upstream.released.set()
    await asyncio.gather(passing, asking)
    assert len(opened.memory) == 1


async def test_thousands_of_documents_are_fetched_in_batches(opened: Opened, upstream: Upstream) -> None:
    upstream.released.clear()
    context = FetchContext(deadline=asyncio.get_running_loop().time() + 60)
    asking = asyncio.create_task(opened.ask(*map(profile, range(1000)), context=context))
    await upstream.until(MAX_STARTED)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(upstream.requests) == MAX_STARTED

    context.deadline = 0  # between two batches
    upstream.released.set()
    documents = await asking
    assert [isinstance(result, UpstreamTimeout) for result in documents] == [False] * MAX_STARTED + [True] * (
        1000 - MAX_STARTED
    )
    assert context.stats.requests == MAX_STARTED


async def test_a_crawl_that_joins_a_request_leaves_the_document_in_memory(opened: Opened, upstream: Upstream) -> None:
    upstream.released.clear()
    asking = asyncio.create_task(opened.ask(PROFILE))
    await upstream.until(1)
    passing = asyncio.create_task(opened.store.get_uncached(PROFILE))
    await asyncio.sleep(0)
    upstream.released.set()
    await asyncio.gather(passing, asking)

    assert len(opened.memory) == 1


async def test_a_crawl_uses_stale_copies_without_revalidating(opened: Opened, upstream: Upstream, clock: Clock) -> None:
    await opened.ask(PROFILE)
    clock.now += 1001

    assert await opened.store.get_uncached(PROFILE) == upstream.document(PROFILE)
    await opened.store.wait_idle()
    assert upstream.paths == [PROFILE]


async def test_an_operation_over_its_call_limit_still_gets_all_stored_documents(
    opened: Opened, upstream: Upstream
) -> None:
    await opened.ask(*map(profile, range(10)))
    context = FetchContext()
    context.max_requests = 3

    first = await opened.ask(*map(profile, range(12)), context=context)
    second = await opened.ask(*map(profile, range(8, 15)), context=context)

    assert [isinstance(item, NotLoadedYet) for item in first] == [False] * 12
    assert [isinstance(item, NotLoadedYet) for item in second] == [False] * 5 + [True] * 2
    assert len(upstream.paths) == 10 + 3


async def test_clients_with_their_own_key_share_documents_but_not_errors(
    opened: Opened, upstream: Upstream, clock: Clock
) -> None:
    bad = FetchContext(key=Secret("bad"))
    upstream.error = UpstreamUnauthorized()
    assert isinstance((await opened.ask(PROFILE, context=bad))[0], UpstreamUnauthorized)
    upstream.error = None

    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
    assert await opened.ask(PROFILE, context=bad) == [upstream.document(PROFILE)]
    assert [context.key for _, context, _ in upstream.requests] == [Secret("bad"), None]


async def test_a_call_is_shared_only_by_clients_with_the_same_key(opened: Opened, upstream: Upstream) -> None:
    upstream.released.clear()
    asking = [
        asyncio.create_task(opened.ask(PROFILE, context=FetchContext(key=key)))
        for key in (None, Secret("a"), Secret("a"))
    ]
    await upstream.until(2)
    upstream.released.set()
    await asyncio.gather(*asking)

    assert [context.key for _, context, _ in upstream.requests] == [None, Secret("a")]


def guarded_by(guard: Callable[[], AbstractContextManager[None]]) -> FetchContext:
    """A context that enters this guard while it waits."""
    context = FetchContext()
    context.wait_guard = guard
    return context


async def test_a_refused_upstream_wait_returns_stored_documents_without_calls(
    opened: Opened, upstream: Upstream
) -> None:
    @contextmanager
    def no_place() -> Iterator[None]:
        raise UpstreamUnavailable(retry_after=1.0)
        yield

    await opened.ask(PROFILE)
    result = await opened.ask(PROFILE, OTHER, context=guarded_by(no_place))

    assert result[0] == upstream.document(PROFILE)
    assert isinstance(result[1], UpstreamUnavailable)
    assert result[1].retry_after == 1.0
    assert upstream.paths == [PROFILE]


async def test_a_wait_slot_is_held_only_while_waiting_for_upstream(opened: Opened, upstream: Upstream) -> None:
    waiting: list[int] = []

    @contextmanager
    def location() -> Iterator[None]:
        waiting.append(1)
        yield
        waiting.pop()

    upstream.released.clear()
    asking = asyncio.create_task(opened.ask(PROFILE, context=guarded_by(location)))
    await upstream.until(1)
    assert waiting == [1]
    upstream.released.set()
    await asking
    assert waiting == []
    await opened.ask(PROFILE, context=guarded_by(lambda: pytest.fail("it is stored")))


async def test_every_eviction_listener_is_called() -> None:
    memory = Memory(100)
    first: list[str] = []
    second: list[str] = []
    memory.on_evict(first.append)
    memory.on_evict(second.append)
    memory.put("/a", CacheEntry({"id": "a"}, 1.0, 60))
    memory.put("/b", CacheEntry({"id": "b"}, 1.0, 60))

    assert first == second == ["/a"]


@pytest.mark.parametrize("span", [1000.0, math.inf])
def test_a_fresh_document_is_used_until_it_is_replaced_or_stale(upstream: Upstream, clock: Clock, span: float) -> None:
    memory = Memory(10_000)
    store = Store(upstream.fetch, FreshnessPolicy(numbered=span, moving=10), memory, clock=clock)
    began = clock.now
    for number, path in enumerate((PROFILE, OTHER)):
        memory.put(path, entry_of(path, began - 999.5 * (number == 0), code=f"OP-{number}"))
        assert [store.get_fresh(path) for _ in range(2)] == [memory.peek(path).document] * 2

    clock.now = began + 0.5  # 1000 seconds after the first was fetched
    assert (store.get_fresh(PROFILE) is None) is (span == 1000)
    assert store.get_fresh(OTHER) is not None
    memory.put(OTHER, entry_of(OTHER, clock.now, code="OP-2"))
    assert store.get_fresh(OTHER)["code"] == "OP-2"
    clock.now = began - 1
    assert store.get_fresh(OTHER) is None, "it is dated in the future"
    clock.now = began + 1
    assert store.get_fresh(OTHER) is not None
    memory.drop(OTHER)
    assert store.get_fresh(OTHER) is None
