"""Loaders and listings, over a store that is a table of documents."""

import asyncio
import gc
import weakref
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import pytest

from graphql_api.asyncio_tools import Completed
from graphql_api.competent import pagination
from graphql_api.competent.hal import Document, release_numbers
from graphql_api.competent.normalise import normalise
from graphql_api.errors import ReleaseNotFound, UpstreamInvalidResponse, UpstreamNotFound
from graphql_api.index import IndexRegistry
from graphql_api.observability.fetch_context import FetchContext, FetchStats
from graphql_api.schema.loaders import Loaders
from graphql_api.store import Store
from graphql_api.store.memory import Memory
from tests.conftest import counted
from tests.store.fakes import CURRENT, OTHER, PROFILE, SHELF, Clock, Upstream, profile

LIST = "/releases/3.11/softskills"
FIRST = f"{LIST}?page=0&size=500"


class Table:
    """Serves HAL documents from a table, and records the requested batches."""

    def __init__(self, documents: dict[str, dict[str, Any]]) -> None:
        self.documents = documents
        self.batches: list[list[str]] = []

    def get_cached(self, path: str, context: FetchContext) -> None:
        """No document is in memory."""

    async def get_many(self, paths: list[str], context: FetchContext) -> dict[str, Any]:
        self.batches.append(list(paths))
        return {
            path: normalise(path, self.documents[path]) if path in self.documents else UpstreamNotFound()
            for path in paths
        }


def loaders(documents: dict[str, dict[str, Any]]) -> tuple[Loaders, Table]:
    table = Table(documents)
    return Loaders(cast(Store, table), cast(IndexRegistry, None), page_size=500, fetch_context=FetchContext()), table


def linked_document(release: str, rest: str = "") -> dict[str, Any]:
    return {"_links": {"self": {"href": f"http://internal:8080/api/releases/{release}{rest}"}}}


def codes(items: Sequence[Document]) -> list[int]:
    return [int(item["code"]) for item in items]


