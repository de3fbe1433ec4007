"""Cached results of index lookups: the same objects, bounded, and available to the next request."""

import asyncio
import sqlite3
from collections.abc import Sequence
from uuid import UUID

from graphql_api.competent.declarations import SKILL, TECHNICAL_COMPETENCE
from graphql_api.index import UNKNOWN
from graphql_api.index.concepts import IndexedConcept, by_code, by_row_id, by_uuid
from graphql_api.index.lookup_cache import LookupCache
from graphql_api.index.usage import Use, profiles_using
from graphql_api.sandbox import Releases
from graphql_api.schema.loaders import Loaders
from graphql_api.settings import Settings
from tests.conftest import CP_7, running


def thing(n: int) -> IndexedConcept:
    return IndexedConcept(n, SKILL, UUID(int=n), f"SK-{n}", {"id": str(UUID(int=n))})


def test_results_are_cached_per_query_including_missing_ones() -> None:
    cache = LookupCache()
    cache.put(by_code, "a", None)

    assert cache.get(by_code, "a") is None
    assert cache.get(by_uuid, "a") is UNKNOWN
    assert cache.get(by_code, "b") is UNKNOWN


def test_a_concept_is_the_same_object_in_every_result() -> None:
    cache = LookupCache()
    first = cache.put(by_uuid, "a", thing(1))

    assert cache.put(by_code, "SK-1", thing(1)) is first
    assert cache.put(by_row_id, 1, thing(1)) is first
    assert cache.get(by_row_id, 1) is cache.get(by_uuid, "a") is cache.get(by_code, "SK-1") is first


def test_the_cache_is_bounded_in_bytes_and_evicts_the_least_used() -> None:
    cache = LookupCache(10_000)
    for n in range(100):
        for _ in range(2):
            cache.put(by_row_id, n, thing(n))
        cache.get(by_row_id, 0)
    cache.put(profiles_using, 1, [Use(n, True) for n in range(60)])

    assert cache.bytes <= 10_000
    assert cache.get(by_row_id, 0) is not UNKNOWN
    assert cache.get(by_row_id, 1) is UNKNOWN
    for _ in range(2):
        cache.put(profiles_using, 2, [Use(n, True) for n in range(1000)])  # more than fits at all
    assert cache.get(profiles_using, 2) is UNKNOWN
    assert cache.get(by_row_id, 0) is not UNKNOWN


async def test_concepts_and_their_usage_are_looked_up_synchronously(releases: Releases, settings: Settings) -> None:
    async with running(releases, settings) as server:
        services = server.app.state.services
        load: Loaders = services.loaders()
        assert load.look_up_cached("3.11", by_row_id, 1) is UNKNOWN  # no index is open yet
        await services.indexes.ready("3.11")

        code = (TECHNICAL_COMPETENCE, "CP-7")
        concept: IndexedConcept = load.look_up_cached("3.11", by_code, code)
        assert str(concept.uuid) == CP_7
        assert load.look_up_cached("3.11", by_row_id, concept.row_id) is concept
        assert load.look_up_cached("3.11", by_code, (SKILL, "CP-7")) is None
        uses = load.look_up_cached("3.11", profiles_using, concept.row_id)
        assert uses == (await (await load.index("3.11")).query(profiles_using, [concept.row_id]))[concept.row_id] != []


async def test_lookups_of_one_request_are_cached_for_the_next(releases: Releases, settings: Settings) -> None:
    requests: list[list[int]] = []

    def lookup(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, IndexedConcept]:
        requests.append(list(numbers))
        return by_row_id(connection, [n for n in numbers if n > 0])

    async with running(releases, settings) as server:
        services = server.app.state.services
        load: Loaders = services.loaders()
        assert load.look_up_cached("3.11", lookup, 1) is UNKNOWN
        result = await asyncio.gather(*(load.look_up("3.11", lookup, n) for n in (1, 2, -1)))
        assert requests == [[1, 2, -1]]

        second: Loaders = services.loaders()
        assert [second.look_up_cached("3.11", lookup, n) for n in (1, 2, -1)] == result
        assert await second.look_up("3.11", lookup, 1) is result[0]
        by_its_uuid = await second.look_up("3.11", by_uuid, (result[0].type, result[0].uuid))
        first = (await second.index("3.11")).canonical([result[0]._replace(item={})])[0]
        assert by_its_uuid is first is result[0]
        assert result[2] is None
        assert requests == [[1, 2, -1]]


def test_a_scan_of_a_release_evicts_no_lookup() -> None:
    cache = LookupCache(13_000)
    for n in range(10):
        cache.put(by_row_id, n, thing(n))

    for n in range(10, 500):
        cache.put(by_row_id, n, thing(n))

    assert all(cache.get(by_row_id, n) is not UNKNOWN for n in range(10))
    cache.put(by_row_id, 499, thing(499))
    assert cache.get(by_row_id, 499) is not UNKNOWN
