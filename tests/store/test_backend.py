"""Promises of `Backend` that hold for every backend."""

import asyncio

import pytest

from graphql_api.competent.fetch import Validators
from graphql_api.store import Backend
from graphql_api.store.freshness import CacheEntry
from tests.store.fakes import OTHER, PROFILE, OpenBackend, entry_of, profile

HERE = "https://api.example"


async def until_found(backend: Backend, path: str) -> CacheEntry:
    """What another has put is there soon."""
    for _ in range(1000):
        if document := (await backend.get_many([path])).get(path):
            return document
        await asyncio.sleep(0.001)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize("validators", [Validators(), Validators('W/"a1"', "Wed, 01 Jul 2026 00:00:00 GMT")])
async def test_a_stored_document_is_read_back_unchanged(open_backend: OpenBackend, validators: Validators) -> None:
    document = entry_of(
        PROFILE, 1234.5, validators, title="Kok à la carte", description={"nl": None}, softSkills=[OTHER[-36:]]
    )
    mine, other = open_backend(HERE), open_backend(HERE)

    mine.put(PROFILE, document)

    assert await mine.get_many([PROFILE, OTHER]) == {PROFILE: document}
    assert await until_found(other, PROFILE) == document


async def test_a_write_is_visible_to_its_own_store_immediately(open_backend: OpenBackend) -> None:
    backend = open_backend(HERE)
    for version in range(50):
        backend.put(PROFILE, entry_of(PROFILE, float(version), code=version))
        assert (await backend.get_many([PROFILE]))[PROFILE].document["code"] == str(version)


async def test_documents_survive_a_restart_of_the_store(open_backend: OpenBackend) -> None:
    first = open_backend(HERE)
    for number in range(300):
        first.put(profile(number), entry_of(profile(number), 5.0, code=number))
    await first.aclose()

    documents = await open_backend(HERE).get_many(map(profile, range(300)))

    assert [documents[profile(number)].document["code"] for number in range(300)] == [
        str(number) for number in range(300)
    ]


async def test_thousands_of_documents_are_read_in_one_call(open_backend: OpenBackend) -> None:
    backend = open_backend(HERE)
    paths = [profile(number) for number in range(2500)]
    for path in paths:
        backend.put(path, entry_of(path))

    assert len(await backend.get_many(paths)) == 2500
    assert await backend.get_many([]) == {}


async def test_documents_of_two_apis_in_one_store_stay_separate(open_backend: OpenBackend) -> None:
    mine, other = open_backend("https://a.example"), open_backend("https://b.example")
    mine.put(PROFILE, entry_of(PROFILE, code="a"))
    other.put(PROFILE, entry_of(PROFILE, code="b"))
    await until_found(mine, PROFILE)

    assert (await mine.get_many([PROFILE]))[PROFILE].document["code"] == "a"
    assert (await other.get_many([PROFILE]))[PROFILE].document["code"] == "b"


async def test_concurrent_reads_and_writes_see_the_latest_document(open_backend: OpenBackend) -> None:
    backends = [open_backend(HERE) for _ in range(3)]

    async def work(backend: Backend, number: int) -> None:
        backend.put(profile(number), entry_of(profile(number), code=number))
        assert (await backend.get_many([profile(number)]))[profile(number)].document["code"] == str(number)

    await asyncio.gather(*(work(backend, number) for number in range(100) for backend in backends))


async def test_closing_writes_pending_documents(open_backend: OpenBackend) -> None:
    backend = open_backend(HERE)
    await backend.get_many([PROFILE])
    backend.put(PROFILE, entry_of(PROFILE))
    await backend.aclose()

    assert PROFILE in await open_backend(HERE).get_many([PROFILE])