def list_document(*numbers: int, total: int, size: int = 3) -> dict[str, Any]:
    return {
        "_embedded": {"someList": [{"code": number} for number in numbers]},
        "page": {"size": size, "totalElements": total, "totalPages": -(-total // size)},
    }


async def test_all_loads_of_a_tick_are_one_batch_and_a_path_is_loaded_once() -> None:
    load, table = loaders({PROFILE: {"code": 1}, OTHER: {"code": 2}})

    async def two() -> list[Any]:
        return [await load.load(PROFILE), await load.load(OTHER)]

    answers = await asyncio.gather(two(), two(), load.load(PROFILE), load.load(OTHER))

    assert answers == [[{"code": "1"}, {"code": "2"}]] * 2 + [{"code": "1"}, {"code": "2"}]
    assert table.batches == [[PROFILE, OTHER]]


async def in_memory(
    *paths: str, documents: Mapping[str, Document] = MappingProxyType({})
) -> tuple[Loaders, Upstream, Clock]:
    """Loaders over a store with these documents in memory, without requests since."""
    upstream, clock = Upstream(), Clock()
    upstream.documents.update(documents)
    store = Store(upstream.fetch, SHELF, Memory(10_000), clock=clock)
    await store.get_many(paths, FetchContext())
    upstream.requests.clear()
    return Loaders(store, cast(IndexRegistry, None), page_size=500, fetch_context=FetchContext()), upstream, clock


async def test_a_cached_document_counts_as_one_hit_per_request() -> None:
    load, upstream, _ = await in_memory(PROFILE, CURRENT)

    assert load.get_cached(PROFILE) == upstream.document(PROFILE)
    assert not load.fetch_context.depends_on_current
    assert load.get_cached(PROFILE) is load.get_cached(PROFILE) is await load.load(PROFILE)
    assert await load.load(CURRENT) is load.get_cached(CURRENT)
    assert (load.fetch_context.stats, load.fetch_context.depends_on_current) == (FetchStats(cached=2), True)
    assert upstream.requests == []


async def test_cached_lookups_are_counted_in_metrics() -> None:
    load, _, clock = await in_memory(PROFILE, CURRENT)
    before = looked_up()
    load.get_cached(PROFILE)
    clock.now += 11
    load.get_cached(CURRENT)

    after = looked_up()
    assert {outcome: after[outcome] - before[outcome] for outcome in after} == {"hit": 1, "stale": 1, "miss": 0}


def looked_up() -> dict[str, float]:
    outcomes = ("hit", "stale", "miss")
    return {item: counted("competent_store_lookups_total", result=item) for item in outcomes}


async def test_a_cached_document_loads_without_suspending() -> None:
    load, _, _ = await in_memory(PROFILE)

    assert isinstance(load.load(PROFILE), Completed)


async def test_documents_stay_cached_while_responses_made_of_them_are_used() -> None:
    upstream = Upstream()
    store = Store(upstream.fetch, SHELF, Memory(100_000, max_entries=60), clock=Clock())
    first, load = (Loaders(store, cast(IndexRegistry, None), 500, FetchContext()) for _ in range(2))
    await first.load(PROFILE)
    assert first.dependencies() is None  # it was not cached
    load.get_cached(PROFILE)
    made = load.dependencies()
    assert made is not None

    for number in range(500):
        store.touch(made.by_name)
        await load.load(profile(number))
    assert store.get_cached(PROFILE, FetchContext()) is made.by_name[PROFILE]
    assert store.get_cached(profile(0), FetchContext()) is None


async def test_loaders_are_freed_after_their_request_without_the_collector() -> None:
    load, _, _ = await in_memory(PROFILE, CURRENT)
    load.get_cached(PROFILE)
    load.releases.get_cached()
    await load.load(OTHER)
    load.close()
    gone = weakref.ref(load)
    gc.disable()
    try:
        del load
        assert gone() is None
    finally:
        gc.enable()


async def test_a_cached_stale_copy_is_returned_counted_and_revalidated() -> None:
    load, upstream, clock = await in_memory(CURRENT)
    clock.now += 11

    assert load.get_cached(CURRENT) is load.get_cached(CURRENT) is not None
    await upstream.until(1)
    assert load.fetch_context.stats == FetchStats(stale=1)
    assert upstream.paths == [CURRENT]


async def test_expired_and_missing_documents_are_loaded_and_counted() -> None:
    load, upstream, clock = await in_memory(CURRENT)
    clock.now += 11 + 5000

    assert load.get_cached(CURRENT) is load.get_cached(PROFILE) is None
    assert (load.fetch_context.stats, load.fetch_context.depends_on_current) == (FetchStats(), False)
    await asyncio.gather(load.load(CURRENT), load.load(PROFILE))
    assert load.fetch_context.stats == FetchStats(requests=2)
    assert upstream.paths == [CURRENT, PROFILE]


async def test_a_loaded_document_is_cached_but_a_failed_one_is_not() -> None:
    load, upstream, _ = await in_memory()
    upstream.released.clear()
    loading = load.load(PROFILE)
    await upstream.until(1)
    assert load.get_cached(PROFILE) is None

    upstream.released.set()
    assert await loading is load.get_cached(PROFILE)
    upstream.error = UpstreamNotFound()
    with pytest.raises(UpstreamNotFound):
        await load.load(OTHER)
    assert load.get_cached(OTHER) is None
    assert load.fetch_context.stats == FetchStats(requests=2)


async def test_a_failing_path_does_not_fail_the_rest_of_its_batch() -> None:
    load, _ = loaders({PROFILE: {}})

    answers = await asyncio.gather(load.load(PROFILE), load.load(OTHER), return_exceptions=True)

    assert answers[0] == {}
    assert isinstance(answers[1], UpstreamNotFound)


async def test_the_number_of_current_comes_from_its_self_link() -> None:
    load, table = loaders({"/releases/current": linked_document("3.27")})

    assert [await load.release_number(item) for item in ("current", "3.11", "current")] == ["3.27", "3.11", "3.27"]
    assert table.batches == [["/releases/current"]]


async def test_the_cached_current_release_equals_the_loaded_one() -> None:
    for headers, others in (
        (linked_document("3.27"), {}),
        ({"number": "3.26"}, {}),
        (linked_document("3.26") | {"number": "2026-06"}, {"/releases/2026-06": {"number": "2026-06"}}),
    ):
        documents = {CURRENT: headers, **others}
        load, _, _ = await in_memory(*documents, documents=documents)
        other, _, _ = await in_memory(*documents, documents=documents)
        assert load.releases.get_cached() == await other.release_number("current") is not None
        assert load.fetch_context.stats == other.fetch_context.stats == FetchStats(cached=len(documents))
        assert load.fetch_context.depends_on_current


async def test_the_current_release_is_uncached_if_it_needs_another_request() -> None:
    for documents in ({}, {CURRENT: {}}, {CURRENT: linked_document("3.26") | {"number": "2026-06"}}):
        load, upstream, _ = await in_memory(*documents, documents=documents)
        assert load.releases.get_cached() is None
        assert upstream.requests == []


@pytest.mark.parametrize(
    ("document", "numbers"),
    [
        (linked_document("3.27"), ["3.27"]),
        (linked_document("current") | {"number": "3.27"}, ["3.27"]),
        (linked_document("3.26") | {"number": "3.27"}, ["3.27", "3.26"]),
        ({"releaseNumber": "3.27"}, ["3.27"]),
        ({"_embedded": {"softSkillList": [linked_document("3.27", "/softskills/x")]}}, ["3.27"]),
        ({"number": "current"}, []),
        ({"number": 3.27}, []),
        ({"number": "../x"}, []),
        ({}, []),
    ],
)
def test_the_release_number_is_read_from_a_document(document: dict[str, Any], numbers: list[str]) -> None:
    assert release_numbers(document) == numbers


async def test_if_key_and_link_differ_the_served_release_is_current() -> None:
    current = {"/releases/current": linked_document("3.26") | {"number": "2026-06"}}
    load, _ = loaders(current)
    assert await load.release_number("current") == "3.26"

    load, _ = loaders(current | {"/releases/2026-06": {"number": "2026-06"}})
    assert await load.release_number("current") == "2026-06"


async def test_without_current_routes_a_search_hit_names_the_current_release() -> None:
    hit = {"document": {"id": "x", "releaseNumber": "3.27"}}
    search = "/search?searchValue=a&entityTypes=OCCUPATIONAL_PROFILE&page=0&size=1"
    load, _ = loaders({search: {"_embedded": {"competentSearchResultList": [hit]}}})

    assert await load.release_number("current") == "3.27"


async def test_without_release_routes_soft_skills_name_the_current_release() -> None:
    list_document = {"_embedded": {"softSkillList": [linked_document("3.27", "/softskills/x")]}}
    load, _ = loaders({"/releases/current/softskills": list_document, "/releases/3.27/softskills": list_document})

    assert await load.release_number("current") == "3.27"
    assert await load.release_exists("3.27")
    assert not await load.release_exists("3.26")


async def test_a_current_release_without_a_number_is_an_invalid_response() -> None:
    load, _ = loaders({"/releases/current": {}})

    with pytest.raises(UpstreamInvalidResponse):
        await load.release_number("current")


async def test_an_invalid_release_number_is_never_requested() -> None:
    load, table = loaders({})

    with pytest.raises(ReleaseNotFound):
        await load.release_number("../admin")
    assert table.batches == []


async def test_a_slice_of_a_list_loads_only_the_pages_it_needs() -> None:
    pages = {
        f"{LIST}?page={page}&size=500": list_document(*range(page * 3, min(page * 3 + 3, 10)), total=10)
        for page in range(4)
    }
    load, table = loaders(pages)
    listing = load.listing(LIST)

    assert codes(await listing.part(5, 8)) == [5, 6, 7]
    assert table.batches == [[FIRST], [f"{LIST}?page=1&size=500", f"{LIST}?page=2&size=500"]]
    assert codes(await listing.all()) == list(range(10))
    assert codes(await listing.part(9, 50)) == [9]
    assert await listing.part(4, 4) == []


async def test_an_unpaged_list_is_read_in_one_request_unless_it_has_pages() -> None:
    load, table = loaders({LIST: {"_embedded": {"x": [{"code": 0}, {"code": 1}]}}})
    assert len(await load.listing(LIST, paged=False).all()) == 2
    assert table.batches == [[LIST]]

    pages = {
        f"{LIST}?page={page}&size=500": list_document(*numbers, total=4)
        for page, numbers in enumerate(([0, 1, 2], [3]))
    }
    load, _ = loaders({LIST: list_document(0, 1, total=4), **pages})
    assert codes(await load.listing(LIST, paged=False).all()) == [0, 1, 2, 3]


async def test_a_short_page_does_not_shift_items_of_the_next_one() -> None:
    pages = {
        FIRST: list_document(0, 1, 2, total=9),
        f"{LIST}?page=1&size=500": list_document(3, 4, total=9),
        f"{LIST}?page=2&size=500": list_document(6, 7, 8, total=9),
    }
    load, _ = loaders(pages)

    assert codes(await load.listing(LIST).part(5, 8)) == [6, 7]
    assert codes(await load.listing(LIST).all()) == [0, 1, 2, 3, 4, 6, 7, 8]


async def test_pages_with_fewer_items_than_declared_are_all_read() -> None:
    pages = {
        f"{LIST}?page={page}&size=500": list_document(*range(page * 3, page * 3 + 3), total=9, size=500)
        for page in range(3)
    }
    load, _ = loaders(pages)

    assert codes(await load.listing(LIST).all()) == list(range(9))


async def test_a_list_with_an_excessive_total_is_rejected() -> None:
    load, table = loaders({FIRST: list_document(0, total=20_000_000, size=1)})

    with pytest.raises(UpstreamInvalidResponse, match="more than 10,000 pages: 20,000,000 items in pages of 1"):
        await load.listing(LIST).all()
    assert len(table.batches) == 1


async def test_an_endless_list_without_a_total_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_PAGES", 3)
    load, _ = loaders({f"{LIST}?page={page}&size=500": {"_embedded": {"x": [{"code": page}]}} for page in range(9)})

    with pytest.raises(UpstreamInvalidResponse, match="3 items in the first 3 pages, and more follow"):
        await load.listing(LIST).all()


async def test_a_list_is_complete_although_upstream_caps_its_pages() -> None:
    pages = {
        f"{LIST}?page={page}&size=500": list_document(*range(page * 20, page * 20 + 20), total=30_000, size=20)
        for page in range(1500)
    }
    load, _ = loaders(pages)

    assert codes(await load.listing(LIST).all()) == list(range(30_000))


async def test_pages_counted_from_1_are_detected() -> None:
    pages = {
        f"{LIST}?page={page}&size=500": list_document(page * 3 - 3, page * 3 - 2, page * 3 - 1, total=6)
        for page in (1, 2)
    }
    for page, document in enumerate(pages.values(), 1):
        document["page"]["number"] = page
    load, table = loaders({FIRST: pages[f"{LIST}?page=1&size=500"], **pages})

    assert codes(await load.listing(LIST).all()) == [0, 1, 2, 3, 4, 5]
    assert table.batches == [[FIRST], [f"{LIST}?page=2&size=500"]]


async def test_a_list_without_a_total_is_read_until_a_page_has_no_new_items() -> None:
    pages = {f"{LIST}?page={page}&size=500": {"_embedded": {"x": [{"code": page}]}} for page in range(3)}
    for beyond in (
        {},
        {f"{LIST}?page=3&size=500": {"_links": {}}},
        {f"{LIST}?page=3&size=500": pages[f"{LIST}?page=2&size=500"]},
    ):
        load, _ = loaders({**pages, **beyond})
        assert codes(await load.listing(LIST).all()) == [0, 1, 2]


async def test_an_empty_list_has_no_embedded_items_and_no_further_pages() -> None:
    load, table = loaders({FIRST: {"page": {"size": 500, "totalElements": 0, "totalPages": 0}}})

    assert await load.listing(LIST).all() == []
    assert len(table.batches) == 1


async def test_a_scheduled_batch_does_not_start_after_close() -> None:
    load, table = loaders({PROFILE: linked_document("3.11")})
    load.load(PROFILE)  # a DataLoader starts its batch in a later pass of the event loop
    load.close()
    for _ in range(10):
        await asyncio.sleep(0)

    assert table.batches == []
